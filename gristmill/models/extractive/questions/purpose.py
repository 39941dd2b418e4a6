"""What named things do: "The `cargo check` command checks …", "Rust requires …", "X consists of …"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import (
    Token,
    find_verb,
    good_subject,
    is_adverb,
    is_plural,
    lower_first,
    text_after,
    to_second_person,
    tokenize,
)
from gristmill.models.extractive.lexicon import PREPOSITIONS, words
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import (
    Candidate,
    QuestionType,
    body,
    in_context,
    is_key,
    topic_bonus,
)
from gristmill.models.extractive.selfcheck import announces, known_kind, made_up_name, walks_through
from gristmill.models.extractive.spans import last_continuing, sentence_span

# Verbs that tell what a command or function is for; states such as "has" do not.
_ACTS = words("""
create return print check compile run generate convert remove add insert read write update install
download build delete tell allow enable let prevent ensure provide define store take stop open close
search execute produce send display show list copy move format handle wrap unwrap turn transform
iterate apply mark specify indicate signal declare import export load parse append replace split
join keep make set compare signal help eliminate cause control protect filter sort measure regulate
monitor record calculate determine switch
""")
_PARTS = re.compile(
    r"(?:consists? of|(?:is|are) made up of|(?:is|are) composed of|comprises?|(?:is|are) divided "
    r"into) (?P<rest>.{12,})"
)


_USE = re.compile(
    r"^(?:Just like [^,]{4,60}, )?(?:you|we|You|We) (?P<can>can )?(?:also )?use (?P<what>(?:(?:an?|"
    r"the) )?[\w`'&.!()-]+(?: [\w`'&.!()-]+){0,3}?) to "
    r"(?P<act>[a-z]+) .{12,}$"
)
_ENSURE = {
    "ensures": "ensure",
    "ensure": "ensure",
    "requires": "require",
    "require": "require",
    "prevents": "prevent",
    "prevent": "prevent",
    "guarantees": "guarantee",
    "indicates": "indicate",
    "determines": "determine",
    "determine": "determine",
    "causes": "cause",
    "cause": "cause",
}


Asked = tuple[str, QuestionType, float]


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


@dataclass(frozen=True, slots=True)
class _Statement:
    """A sentence whose subject can be asked about; ``tokens[at]`` is its verb."""

    text: str
    tokens: list[Token]
    at: int
    subject: list[Token]
    name: str
    bonus: float

    @property
    def plural(self) -> bool:
        return is_plural(self.subject)

    @property
    def do(self) -> str:
        return "do" if self.plural else "does"


def _ask(passage: Passage, sentence: Sentence) -> Asked | None:
    text = body(sentence)
    if used := _USE.match(text):
        return None if walks_through(passage) and not used["can"] else _use(used)
    statement = _statement(passage, sentence, text)
    return (_composition(statement) or _effect(statement) or _action(statement)) if statement else None


def _statement(passage: Passage, sentence: Sentence, text: str) -> _Statement | None:
    tokens = tokenize(text)
    at = find_verb(tokens)
    if at is None:
        return None
    subject = [t for t in tokens[:at] if not is_adverb(t.low)]
    if not good_subject(subject) or len(subject) > 6 or verbs.base_of(subject[0].low, "ing"):
        return None
    if any(t.low in PREPOSITIONS - {"of"} for t in subject):
        return None
    name = lower_first(passage, text[: subject[-1].end])
    if name is None or any(made_up_name(passage, t.text) for t in subject if t.is_code):
        return None
    bonus = topic_bonus(passage, sentence, re.sub(r"^(?:an?|the) ", "", name).strip("`"))
    return _Statement(text, tokens, at, subject, name, bonus)


def _composition(s: _Statement) -> Asked | None:
    if not _PARTS.match(s.text[s.tokens[s.at].start :]):
        return None
    return f"What {s.do} {s.name} consist of?", "factual", 0.78 + s.bonus


def _effect(s: _Statement) -> Asked | None:
    """ "X is used for …", "X ensures that …"."""
    tail, word = text_after(s.tokens, s.at), s.tokens[s.at].low
    if word in ("is", "are"):
        used = re.match(r"(?:\w+ly )?used (?:to|for|when|as|by|in) .{12,}", tail)
        return (f"What {word} {s.name} used for?", "factual", 0.75 + s.bonus) if used else None
    if word not in _ENSURE or len(tail.split()) < 4 or s.at < 2:
        return None
    return (
        f"What {'does' if word.endswith('s') else 'do'} {s.name} {_ENSURE[word]}?",
        "factual",
        0.72 + s.bonus,
    )


def _action(s: _Statement) -> Asked | None:
    """ "The `cargo check` command checks …", "Slices let you …"."""
    tail, at = text_after(s.tokens, s.at), s.at
    if s.tokens[at - 1].low in ("also", "only", "now", "then") or "because" in tail or " also " in tail[:10]:
        return None
    base = verbs.base_of(s.tokens[at].low, "base" if s.plural else "s")
    if base not in _ACTS or len(tail.split()) < 4:
        return None
    coded = any(t.is_code and re.search(r"[A-Za-z]|^`\?`$", t.text) for t in s.subject)
    kind = any(known_kind(t.low) for t in s.subject)
    if not coded and (any(t.is_code for t in s.subject) or (not kind and not s.bonus)):
        return None
    if base in ("allow", "let", "enable") and re.match(
        r"(?:you|us|users|developers|programmers|people) ", tail
    ):
        return (
            f"What {s.do} {s.name} {base} you {'do' if base == 'let' else 'to do'}?",
            "factual",
            0.77 + s.bonus,
        )
    if (s.plural and not coded) or base in ("allow", "let", "enable"):
        return None
    return f"What {s.do} {s.name} do?", "factual", (0.76 if coded and kind else 0.72) + s.bonus


def _use(found: re.Match[str]) -> Asked | None:
    """ "You use modules to organize your code"."""
    if not verbs.is_base(found["act"]) or find_verb(tokenize(found["what"])) is not None:
        return None
    what = to_second_person(found["what"])
    return f"What {'can' if found['can'] else 'do'} you use {what} for?", "factual", 0.76
