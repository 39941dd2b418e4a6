"""Tokens, subjects and verbs: enough grammar to turn a statement into a question, or to refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gristmill.models.extractive import verbs
from gristmill.models.extractive.lexicon import (
    ADVERBS,
    ARTICLES,
    AUXILIARIES,
    BE,
    CONTRACTED,
    COORDINATORS,
    DANGLING,
    DEMONSTRATIVES,
    DETERMINERS,
    FIRST_PERSON,
    MODALS,
    ONES,
    PREPOSITIONS,
    SUBORDINATORS,
)  # fmt: skip
from gristmill.models.extractive.passage import Passage, straight

_TOKEN = re.compile(r"`[^`]+`(?:'s|s)?|[A-Za-z0-9_$€£&][\w'%]*(?:[-./+&][\w']+)*[%+#]*|[^\w\s]")


# "Why is X also fast?" asks about what was said before.
_SURPLUS = re.compile(
    r"^(?:(?:also|then|therefore|thus|already|now|again|still|instead|however|even|actually|"
    r"really|just|simply) )+"
)


# Plurals without an s.
_PLURALS = frozenset(["people", "children", "men", "women", "data", "criteria", "mice", "police", "bacteria"])


@dataclass(frozen=True, slots=True)
class Token:
    """A word, code span or punctuation mark of straightened text."""

    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        """Lower case."""
        return self.text.lower()

    @property
    def is_code(self) -> bool:
        """Whether it is an inline code span."""
        return self.text.startswith("`")

    @property
    def is_word(self) -> bool:
        """Whether it is a word or code, no punctuation."""
        return self.is_code or self.text[0].isalnum() or self.text[0] in "_$€£"


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement taken apart: ``why {aux} {subject} {rest}``; ``verb`` is the base of the main verb."""

    aux: str
    subject: str
    rest: str
    verb: str
    plural: bool


def tokenize(text: str) -> list[Token]:
    """Tokens of ``text`` (quotes straightened first)."""
    return [Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(straight(text))]


def is_adverb(word: str) -> bool:
    """Adverbs that stand between subject and verb."""
    return word in ADVERBS or (
        word.endswith("ly") and len(word) > 4 and word not in ("apply", "supply", "reply", "rely")
    )


def lower_first(passage: Passage, text: str) -> str | None:
    """``text`` as it would stand inside a sentence; ``None`` when its first word may be a name or not."""
    found = re.match(r"[A-Za-z][\w'’-]*", text)
    if not found or not text[0].isupper():
        return text
    word = found[0]
    proper = passage.is_proper(word)
    if proper is None:
        return (text[0].lower() + text[1:]) if _surely_common(word, text) else None
    if (
        not proper
        and re.match(r"\s[A-Z][a-z]", text[len(word) :])
        and straight(word).lower() not in DETERMINERS
    ):
        return None
    return text if proper else text[0].lower() + text[1:]


def _surely_common(word: str, text: str) -> bool:
    low = straight(word).lower()
    known = (
        low in _PLURALS | DETERMINERS | PREPOSITIONS | SUBORDINATORS or is_adverb(low) or verbs.is_verb(low)
    )
    # Names of more than one word would go on with a capital.
    second = text[len(word) :].lstrip()[:1]
    return (known or (low.endswith("s") and len(low) > 4)) and not second.isupper()


def find_verb(tokens: list[Token]) -> int | None:
    """Index of the main finite verb, ``None`` when it is not certain."""
    for i, token in enumerate(tokens):
        low = token.low
        if not token.is_word and token.text not in "()\"'-–":
            return None
        if low in SUBORDINATORS and low not in ("how",) and i > 0:
            return None
        if i > 0 and (low in AUXILIARIES or low in CONTRACTED):
            return i
        if i > 0 and _is_finite(tokens, i):
            return i
    return None


def _is_finite(tokens: list[Token], i: int) -> bool:
    token, before = tokens[i], tokens[i - 1].low
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if (
        before in DETERMINERS
        or before in PREPOSITIONS
        or before in ("to", "and", "or")
        or token.text[0].isupper()
    ):
        return False
    opens = after is not None and (
        after.low in DETERMINERS | PREPOSITIONS | SUBORDINATORS
        or after.is_code
        or after.low in ONES
        or after.text[0].isdigit()
        or is_adverb(after.low)
    )
    if verbs.base_of(token.low, "s"):
        return opens or not verbs.is_noun_like(token.low)
    if verbs.base_of(token.low, "base") and is_plural(tokens[:i]):
        return opens or not verbs.is_noun_like(token.low)
    past = verbs.base_of(token.low, "past")
    name = all(t.text[0].isupper() for t in tokens[:i] if t.is_word and t.low not in ADVERBS | {"the", "and"})
    return bool(past) and opens and name and (after is None or after.low != "by")


def is_plural(subject: list[Token]) -> bool:
    """Whether a subject takes "are": judged by its head (before any preposition) or an "and"."""
    words = [t for t in subject if t.is_word and not is_adverb(t.low)]
    head: list[Token] = []
    for token in words:
        if head and token.low in PREPOSITIONS:
            break
        head.append(token)
    if not head or verbs.base_of(head[0].low, "ing") or head[0].low in ("each", "every", "a", "an"):
        return False
    if any(t.low == "and" for t in head) or head[0].low in ("you", "we", "they", "these", "those"):
        return True
    last = head[-1].low
    return last in _PLURALS or (
        last.endswith("s")
        and not last.endswith(("ss", "us", "is", "'s", "`"))
        and not (len(head) > 1 and head[-1].text[0].isupper())
    )


def take_clause(passage: Passage, text: str) -> Clause | None:
    """Take a statement apart for inversion; ``None`` when its grammar is not plain enough."""
    text = straight(text).strip().rstrip(".")
    tokens = tokenize(text)
    at = find_verb(tokens)
    if at is None or at + 1 >= len(tokens):
        return None
    end = at
    while end > 1 and is_adverb(tokens[end - 1].low):
        end -= 1
    subject_tokens = tokens[:end]
    if not good_subject(subject_tokens):
        return None
    subject = lower_first(passage, text[: tokens[end - 1].end])
    if subject is None:
        return None
    adverbs = text[tokens[end].start : tokens[at].start].strip()
    rest = text[tokens[at].end :].strip()
    return _clause(tokens, at, subject, adverbs, rest, is_plural(subject_tokens))


def _clause(
    tokens: list[Token], at: int, subject: str, adverbs: str, rest: str, plural: bool
) -> Clause | None:
    verb = tokens[at].low
    rest = _SURPLUS.sub("", f"{adverbs} {rest}".strip())
    adverbs = _SURPLUS.sub("", adverbs + " ").strip()
    following = next((t.low for t in tokens[at + 1 :] if not is_adverb(t.low)), "")
    perfect = verbs.base_of(following, "part") is not None or following == "been"
    if verb == "cannot":
        return Clause("can", subject, f"not {rest}", "can", plural)
    if verb in BE | MODALS or (verb in ("has", "have", "had") and perfect):
        return Clause(verb, subject, rest, "be" if verb in BE else verb, plural)
    if verb in CONTRACTED or verb in ("does", "do", "did"):
        return Clause(verb, subject, rest, following, plural)
    for form, aux in (("s", "does"), ("base", "do"), ("past", "did")):
        base = verbs.base_of(verb, form)  # type: ignore[arg-type]
        if base:
            tail = text_after(tokens, at)
            return Clause(aux, subject, " ".join(x for x in (adverbs, base, tail) if x), base, plural)
    return None


def text_after(tokens: list[Token], at: int) -> str:
    """Words after a token, spaced as in the source."""
    parts, last = [], tokens[at].end
    for token in tokens[at + 1 :]:
        parts.append((" " if token.start > last else "") + token.text)
        last = token.end
    return "".join(parts).strip()


def good_subject(tokens: list[Token]) -> bool:
    """A subject that can be asked about: a short noun phrase that names something."""
    if not tokens or len(tokens) > 12:
        return False
    first = tokens[0].low
    if first == "the" and len(tokens) > 1 and tokens[1].low in ("same", "other", "latter", "former", "rest"):
        return False
    if first in DANGLING | DEMONSTRATIVES | FIRST_PERSON | SUBORDINATORS | COORDINATORS | PREPOSITIONS | {
        "you",
        "one",
    }:
        return False
    if first in (
        "another",
        "other",
        "such",
        "both",
        "neither",
        "either",
        "others",
        "some",
        "few",
        "more",
        "everything",
        "something",
        "anything",
        "nothing",
        "everyone",
        "someone",
        "anyone",
        "nobody",
        "all",
    ):
        return False
    if any(t.text in '"(){}[]' for t in tokens):
        return False
    return any(t.is_word and t.low not in ARTICLES for t in tokens)


def to_second_person(text: str) -> str:
    """ "we", "our", "us" turned to "you", "your", "you"."""
    swaps = {"we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourself"}
    text = re.sub(r"\b[Ww]e'(re|ve|ll|d)\b", r"you'\1", straight(text))
    return re.sub(
        r"(?<![\w'`])(we|us|our|ours|ourselves)(?![\w'`])", lambda m: swaps[m[1].lower()], text, flags=re.I
    )
