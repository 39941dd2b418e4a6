"""A passage as the rules see it: blocks, sentences, sections, and the subject it is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gristmill.models.extractive.blocks import Block, parse_blocks
from gristmill.models.extractive.lexicon import COMMON_SUFFIXES, LANGUAGES, PROPER_STOP, SHELLS, STOPWORDS
from gristmill.models.extractive.sentences import split_sentences


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` is ``clean[start:end]`` of block ``block``; ``index`` counts within the block.

    ``tail`` is what was cut off at its end because it only points at something else (", like this:");
    ``text`` then ends with a full stop of its own.
    """

    block: int
    index: int
    start: int
    end: int
    text: str
    tail: str = ""

    @property
    def plain(self) -> str:
        """The same text with straight quotes (same length)."""
        return straight(self.text)


def straight(text: str) -> str:
    """Curly quotes made straight; the length stays."""
    return text.translate(str.maketrans("’‘“”", "''\"\""))


_TAIL = re.compile(
    r",? (?:like (?:this|so)|as follows|(?:as )?(?:shown|seen|illustrated|depicted|demonstrated|you can see) "
    r"(?:here|below|next|in (?:the following \w+|(?:Listing|Figure|Table|Fig\.) [\w.-]+))|"
    r"as in (?:the following \w+|(?:Listing|Figure|Table) [\w.-]+))[.:]$"
    r"|,? \((?:see|as in|shown in|cf\.) [^()]{3,60}\)[.:]$",
)


def _sentence(block: int, index: int, start: int, text: str) -> Sentence:
    found = _TAIL.search(text)
    if found and found.start() >= 25 and not re.search(r"\b(?:looks?|is|are|be|something|appears?|and|or|to|works?)$", text[: found.start()]):
        return Sentence(block, index, start, start + found.start(), text[: found.start()] + ".", text[found.start() :])
    return Sentence(block, index, start, start + len(text), text)


_WORD = re.compile(r"[A-Za-z][\w'-]*")
_DOCUMENT = re.compile(
    r"\b(manual|guide|handbook|policy|report|recipe|agreement|contract|terms|procedures?|instructions|rules|"
    r"regulations?|act|specification|protocol|plan|documentation|charter|statute|leaflet|bylaws)\b",
    re.I,
)


@dataclass
class Passage:
    """Parsed input of a task. ``heading_path`` names the sections above the passage's own headings."""

    raw: str
    heading_path: tuple[str, ...] = ()
    title: str = ""
    blocks: list[Block] = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = parse_blocks(self.raw)

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Passage:
        """The passage of a task's inputs."""
        path = tuple(str(part) for part in inputs.get("heading_path") or ())
        return cls(str(inputs.get("passage") or ""), path, str(inputs.get("document_title") or ""))

    @cached_property
    def by_block(self) -> list[list[Sentence]]:
        """Sentences of every block; only paragraphs have any."""
        result: list[list[Sentence]] = []
        for number, block in enumerate(self.blocks):
            spans = split_sentences(block.clean) if block.kind == "paragraph" else []
            result.append(
                [_sentence(number, i, a, block.clean[a:b]) for i, (a, b) in enumerate(spans)]
            )
        return result

    @property
    def sentences(self) -> Iterator[Sentence]:
        """All sentences in order."""
        for group in self.by_block:
            yield from group

    @cached_property
    def headings(self) -> list[str]:
        """The heading that each block stands under ("" when there is none)."""
        current = strip_markup(self.heading_path[-1]) if self.heading_path else ""
        result = []
        for block in self.blocks:
            if block.kind == "heading":
                current = block.clean
            result.append(current)
        return result

    @cached_property
    def words(self) -> Counter[str]:
        """How often each word occurs in running text, as written (sentence starts left out)."""
        counts: Counter[str] = Counter()
        for sentence in self.sentences:
            words = _WORD.findall(re.sub(r"`[^`]*`", " ", sentence.plain))
            counts.update(word.removesuffix("'s") for word in words[1:])
        for block in self.blocks:
            for cell in block.cells:
                counts.update(_WORD.findall(re.sub(r"`[^`]*`", " ", straight(cell.text.clean)))[1:])
        return counts

    def is_proper(self, word: str) -> bool | None:
        """Whether a capitalised word is a name; ``None`` when the passage does not tell."""
        bare = straight(word).removesuffix("'s")
        if any(char.isupper() or char.isdigit() for char in bare[1:]) or len(bare) == 1 and bare != "A":
            return True
        lower, upper = self.words[bare.lower()], self.words[bare.capitalize()]
        if lower != upper:
            return upper > lower
        if bare.lower() in STOPWORDS or bare.lower().endswith(COMMON_SUFFIXES):
            return False
        return None

    @cached_property
    def subject(self) -> str:
        """The name that dominates the passage, its headings and title ("Rust"), or ""."""
        counts: Counter[str] = Counter()
        for word, n in self.words.items():
            if word[0].isupper() and word.lower() not in PROPER_STOP | STOPWORDS and n > self.words[word.lower()]:
                counts[word] = n if len(word) > 1 else 0
        for text in (*self.heading_path, self.title):
            counts.update(word for word in _WORD.findall(text) if word in counts)
        top = counts.most_common(2)
        clear = top and top[0][1] >= 2 and (len(top) == 1 or top[0][1] > top[1][1])
        return top[0][0] if clear else ""

    @cached_property
    def context(self) -> str:
        """ "in Rust" when the passage itself says so about its subject, or its code is Rust; else ""."""
        name = self.subject
        if name and (name in LANGUAGES.values() or re.search(rf"\bin {re.escape(name)}\b(?! [A-Z])", self.raw)):
            return f"in {name}"
        fenced = {LANGUAGES.get(block.language.lower(), "") for block in self.blocks if block.kind == "code"}
        named = sorted(name for name in fenced - SHELLS if name)
        return f"in {named[0]}" if len(named) == 1 else ""

    @cached_property
    def source(self) -> str:
        """The document's title with article when it reads like one ("the Acme Travel Policy"), else ""."""
        for text in (self.title, self.heading_path[0] if self.heading_path else ""):
            name = strip_markup(text)
            if _DOCUMENT.search(name) and 2 <= len(name.split()) <= 9 and not re.search(r"[:;?!/_]", name):
                return name if name.split()[0].lower() in ("the", "a", "an", "our") else f"the {name}"
        return ""


def strip_markup(heading: str) -> str:
    """A heading without emphasis marks and numbering."""
    text = re.sub(r"(?<!\w)[*_]{1,2}|[*_]{1,2}(?!\w)|\\", "", heading)
    return re.sub(r"^(?:\d+(?:\.\d+)*\.?|[A-Z]\.|§ ?\d+)\s+", "", text.strip()).strip()
