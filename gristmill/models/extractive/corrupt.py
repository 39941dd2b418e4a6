"""Corrupting a good answer on purpose, for preference pairs and for testing judges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gristmill.models.extractive.overlap import OPPOSITES, content_words, numbers, share
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.questions.candidate import is_key
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.sentences import split_sentences
from gristmill.models.extractive.spans import capital, sentence_span

_CODE = re.compile(r"```.*?```|`[^`]*`", re.S)
# Where a sentence can end early and still read well.
_TAIL = re.compile(
    r"(?:,? (?:because|which|where|so that|such as|including|using|by [a-z]+ing|in order to|"
    r"unless|until|since|whereas|"
    r"while|if|when)\b|: |; |, (?:and|but|or|so)\b| (?:that|who|with|within|from|before|after|"
    r"for|in|to|and)\b)"
)
# An auxiliary can be negated without touching the rest of the sentence.
_AUX = re.compile(
    r"\b(is|are|was|were|can|will|should|could|must|does|do|has been|have been)\b(?! not\b)(?!n't)"
)

Change = tuple[str, str]


def corrupt(passage: Passage, question: str, response: str, fault: str, sample: int = 0) -> Change:
    """The response with one fault and a note on what was changed; two empty strings if impossible."""
    makers: dict[str, Callable[[], Iterator[Change]]] = {
        "unsupported_claim": lambda: _unsupported(passage, response),
        "omission": lambda: _omissions(question, response),
        "off_topic": lambda: _off_topic(passage, question, response),
    }
    options = [c for c in makers[fault]() if c[0].strip() and c[0] != response] if fault in makers else []
    return options[min(sample, len(options) - 1)] if options else ("", "")


def _outside_code(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    code = [(m.start(), m.end()) for m in _CODE.finditer(text)]
    for found in pattern.finditer(text):
        if not any(a <= found.start() < b for a, b in code):
            yield found


def _replaced(text: str, found: re.Match[str], new: str) -> Change:
    if found[0][:1].isupper():
        new = capital(new)
    return text[: found.start()] + new + text[found.end() :], f"“{found[0]}” became “{new}”"


def _unsupported(passage: Passage, response: str) -> Iterator[Change]:
    known = numbers(passage.raw)
    for found in _outside_code(re.compile(r"(?<![\w.,])\d{1,9}(?![\w,]|\.\d)"), response):
        new = str(int(found[0]) + (3 if int(found[0]) < 1000 else 17))
        while new in known:
            new = str(int(new) + 1)
        yield _replaced(response, found, new)
    words = "|".join(sorted(OPPOSITES, key=len, reverse=True))
    opposite = list(_outside_code(re.compile(rf"\b(?:{words})\b", re.I), response))
    for found in _outside_code(
        re.compile(r"\b(?:does|do|is|are|can|will|must|should|was|were) not\b"), response
    ):
        yield _replaced(response, found, found[0].removesuffix(" not"))
    for found in _outside_code(re.compile(r"\bcannot\b"), response):
        yield _replaced(response, found, "can")
    for found in _outside_code(_AUX, response):
        if found[0] not in ("has been", "have been"):
            yield _replaced(response, found, "cannot" if found[0] == "can" else f"{found[0]} not")
    for found in opposite:
        yield _replaced(response, found, OPPOSITES[found[0].lower()])
    yield from _denied(response)


_CLAIMS = (
    "This was changed in {year} and no longer holds in most cases.",
    "It was first described in {year}.",
    "About {share} percent of all users are affected by it.",
    "The exception are systems older than {year}.",
    "A survey of {year} found this in {share} percent of the cases.",
    "Before {year} the opposite was the rule.",
    "In practice this applies to some {share} percent of them only.",
)


def _denied(response: str) -> Iterator[Change]:
    """A last resort that fits any statement: a claim about exceptions that no passage makes."""
    plain = response.rstrip()
    if plain.endswith((".", "!")):
        # by the text: one sentence for all rows would be learned as the mark of a bad answer
        number = sum(plain.encode())
        claim = _CLAIMS[number % len(_CLAIMS)].format(year=1962 + number % 59, share=12 + number % 77)
        yield f"{plain} {claim}", f"added “{claim}”"


def _omissions(question: str, response: str) -> Iterator[Change]:
    yield from _without_code(response)
    yield from _half_list(response)
    if "\n" in response:
        return
    spans = split_sentences(response)
    if len(spans) > 1:
        first = response[spans[0][0] : spans[0][1]]
        yield from ((c, n) for c, n in _cut(question, first))
        last = spans[-1]
        yield response[: last[0]].rstrip(), "the last sentence was left out"
    else:
        yield from _cut(question, response)


def _without_code(response: str) -> Iterator[Change]:
    found = re.search(r"\n*```.*?```", response, re.S)
    if found:
        rest = (response[: found.start()] + response[found.end() :]).strip()
        rest = re.sub(r",? like (?:so|this):$|:$", ".", rest)
        if len(rest) >= 20:
            yield rest, "the code was left out"


def _half_list(response: str) -> Iterator[Change]:
    lines = response.split("\n")
    items = [i for i, line in enumerate(lines) if re.match(r"\s*(?:[-*]|\d+[.)])\s", line)]
    if len(items) >= 2 and "```" not in response:
        drop = set(items[(len(items) + 1) // 2 :])
        yield (
            "\n".join(line for i, line in enumerate(lines) if i not in drop),
            f"{len(drop)} of {len(items)} items were left out",
        )


def _cut(question: str, sentence: str) -> Iterator[Change]:
    """The sentence up to a clause boundary, the earliest cut that keeps a statement first."""
    for found in _outside_code(_TAIL, sentence):
        head = sentence[: found.start()].rstrip(" ,;:")
        lost = sentence[found.start() :].strip(" .")
        enough = len(head.split()) >= 4 and re.search(
            r"\b(?:\w+s|is|are|can|must|was|were|will|\w+ed)\b", head.split(" ", 1)[-1]
        )
        if (
            enough
            and len(content_words(lost) - content_words(question)) >= 2
            and head.count("(") == head.count(")")
        ):
            yield head + ".", f"left out: “{lost}”"


def _off_topic(passage: Passage, question: str, response: str) -> Iterator[Change]:
    asked = content_words(question) | content_words(response)
    pool = [s for s in passage.sentences if is_key(s) and not announces(s.text) and len(s.text) >= 40]
    ranked = sorted(pool, key=lambda s: (share(content_words(s.text), asked), s.block, s.index))
    for sentence in ranked:
        text = sentence_span(passage, sentence).text
        overlap = share(content_words(question), content_words(text))
        if overlap < 0.6 and share(content_words(text), content_words(response)) < 0.5:
            yield text, "replaced by another sentence of the passage"
