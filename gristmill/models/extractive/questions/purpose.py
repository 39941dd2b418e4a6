"""What named things do: "The `cargo check` command checks …", "Rust requires …", "X consists of …"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import find_verb, good_subject, is_adverb, is_plural, lower_first, text_after, tokenize
from gristmill.models.extractive.lexicon import PREPOSITIONS
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, QuestionType, body, in_context, is_key, topic_bonus
from gristmill.models.extractive.selfcheck import announces, known_kind, made_up_name
from gristmill.models.extractive.spans import last_continuing, sentence_span

_ACTS = frozenset(
    "create return print check compile run generate convert remove add insert read write update install download "
    "build delete tell allow enable let prevent ensure provide define store take stop open close search "
    "execute produce send display show list copy move format handle wrap unwrap turn transform iterate apply mark "
    "specify indicate signal declare import export load parse append replace split join keep make set get "
    "compare signal help eliminate cause control protect filter sort measure regulate monitor record calculate determine switch".split()
)
_PARTS = re.compile(r"(?:consists? of|(?:is|are) made up of|(?:is|are) composed of|comprises?|(?:is|are) divided into) (?P<rest>.{12,})")


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What does X do?", "What is X used for?", "What does X consist of?"."""
    for sentence in passage.sentences:
        if not is_key(sentence) or announces(sentence.text):
            continue
        found = _ask(passage, sentence)
        if found:
            question, kind, confidence = found
            span = sentence_span(passage, sentence, last_continuing(passage, sentence))
            yield Candidate(in_context(passage, question), kind, span, confidence, "purpose")


def _ask(passage: Passage, sentence: Sentence) -> tuple[str, QuestionType, float] | None:
    text = body(sentence)
    tokens = tokenize(text)
    at = find_verb(tokens)
    if at is None:
        return None
    subject = [t for t in tokens[:at] if not is_adverb(t.low)]
    if not good_subject(subject) or len(subject) > 6 or any(t.low in PREPOSITIONS - {"of"} for t in subject):
        return None
    if verbs.base_of(subject[0].low, "ing"):
        return None
    name = lower_first(passage, text[: subject[-1].end])
    if name is None or any(made_up_name(passage, t.text) for t in subject if t.is_code):
        return None
    plural = is_plural(subject)
    bonus = topic_bonus(passage, sentence, re.sub(r"^(?:an?|the) ", "", name).strip("`"))
    return _composition(text, tokens[at].start, name, plural, bonus) or _action(text, tokens, at, name, plural, bonus)


def _composition(text: str, verb_start: int, name: str, plural: bool, bonus: float) -> tuple[str, QuestionType, float] | None:
    found = _PARTS.match(text[verb_start:])
    if not found:
        return None
    return f"What {'do' if plural else 'does'} {name} consist of?", "factual", 0.78 + bonus


def _action(text: str, tokens: list, at: int, name: str, plural: bool, bonus: float) -> tuple[str, QuestionType, float] | None:  # type: ignore[type-arg]
    tail = text_after(tokens, at)
    if tokens[at].low in ("is", "are"):
        used = re.match(r"(?:\w+ly )?used (?:to|for|when|as|by|in) .{12,}", tail)
        return (f"What {tokens[at].low} {name} used for?", "factual", 0.75 + bonus) if used else None
    base = verbs.base_of(tokens[at].low, "base" if plural else "s")
    if tokens[at - 1].low == "also" or "because" in tail or re.match(r"us also|you also", tail):
        return None
    if base not in _ACTS or len(tail.split()) < 4:
        return None
    coded = any(t.is_code for t in tokens[:at])
    kind = any(known_kind(t.low) for t in tokens[:at])
    if not coded and not kind and not bonus:
        return None
    return f"What {'do' if plural else 'does'} {name} do?", "factual", (0.76 if coded and kind else 0.72) + bonus
