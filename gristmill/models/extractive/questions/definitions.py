"""Definitions: "A trait is …", "Ownership is a set of …", "… is called _borrowing_"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive.grammar import (
    Token,
    find_verb,
    good_subject,
    is_adverb,
    lower_first,
    text_after,
    tokenize,
)
from gristmill.models.extractive.lexicon import PREPOSITIONS
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.attributes import PERSON
from gristmill.models.extractive.questions.candidate import (
    EVALUATION,
    VAGUE_TERMS,
    Candidate,
    body,
    defined,
    in_context,
    is_key,
    split_prefix,
    topic_bonus,
)
from gristmill.models.extractive.selfcheck import announces, made_up_name
from gristmill.models.extractive.spans import lead_length

_ASKED = {"stands for": "stand for", "represents": "represent", "denotes": "denote"}
# "Sourdough is bread that …": a class without article.
_MASS = re.compile(r"(?:[a-z]+-?[a-z]* ){1,3}(?:that|in which|made (?:of|from)|consisting of) [a-z]+ ")
# "It is clear that …" looks the same and defines nothing.
_OPINION = re.compile(
    r"(?:\w+ly )?(?:clear|possible|important|likely|unlikely|true|certain|sure|evident|obvious|"
    r"necessary|essential|"
    r"such|so|not|now|aware|confident|proud|glad|used|known|said|defined|written|stored|done|"
    r"what|how|something)\b"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What is X?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _copula(passage, sentence)
            yield from _meaning(passage, sentence)


def _copula(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    prefix, text = split_prefix(body(sentence))
    tokens = tokenize(text)
    at = find_verb(tokens)
    if at is None or tokens[at].low not in ("is", "are"):
        return
    subject_tokens = [t for t in tokens[:at] if not is_adverb(t.low)]
    predicate = text_after(tokens, at)
    if not _definable(subject_tokens) or not _describes(predicate, tokens[at].low == "are"):
        return
    if any(t.is_code and not re.search(r"[A-Za-z]", t.text) for t in subject_tokens):
        return
    subject = lower_first(passage, text[: subject_tokens[-1].end])
    if subject is None or _is_made_up(passage, subject) or PERSON.match(text):
        return
    marked = _starts_marked(passage, sentence)
    confidence = 0.72 + 0.12 * marked + topic_bonus(passage, sentence, _bare(subject))
    question = f"{prefix}what {tokens[at].low} {subject}?"
    question = question if prefix else in_context(passage, question)
    yield defined(passage, sentence, question, confidence, "copula")


def _definable(subject: list[Token]) -> bool:
    if not good_subject(subject) or len(subject) > 6:
        return False
    lows = [t.low for t in subject]
    if is_adverb(lows[0]) or (len(lows) == 1 and lows[0].endswith("ed")):
        return False
    if lows[0] in (
        "each",
        "every",
        "all",
        "most",
        "many",
        "any",
        "no",
        "several",
        "various",
        "certain",
        "two",
        "three",
    ):
        return False
    if any(low in PREPOSITIONS - {"of"} or low in ("and", "or") for low in lows):
        return False
    if (
        lows[0] == "the"
        and not any(t.is_code or t.text[0].isupper() for t in subject[1:])
        and "of" not in lows
    ):
        return False
    return lows[-1] not in VAGUE_TERMS and lows[-1] not in (
        "way",
        "reason",
        "difference",
        "idea",
        "problem",
        "goal",
    )


def _describes(predicate: str, plural: bool) -> bool:
    words = predicate.split()
    if len(words) < 5 or EVALUATION.match(predicate.lower()):
        return False
    first = words[0].lower()
    if _MASS.match(predicate) and not _OPINION.match(predicate):
        return True
    return first in ("a", "an", "the", "any") or (
        plural and not first.endswith(("ed", "ing", "ly")) and _noun_class(words)
    )


def _noun_class(words: list[str]) -> bool:
    return bool(
        re.match(
            r"(?:[a-z-]+ ){0,2}[a-z-]+s (?:that|which|of|for|in|with|not|available|used|made|whose|"
            r"who|where)\b",
            " ".join(words),
        )
    )


def _starts_marked(passage: Passage, sentence: Sentence) -> bool:
    text = passage.blocks[sentence.block].text
    start = sentence.start + lead_length(sentence.text)
    return bool(
        text
        and any(
            a - start <= 4
            for a, _ in text.marked("em", start, sentence.end) + text.marked("strong", start, sentence.end)
        )
    )


def _bare(term: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", term)


def _is_made_up(passage: Passage, term: str) -> bool:
    return any(made_up_name(passage, code) for code in re.findall(r"`[^`]+`", term))


def _meaning(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    found = re.match(
        r"(?P<s>[^,;:]{2,60}?) (?:also )?(?P<v>means|mean|refers to|refer to|denotes|represents|stands for|"
        r"describes|defines) (?P<rest>.{25,})",
        text,
    )
    if not found:
        return
    tokens = tokenize(found["s"])
    if not _definable(tokens) and not (_starts_marked(passage, sentence) and good_subject(tokens)):
        return
    subject = lower_first(passage, found["s"])
    if subject is None or find_verb(tokens) is not None or _is_made_up(passage, subject):
        return
    marked = _starts_marked(passage, sentence)
    if found["v"] in ("describes", "defines"):
        if not marked:
            return
        question = f"What is {subject}?"
    else:
        verb = "do" if found["v"] in ("mean", "refer to") else "does"
        question = f"What {verb} {subject} {_ASKED.get(found['v'], 'mean')}?"
    confidence = 0.75 + 0.1 * marked + topic_bonus(passage, sentence, _bare(subject))
    yield defined(passage, sentence, in_context(passage, question), confidence, "meaning")
