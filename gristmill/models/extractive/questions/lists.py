"""Lists: bullet lists with a clear introduction or heading, and counted lists inside a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.blocks import Block
from gristmill.models.extractive.grammar import (
    find_verb,
    good_subject,
    is_plural,
    lower_first,
    take_clause,
    to_second_person,
    tokenize,
)
from gristmill.models.extractive.lexicon import NUMBERS
from gristmill.models.extractive.overlap import content_words
from gristmill.models.extractive.passage import Passage, Sentence, strip_markup
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, is_key
from gristmill.models.extractive.questions.headings import sentence_case
from gristmill.models.extractive.selfcheck import is_prose, points_elsewhere, starts_dangling
from gristmill.models.extractive.spans import (
    MAX_ANSWER,
    block_span,
    last_continuing,
    sentence_span,
    with_blocks,
)

_NUMBER = "|".join(sorted(NUMBERS)) + r"|\d{1,2}"
_COUNTED = re.compile(
    rf"^(?P<s>[^,;:]{{2,60}}?) (?P<v>has|have|provides?|supports?|includes?|offers?|contains?|"
    rf"uses?|defines?|recognizes?|distinguishes?) (?P<n>{_NUMBER}) (?P<np>[^,;:]{{3,60}}?): "
    rf"(?P<items>[^:]{{8,}})$"
)
_PERFECT = re.compile(
    rf"^(?P<s>[^,;:]{{2,60}}?) (?P<aux>has|have) (?P<part>[a-z]+) (?P<n>{_NUMBER}) (?P<np>[^,;:]{{3,60}}?)"
    rf": (?P<items>[^:]{{8,}})$"
)
_THERE = re.compile(
    rf"^There are (?P<n>(?:{_NUMBER}|several|various|many)) (?P<np>[^,;:]{{3,80}}?)(?:: |, "
    rf"(?:namely|including) )(?P<items>[^:]{{8,}})$"
)
_INTRO_BE = re.compile(
    r"^(?P<np>The [^,;:]{5,90}?) (?:are|include|were|is)(?: as follows| the following(?: \w+)"
    r"?| these| listed below)?:$"
)
_INTRO_THERE = re.compile(rf"^There are (?P<np>(?:{_NUMBER}|several|various|many|some) [^,;:]{{4,90}}?):$")
_INTRO_HAVE = re.compile(
    r"^(?P<claim>[^,;:]{12,120}?)(?: the following(?: (?P<noun>[\w -]{3,30}))?| as follows)?:$"
)


# Nouns that a list below can be the whole answer to.
_COLLECTION = re.compile(
    r"\b(?:rules|ingredients|requirements|steps|features|benefits|advantages|disadvantages|"
    r"types|kinds|principles|"
    r"options|goals|prerequisites|limitations|symptoms|causes|parts|components|duties|responsibilities|"
    r"guidelines|"
    r"tools|materials|exceptions|conditions|properties|stages|phases|risks|effects)\b"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What are the …?" and "Which four … does X have?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not sentence.text.endswith(":"):
            yield from _counted(passage, sentence)
    for number, block in enumerate(passage.blocks):
        if block.kind == "list" and _good_list(block):
            yield from _introduced(passage, number)
            yield from _under_heading(passage, number)


def _counted(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    if found := _COUNTED.match(text):
        subject = lower_first(passage, re.sub(r" also$", "", found["s"]))
        tokens = tokenize(found["s"])
        if subject and good_subject(tokens) and find_verb(tokens) is None:
            base = "have" if found["v"] in ("has", "have") else re.sub(r"s$", "", found["v"])
            verb = "do" if is_plural(tokens) else "does"
            question = f"Which {found['n']} {found['np']} {verb} {subject} {base}?"
            yield Candidate(in_context(passage, question), "list", span, 0.84, "list.counted")
    elif (found := _PERFECT.match(text)) and verbs.base_of(found["part"], "part"):
        subject = lower_first(passage, found["s"])
        if subject and good_subject(tokenize(found["s"])):
            question = f"Which {found['n']} {found['np']} {found['aux']} {subject} {found['part']}?"
            yield Candidate(in_context(passage, question), "list", span, 0.8, "list.counted")
    elif found := _THERE.match(text):
        yield Candidate(
            in_context(passage, f"What are the {found['n']} {found['np']}?"), "list", span, 0.8, "list.there"
        )


def _good_list(block: Block) -> bool:
    items = [cell.text.clean for cell in block.cells]
    if not block.plain or not 2 <= len(items) <= 12 or block.end - block.start > MAX_ANSWER:
        return False
    if any(not re.search(r"[A-Za-z]{3}", item) or "{{" in item or points_elsewhere(item) for item in items):
        return False
    return sum(len(item.split()) for item in items) >= 2 * len(items)


def _introduced(passage: Passage, number: int) -> Iterator[Candidate]:
    if number == 0 or not passage.by_block[number - 1]:
        return
    sentence = passage.by_block[number - 1][-1]
    text = body(sentence)
    if (
        not text.endswith(":")
        or not is_prose(sentence.text)
        or points_elsewhere(text.replace("listed below", ""))
        or starts_dangling(text)
    ):
        return
    question = _intro_question(passage, text)
    if question:
        span = with_blocks(passage, sentence, number)
        yield Candidate(in_context(passage, question), "list", span, 0.8, "list.introduced")


def _intro_question(passage: Passage, text: str) -> str | None:
    if found := _INTRO_BE.match(text):
        np = found["np"][0].lower() + found["np"][1:]
        return f"What are {np}?" if find_verb(tokenize(np)) is None and is_plural(tokenize(np)) else None
    if found := _INTRO_THERE.match(text):
        return f"What are the {found['np']}?"
    found = _INTRO_HAVE.match(text)
    if not found:
        return None
    clause = take_clause(
        passage, to_second_person(found["claim"]) if found["claim"][0] in "wW" else found["claim"]
    )
    if clause is None or clause.aux not in ("does", "do", "can", "may", "must", "should"):
        return None
    return _object_question(clause.aux, clause.subject, clause.rest, found["noun"])


def _object_question(aux: str, subject: str, rest: str, noun: str | None) -> str | None:
    """ "Rust provides five tools for X:" to "Which five tools does Rust provide for X?"."""
    words = rest.split()
    while (words and words[0].endswith("ly")) or (words and words[0] in ("also", "often", "usually", "only")):
        words = words[1:]
    if not words:
        return None
    if re.search(r"\band \w+$", rest):
        return None
    if noun:
        return f"Which {noun} {aux} {subject} {' '.join(words)}?"
    found = re.match(
        r"(?P<v>\w+) (?P<np>(?:[\w'-]+ ){0,3}[\w'-]+s)(?P<pp> (?:to|for|in|on|of|with|from) .+)?$",
        " ".join(words),
    )
    if (
        not found
        or re.match(r"(?:the|a|an|only|its|his|their|this|these|to)\b", found["np"])
        or re.search(r"\b(?:to|of|in|for|on|with|from)\b", found["np"])
    ):
        return None
    return f"Which {found['np']} {aux} {subject} {found['v']}{found['pp'] or ''}?"


def _under_heading(passage: Passage, number: int) -> Iterator[Candidate]:
    heading = strip_markup(passage.headings[number])
    phrase = sentence_case(passage, heading, start=False)
    tokens = tokenize(phrase)
    if not 2 <= len(tokens) <= 7 or not is_plural(tokens) or not tokens[0].text[0].isalpha():
        return
    if (
        find_verb(tokens) is not None
        or re.search(r"[?:,/&]|\band\b|^(?:Using|Some|More|Other|My|Your|Our)\b", heading)
        or tokens[0].low.endswith("ing")
    ):
        return
    between = [b.kind for b in passage.blocks[:number] if b.kind not in ("html", "item")]
    near = next((i for i, kind in enumerate(reversed(between)) if kind == "heading"), None)
    if near is None or near > 1 or (near == 1 and not _COLLECTION.search(phrase)):
        return
    span = block_span(passage, number, number)
    article = "" if tokens[0].low == "the" else "the "
    question = in_context(passage, f"What are {article}{phrase}?")
    title = strip_markup(passage.title or passage.heading_path[0] if passage.heading_path else passage.title)
    apart = bool(title) and not content_words(title) & content_words(question)
    if not title and (not passage.context or passage.fenced):
        return
    if apart and not passage.source and not _COLLECTION.search(phrase):
        return
    if apart and not passage.source:
        question = f"In the document “{title}”, {question[0].lower()}{question[1:]}"
    yield Candidate(question, "list", span, 0.78, "list.heading")
