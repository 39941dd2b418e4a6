"""Headings that ask: "What Is Ownership?", "Installing rustup on Linux"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.blocks import Block
from gristmill.models.extractive.grammar import find_verb, tokenize
from gristmill.models.extractive.lexicon import PREPOSITIONS, SUBORDINATORS, words
from gristmill.models.extractive.overlap import content_words, share
from gristmill.models.extractive.passage import Passage, Sentence, strip_markup
from gristmill.models.extractive.questions.candidate import Candidate, QuestionType, in_context, is_key
from gristmill.models.extractive.selfcheck import announces, is_prose, points_elsewhere
from gristmill.models.extractive.spans import MAX_ANSWER, Span, block_span, sentence_span, usable

_SMALL = words("""
a an the of in on at to for from by with and or as is are do does how what when why where your you
into over without
""")
# Gerunds in headings that announce a theme, not a procedure.
_WEAK = words("""
ensure understand keep work think explore meet consider get go know learn be have
""")
_QUESTION = re.compile(r"^(?:What|Why|How|When|Where|Who|Which|Is|Are|Can|Do|Does|Should|Must) .{6,90}\?$")
# A section tells how to do something when it has sentences like these.
_STEP = re.compile(
    r"\b(?:you|we) (?:can|must|need|should|have to|use|will|write|put|add|specify|call)\b|"
    r":$|^(?:To|First|Then|Next|Open|Run|Use|Enter|Click|Select|Press|Add|Choose|Type|Turn|"
    r"Set|Go|Place|Mix|Remove|Insert)\b"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions taken from headings, answered by the section below."""
    for number, block in enumerate(passage.blocks):
        if number + 1 == len(passage.blocks):
            return
        if block.kind == "heading" or _bold_question(block):
            yield from _of_heading(passage, block.clean, number + 1)


def _bold_question(block: Block) -> bool:
    """A paragraph in bold that asks something, as many lists of questions have it."""
    text = block.text
    return (
        block.kind == "paragraph"
        and text is not None
        and text.clean.endswith("?")
        and (0, len(text.clean), "strong") in text.marks
    )


def _of_heading(passage: Passage, heading: str, first: int) -> Iterator[Candidate]:
    heading = strip_markup(heading)
    if _QUESTION.match(heading):
        span = _paragraph(passage, first)
        if span:
            question = in_context(passage, sentence_case(passage, heading))
            yield Candidate(question, _type(heading), span, 0.84, "heading.question")
        return
    yield from _explain(passage, heading, first)
    words = heading.split()
    gerund = verbs.base_of(words[0], "ing") if words else None
    how_to = re.match(r"How to (.+)$", heading, re.I)
    if not how_to and (gerund is None or len(words) < 2):
        return
    goal = how_to[1] if how_to else f"{gerund} {heading.split(maxsplit=1)[1]}"
    if (gerund or goal.split()[0].lower()) in _WEAK or (
        re.search(r"[:;,]|\b(?:and|with|about|around|more|this|these)\b", goal) and not how_to
    ):
        return
    span = _steps(passage, first, goal)
    if span:
        question = in_context(passage, f"How do you {sentence_case(passage, goal, start=False)}?")
        kind: QuestionType = "code" if "```" in span.text else "procedure"
        yield Candidate(question, kind, span, 0.8, "heading.how")


# Headings that every document has name no topic.
_BARE = re.compile(
    r"\b(?:summary|introduction|overview|conclusion|examples?|notes?|references|contents|appendix|"
    r"abstract|history|background|"
    r"next steps|further|more|other|details|miscellaneous|faq|troubleshooting|getting|tips|"
    r"chapter|part|section|discussion|results?)\b",
    re.I,
)


def _explain(passage: Passage, heading: str, first: int) -> Iterator[Candidate]:
    """A heading that names a topic, when the first paragraph below is about just that."""
    tokens = tokenize(heading)
    named = 2 <= len(tokens) <= 6 and all(t.is_word for t in tokens) and not _BARE.search(heading)
    if (
        not named
        or find_verb(tokens) is not None
        or tokens[0].low in SUBORDINATORS | PREPOSITIONS
        or verbs.base_of(tokens[0].low, "ing")
    ):
        return
    if passage.blocks[first].kind != "paragraph" or not passage.by_block[first]:
        return
    opening = passage.by_block[first][0]
    about = share(content_words(heading), content_words(" ".join(opening.plain.split()[:6])))
    span = _paragraph(passage, first)
    if about < 0.99 or span is None or len(span.text) < 160 or span.text.count(". ") < 1:
        return
    topic = sentence_case(passage, heading, start=False)
    yield Candidate(
        in_context(passage, f"Can you explain {topic}?"), "definition", span, 0.71, "heading.explain"
    )


def _type(heading: str) -> QuestionType:
    known: dict[str, QuestionType] = {"What": "definition", "Why": "reason", "How": "procedure"}
    return known.get(heading.split()[0], "factual")


def sentence_case(passage: Passage, heading: str, start: bool = True) -> str:
    """A heading in title case as a sentence: only names keep their capitals."""
    words = []
    for i, word in enumerate(heading.split(" ")):
        bare = re.sub(r"[^\w'-]", "", word)
        known = passage.is_proper(bare) if bare[:1].isupper() and not word.startswith("`") else True
        words.append(word if known or (i == 0 and start) else word.lower())
    return " ".join(words)


def _paragraph(passage: Passage, first: int) -> Span | None:
    """The leading sentences of the section's first paragraph."""
    if passage.blocks[first].kind != "paragraph":
        return None
    group = passage.by_block[first]
    taken: list[Sentence] = []
    for sentence in group[:4]:
        good = is_key(sentence) if not taken else usable(sentence)
        if not good or announces(sentence.text):
            break
        taken.append(sentence)
    return (
        sentence_span(passage, taken[0], taken[-1])
        if taken and sum(len(s.text) for s in taken) >= 60
        else None
    )


def _steps(passage: Passage, first: int, goal: str) -> Span | None:
    """The blocks of a section, from its first sentence on, when they tell how to do something."""
    last, length = first - 1, 0
    for number in range(first, len(passage.blocks)):
        block = passage.blocks[number]
        if block.kind in ("html", "caption", "item"):
            continue
        length += block.end - block.start
        if length > MAX_ANSWER or not _clean_block(passage, number):
            break
        last = number
    while (
        last >= first
        and passage.blocks[last].kind == "paragraph"
        and announces(passage.by_block[last][-1].text)
    ):
        last -= 1
    if last < first or passage.blocks[first].kind != "paragraph" or not is_key_opening(passage, first):
        return None
    sentences = [s for number in range(first, last + 1) for s in passage.by_block[number]]
    steps = [s for s in sentences if _STEP.search(s.plain)]
    shown = any(passage.blocks[n].kind == "code" or passage.blocks[n].ordered for n in range(first, last + 1))
    opening = " ".join(s.plain for s in sentences[:2])
    named = share(content_words(goal), content_words(opening)) >= 0.6 and (
        steps[:1] == sentences[:1] or steps[:1] == sentences[1:2]
    )
    return block_span(passage, first, last) if steps and named and (shown or len(steps) >= 2) else None


def is_key_opening(passage: Passage, number: int) -> bool:
    """The first sentence of the block needs nothing said before."""
    group = passage.by_block[number]
    return bool(group) and is_key(group[0])


def _clean_block(passage: Passage, number: int) -> bool:
    block = passage.blocks[number]
    if block.kind == "paragraph":
        return all(
            is_prose(s.text) and not points_elsewhere(s.text) and "?" not in s.text[-2:]
            for s in passage.by_block[number]
        )
    return block.kind in ("code", "list") and block.plain
