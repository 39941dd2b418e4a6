"""A passage as the rules see it: blocks, sentences, sections, and the subject it is about."""

from __future__ import annotations

import re
import unicodedata
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


# What only announces code or a figure can be left out at the end of a sentence.
_TAIL = re.compile(
    r",? (?:like (?:this|so)|as follows|(?:as )?(?:shown|seen|illustrated|depicted|demonstrated|you can see) "
    r"(?:here|below|next|in (?:the following \w+|(?:Listing|Figure|Table|Fig\.) [\w.-]+))|"
    r"as in (?:the following \w+|(?:Listing|Figure|Table) [\w.-]+))[.:]$"
    r"|,? \((?:see|as in|shown in|cf\.) [^()]{3,60}\)[.:]$",
)


def _sentence(block: int, index: int, start: int, text: str) -> Sentence:
    found = _TAIL.search(text)
    if (
        found
        and found.start() >= 25
        and not re.search(
            r"\b(?:looks?|is|are|be|something|appears?|and|or|to|works?)$", text[: found.start()]
        )
    ):
        return Sentence(
            block, index, start, start + found.start(), text[: found.start()] + ".", text[found.start() :]
        )
    return Sentence(block, index, start, start + len(text), text)


_PRODUCTS = frozenset(["library", "framework", "toolkit", "api", "sdk", "package", "tool"])
# "in Rust programs" would make "Rust" an adjective: the context must stand alone.
_AFTER_PLACE = r" (?:is|are|has|have|can|that|which|and|to|with|by|as|for|because|where|when)"
_WORD = re.compile(r"[A-Za-z][\w'-]*")
# Words in a title that show the document to be one that can be quoted by name.
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
            spans = split_sentences(block.clean) if block.kind in ("paragraph", "item") else []
            result.append([_sentence(number, i, a, block.clean[a:b]) for i, (a, b) in enumerate(spans)])
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
        for heading in (
            self.title,
            *self.heading_path,
            *(b.clean for b in self.blocks if b.kind == "heading"),
        ):
            # Only headings in sentence case tell names from other words.
            if any(
                word.islower() and len(word) > 3 and word not in STOPWORDS for word in heading.split()[1:]
            ):
                counts.update(_WORD.findall(straight(heading))[1:])
        for block in self.blocks:
            for cell in block.cells:
                counts.update(_WORD.findall(re.sub(r"`[^`]*`", " ", straight(cell.text.clean)))[1:])
        return counts

    def is_proper(self, word: str) -> bool | None:
        """Whether a capitalised word is a name; ``None`` when the passage does not tell."""
        bare = straight(word).removesuffix("'s")
        if any(char.isupper() or char.isdigit() for char in bare[1:]) or (len(bare) == 1 and bare != "A"):
            return True
        if bare in LANGUAGES.values() and bare not in ("Go", "Swift", "Dart"):
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
            if (
                word[0].isupper()
                and word.isalpha()
                and word.lower() not in PROPER_STOP | STOPWORDS
                and n > self.words[word.lower()]
            ):
                counts[word] = n if len(word) > 1 else 0
        for text in (*self.heading_path, self.title):
            counts.update(word for word in _WORD.findall(text) if word in counts)
        top = counts.most_common(2)
        clear = top and top[0][1] >= 2 and (len(top) == 1 or top[0][1] > top[1][1])
        return top[0][0] if clear else ""

    @cached_property
    def product(self) -> str:
        """The tool that the whole document is about, by its title ("orjson", "the Foo API"), or ""."""
        title = strip_markup(self.title or (self.heading_path[0] if self.heading_path else ""))
        words = title.split()
        if len(words) == 1 and len(title) > 2 and re.fullmatch(r"[A-Za-z][\w.+-]*", title):
            odd = title.islower() or any(char.isupper() or char in "_0123456789" for char in title[1:])
            known = title in self.raw.replace(f"# {title}", "")
            coded = "`" in self.raw and self.is_proper(title) and not title.endswith(COMMON_SUFFIXES)
            return title if known and (odd or coded) else ""
        if 2 <= len(words) <= 5 and words[-1].lower() in _PRODUCTS:
            return title if words[0].lower() == "the" else f"the {title}"
        return ""

    @cached_property
    def context(self) -> str:
        """ "in Rust": the document's tool, the passage's subject or the language of its code; else ""."""
        if self.product:
            return f"in {self.product}"
        name = self.subject
        if name and (
            name in LANGUAGES.values()
            or re.search(rf"\bin {re.escape(name)}(?=[.,;:)?]|{_AFTER_PLACE}\b)", self.raw)
        ):
            return f"in {name}"
        return f"in {self.fenced}" if self.fenced else ""

    @cached_property
    def fenced(self) -> str:
        """The one language that code fences name, or "": a text that only computes with it has none."""
        prose = "\n".join(block.text.clean for block in self.blocks if block.text and block.kind != "code")
        fenced = {LANGUAGES.get(block.language.lower(), "") for block in self.blocks if block.kind == "code"}
        named = sorted(name for name in fenced - SHELLS if name)
        told = len(named) == 1 and ("`" in prose or re.search(rf"\b{re.escape(named[0])}\b", prose))
        return named[0] if told else ""

    @cached_property
    def source(self) -> str:
        """The document's title with article when it reads like one ("the Acme Travel Policy"), else ""."""
        for text in (self.title, self.heading_path[0] if self.heading_path else ""):
            name = strip_markup(text)
            if not _DOCUMENT.search(name) or not 2 <= len(name.split()) <= 9:
                continue
            if re.search(r"[:;?!/_]", name):
                return f"“{name}”" if not name.endswith(("?", "!")) else ""
            return name if name.split()[0].lower() in ("the", "a", "an", "our") else f"the {name}"
        return ""


def strip_markup(heading: str) -> str:
    """A heading without emphasis marks and numbering."""
    text = re.sub(r"(?<!\w)[*_]{1,2}|[*_]{1,2}(?!\w)|\\", "", heading)
    text = "".join(char for char in text if unicodedata.category(char) not in ("So", "Cf", "Mn"))
    return re.sub(r"^(?:\d+(?:\.\d+)*\.?|[A-Z]\.|§ ?\d+)\s+", "", text.strip()).strip()
