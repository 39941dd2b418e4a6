"""Lines of a printed page back into flowing text: running titles, wrapped lines, hyphens, headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

_PAGE_NUMBER = re.compile(
    r"^\W*(?:page\s+)?\d{1,4}(?:\s*(?:of|/)\s*\d{1,4})?\W*$|^page\s+[ivxlc\d]+(?:\s+of\s+\d+)?$", re.I
)
_RULED = re.compile(r"^[\s\-=_*~.#·•]{4,}$")
_BULLET = re.compile(r"^[•▪‣●◦∙–·]\s+")
_ITEM = re.compile(r"^(?:[-*+•▪‣●◦]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|\.\d+)\s+\S")
_NUMBERED = re.compile(r"^(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+(?P<title>[A-Z]\S*(?:\s+\S+){0,11})$")
_NUMBERED_LEAD = re.compile(r"^\d{1,2}\s+[A-Z]")
_SENTENCE_STOP = (".", "!", "?", "…", ":", ";", "。", "”", '."')
_FUNCTION_WORD = re.compile(r"\b(?:a|an|the|of|and|or|in|on|for|to|with|by|from|at|as|is|are|how|what|why)\b")
_MARKED = re.compile(r"^(?:(#{1,6})[ \t]+(.+)|\*\*([^*\n]+)\*\*)$", re.M)
_COMPOUND = re.compile(r"\b([^\W\d_]{2,})-([^\W\d_]{2,})\b")
_DIVIDED = re.compile(r"\b([^\W\d_]{2,})-\ue000([^\W\d_]{2,})\b")
_SHORT = 0.6
_FULL_SENTENCE = 0.9
_FULL = 0.8  # share of the widest lines from which on a line was wrapped, not ended
_UNMARKED = 8  # level of a heading known by its place only, below those known by their font
_MAX_HEADING = 90
_SHORTEST_PROSE = 40


def marked_headings(markdown: str) -> dict[str, int]:
    """Lines a converter made headings (level 1 to 6) or all bold (level 7), by their text."""
    found: dict[str, int] = {}
    for marks, heading, bold in _MARKED.findall(markdown):
        found.setdefault(_key(heading or bold), len(marks) or 7)
    return found


def rebuild(pages: Sequence[str], marked: Mapping[str, int]) -> str:
    """Markdown of the pages' lines; ``marked`` are candidates for headings from :func:`marked_headings`."""
    lines = [line for page in _without_running_titles(pages) for line in [*page, ""]]
    width = _text_width(lines)
    vocabulary = Counter(re.findall(r"[^\W\d_]+", " ".join(lines).lower()))
    lines = [_undivided(line, vocabulary, width) for line in lines]
    levels = _heading_levels(lines, marked, width)
    blocks = [_joined(block, vocabulary) for block in _blocks(lines, levels, width)]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _without_running_titles(pages: Sequence[str]) -> Iterator[list[str]]:
    """Pages as lines, without page numbers and lines that most pages begin or end with."""
    split = [[line.strip() for line in page.split("\n")] for page in pages]
    edges = Counter(_key(line) for page in split for line in {*page[:2], *page[-2:]} if line)
    often = max(3, len(pages) // 2 + 1)
    for page in split:
        last = len(page) - 2
        yield [
            line
            for index, line in enumerate(page)
            if not ((index < 2 or index >= last) and edges[_key(line)] >= often)
            and not (
                _PAGE_NUMBER.match(line) and (line.lower().startswith("page") or index in {0, len(page) - 1})
            )
        ]


def _is_prose(line: str) -> bool:
    """Sentences have many words in lower case; rows of tables, forms and addresses have few."""
    words = [word for word in line.split() if any(char.isalnum() for char in word)]
    return sum(word[:1].islower() for word in words) >= 0.4 * len(words) > 0


def _text_width(lines: Sequence[str]) -> int:
    """How many characters a full line of prose has (0 where there is none)."""
    lengths = [len(line) for line in lines if len(line) >= _SHORTEST_PROSE and _is_prose(line)]
    return int(median(lengths)) if lengths else 0


def _heading_levels(lines: Sequence[str], marked: Mapping[str, int], width: int) -> dict[int, int]:
    """Line number -> heading level, levels counted from 1 without gaps."""
    found: dict[int, int] = {}
    for index, line in enumerate(lines):
        after = next((later for later in lines[index + 1 :] if later), "")
        numbered = _NUMBERED.match(line)
        level = marked.get(_key(line)) if line else None
        if level is None and _stands_alone(lines[index - 1] if index else "", line, after, width):
            level = _UNMARKED
        if level is not None and reads_like_heading(line, after):
            found[index] = level + (numbered["number"].count(".") if numbered else 0)
    ranks = {level: rank for rank, level in enumerate(sorted(set(found.values())), start=1)}
    return {index: min(ranks[level], 6) for index, level in found.items()}


def _stands_alone(before: str, line: str, after: str, width: int) -> bool:
    """A short line between the end of something and a full line of prose, whatever its font."""
    is_short = 0 < len(line) < 0.7 * width and line[0].isalnum() and not line[0].islower()
    is_free = not before or before.endswith(_SENTENCE_STOP)
    return is_short and is_free and len(after) >= _FULL * width and _is_prose(after)


def reads_like_heading(line: str, after: str) -> bool:
    """Whether a line printed like a heading also reads like one (labels of forms and tables do not)."""
    letters = sum(char.isalpha() for char in line)
    if len(line) > _MAX_HEADING or letters < 3 or letters < 0.6 * len(line.replace(" ", "")):
        return False
    if _NUMBERED.match(line):
        return bool(after)
    if line.endswith((".", ",", ";", "-")) or re.search(r"[:=]\s*\S|[$€£@]|\d$|^\W", line):
        return False
    words = line.split()
    is_row = len(words) > 5 and all(w[:1].isupper() or not w[:1].isalpha() for w in words)
    return bool(after) and not (is_row and not line.isupper() and not _FUNCTION_WORD.search(line))


def _blocks(lines: Sequence[str], levels: Mapping[int, int], width: int) -> Iterator[str]:
    """Headings and paragraphs; short lines (forms, tables, addresses) stay lines of one block."""
    block: list[str] = []
    for index, line in enumerate(lines):
        level = levels.get(index)
        ends = (
            _RULED.match(line)
            or (not line and _is_ended(block, width))
            or _turns_to_prose(block, line, width)
        )
        if level is not None or ends:
            yield from ["\n".join(block)] if block else []
            block = []
        if level is not None:
            yield f"{'#' * level} {line.rstrip(':').strip()}"
        elif line and not _RULED.match(line):
            _append(block, _escaped(line), width)
            if line.endswith((".", "!", "?")) and len(block[-1]) > width and len(line) < _FULL * width:
                yield "\n".join(block)  # the last line of a paragraph of several lines
                block = []
    if block:
        yield "\n".join(block)


def _turns_to_prose(block: Sequence[str], line: str, width: int) -> bool:
    """A full line of prose after a short line (of a table, a form, a paragraph's end) begins a paragraph."""
    is_full = bool(width) and len(line) >= _FULL * width and _is_prose(line)
    if not block or not is_full or line[0].islower():
        return False
    return len(block[-1].rsplit("\ue000", 1)[-1]) < _SHORT * width


def _append(block: list[str], line: str, width: int) -> None:
    """Join a line to the one before when that was wrapped."""
    before = block[-1].rsplit("\ue000", 1)[-1] if block else ""
    if block and _is_wrapped(before, line, width) and not _ITEM.match(line):
        block[-1] += "\ue000" + line  # marks the place of the old line end, for the hyphens
    else:
        block.append(_BULLET.sub("- ", line))


def _is_wrapped(before: str, line: str, width: int) -> bool:
    if not width or len(before) < _FULL * width:
        return False
    is_stop = before.endswith((".", "!", "?"))
    if is_stop and (len(before) < _FULL_SENTENCE * width or _NUMBERED_LEAD.match(line)):
        return False
    return line[:1].islower() or (_is_prose(before) and _is_prose(line))


def _is_ended(block: Sequence[str], width: int) -> bool:
    if not block:
        return True
    last = block[-1].rsplit("\ue000", 1)[-1]
    return last.endswith(_SENTENCE_STOP) or len(last) < _FULL * width


def _escaped(line: str) -> str:
    """A line that begins like a markdown heading, quote or fence is text."""
    return "\\" + line if re.match(r"#{1,6}\s|>|```|~~~", line) else line


def _undivided(line: str, vocabulary: Mapping[str, int], width: int) -> str:
    """The extractor itself joins some divided words, which leaves a hyphen inside of an overlong line."""
    if not width or len(line) <= 1.1 * width:
        return line
    return _COMPOUND.sub(lambda m: _whole_word(m.group(1), m.group(2), vocabulary), line)


def _joined(block: str, vocabulary: Mapping[str, int]) -> str:
    """Wrapped lines on one line, words that were divided at the end of a line in one piece."""
    text = _DIVIDED.sub(lambda m: _whole_word(m.group(1), m.group(2), vocabulary), block)
    return text.replace("\ue000", " ")


def _whole_word(first: str, second: str, vocabulary: Mapping[str, int]) -> str:
    """``con-firming`` in one piece; a compound whose parts are words of this text keeps its hyphen."""
    if vocabulary.get((first + second).lower()):
        return first + second
    # each part was counted once where it stands here
    parts = [part for part in (first, second) if vocabulary.get(part.lower(), 0) > 1 and len(part) > 3]
    return f"{first}-{second}" if parts else first + second
