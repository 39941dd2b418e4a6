"""Emphasised terms explained in passing, and glossary-like lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.blocks import Block
from gristmill.models.extractive.grammar import find_verb, is_plural, tokenize
from gristmill.models.extractive.inline import Text
from gristmill.models.extractive.lexicon import ARTICLES
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import (
    VAGUE_TERMS,
    Candidate,
    in_context,
    is_key,
    topic_bonus,
)
from gristmill.models.extractive.selfcheck import (
    announces,
    is_prose,
    loose_definites,
    points_elsewhere,
    walks_through,
)
from gristmill.models.extractive.spans import Span, last_continuing, sentence_span, usable

_IN_PASSING = re.compile(
    r"^,? ?(?:which|that) (?:is|are|means?|refers? to) (?:an? |the |any |special |[a-z]+s "
    r")|^ ?(?:—|–|: )(?:an? |the |any )?[a-z]"
)
# "several structures called collections" does not say what collections are.
_VAGUE = re.compile(r"\b(?:a number of|some|several|many|two|three)\b")
_ITEM = re.compile(r"^\s*(?:[:–—-]|: ?-)\s+")


# "a project called _x_" names a thing of the example, no term.
_NAMED = re.compile(
    r"(?<!project )(?<!directory )(?<!file )(?<!folder )(?<!function )(?<!variable )(?<!module "
    r")(?<!program )(?<!crate )(?<!struct )\b(?:called|termed|dubbed|known as|referred to "
    r"as|refer to (?:it|this|these|them) as|named)\s+(?:an? |the )?$"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What is X?" for terms set in italics or bold."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _in_passing(passage, sentence)
        if usable(sentence) and not announces(sentence.text):
            yield from _named_term(passage, sentence)
    for block in passage.blocks:
        if block.kind == "list":
            for cell in block.cells:
                yield from _glossary(passage, block, cell.text)


def _in_passing(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = passage.blocks[sentence.block].text
    if text is None:
        return
    for kind in ("em", "strong"):
        for start, end in text.marked(kind, sentence.start, sentence.end):
            term, after = text.clean[start:end].strip(), text.clean[end : sentence.end]
            if text.clean[:start].endswith(("the ", "The ", "this ", "our ")):
                continue
            if (
                start == sentence.start
                or not _IN_PASSING.match(after)
                or not _is_term(term)
                or len(after.split()) < 6
            ):
                continue
            article = re.search(r"\b(an?) (?:[a-z]+ )?$", text.clean[sentence.start : start])
            plural = is_plural(tokenize(term))
            name = f"{article[1]} {term}" if article and not plural else term
            question = in_context(passage, f"What {'are' if plural else 'is'} {name}?")
            span = sentence_span(passage, sentence, last_continuing(passage, sentence))
            yield Candidate(
                question, "definition", span, 0.76 + topic_bonus(passage, sentence, term), "term.passing"
            )


def _what_is(passage: Passage, term: str, article: str) -> str:
    if term.startswith("`") or passage.is_proper(term.split()[0]):
        return f"What is {term}?"
    name = term[0].lower() + term[1:]
    if is_plural(tokenize(name)):
        return f"What are {name}?"
    article = article if article == "the" else "an" if name[0] in "aeiou" else "a"
    return f"What is {article} {name}?"


def _glossary(passage: Passage, block: Block, text: Text) -> Iterator[Candidate]:
    """List items "**Term**: a thing that …"."""
    head = next((m for m in text.marks if m[0] == 0 and m[2] in ("strong", "em", "code")), None)
    if head is None or not block.plain or (head[2] == "code" and walks_through(passage)):
        return
    term, rest = text.clean[: head[1]].rstrip(" :"), text.clean[head[1] :]
    colon = _ITEM.match(rest if not text.clean[: head[1]].rstrip().endswith(":") else ": " + rest.lstrip())
    body = re.sub(r"^[\s:–—-]+", "", rest)
    whole = is_prose(
        text.clean if text.clean.endswith((".", "!")) else text.clean + "."
    ) and not points_elsewhere(text.clean)
    if colon is None or not whole or len(body.split()) < 6 or not 1 <= len(term.strip("`").split()) <= 4:
        return
    first = tokenize(body)[0].low
    if first in ARTICLES | {"any"} and find_verb(tokenize(body)) is None:
        question = _what_is(passage, term, first)
    elif head[2] == "code" and verbs.base_of(first, "s") not in (None, "have", "be"):
        question = f"What does {term} do?"
    else:
        return
    start, end = text.at[0], text.at[-1] + 1
    while start > 0 and passage.raw[start - 1] in "_*`":
        start -= 1
    answer = text.clean if text.clean.endswith((".", "!")) else text.clean + "."
    yield Candidate(
        in_context(passage, question),
        "definition",
        Span(answer, passage.raw[start:end], start, end),
        0.75,
        "term.glossary",
    )


def _named_term(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "… is called _term_": the answer begins with the sentence before when this one leans on it."""
    block = passage.blocks[sentence.block].text
    if block is None:
        return
    marks = [mark for kind in ("em", "strong") for mark in block.marked(kind, sentence.start, sentence.end)]
    for start, end in marks:
        term, before = block.clean[start:end].strip(" .,;:"), block.clean[sentence.start : start]
        first = _opening(passage, sentence)
        # "_propagating_ the error": the term goes on after the mark.
        cut = term.endswith("ing") and re.match(r" (?:the|an?|on|onto|of|to|in)\b", block.clean[end:])
        if first is None or cut or not _NAMED.search(before) or not _is_term(term) or _VAGUE.search(before):
            continue
        if first is sentence and loose_definites(passage, _NAMED.sub("", before)):
            continue
        verb = "are" if is_plural(tokenize(term)) else "is"
        question = in_context(passage, f"What {verb} {_with_article(block.clean, start, term)}?")
        span = sentence_span(passage, first, sentence)
        yield Candidate(question, "definition", span, 0.74 + topic_bonus(passage, sentence, term), "named")


def _with_article(text: str, start: int, term: str) -> str:
    found = re.search(r"\b(an?|the) $", text[:start])
    return f"{found[1]} {term}" if found else term


def _is_term(term: str) -> bool:
    words = term.split()
    return (
        1 <= len(words) <= 5
        and len(term) > 3
        and term.lower() not in VAGUE_TERMS
        and not re.search(r"[`_/\d.]", term)
    )


def _opening(passage: Passage, sentence: Sentence) -> Sentence | None:
    if is_key(sentence):
        return sentence
    if sentence.index == 0:
        return None
    before = passage.by_block[sentence.block][sentence.index - 1]
    return before if is_key(before) and not announces(before.text) else None
