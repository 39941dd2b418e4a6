"""The rules of ``quality_rules``: one function each, from a view of the example to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gristmill.records import Item


@dataclass(frozen=True, slots=True)
class Limits:
    """Arguments of the rules that have any. Lengths are in characters, ``repetition`` is a share."""

    min_instruction: int = 8
    max_instruction: int = 20_000
    min_response: int = 1
    max_response: int = 12_000
    repetition: float = 0.35
    languages: tuple[str, ...] = ()
    pii_allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """What the rules look at.

    ``prompts`` are the user turns without a passage that they hold, ``responses`` what a model would
    learn to say (assistant turns, ``chosen``), ``texts`` both and ``rejected``, ``source`` the chunk.
    """

    prompts: tuple[str, ...]
    responses: tuple[str, ...]
    texts: tuple[str, ...]
    source: str
    passage_given: bool = False
    limits: Limits = field(default_factory=Limits)


Check = Callable[[View], str | None]
"""Returns what is wrong, in a few words for people, or None."""


def view(item: Item, limits: Limits) -> View:
    """The view of one example."""
    example = item.example
    passage = item.chunk.text.strip()
    users = [m["content"] for m in example.messages if m["role"] == "user"]
    # an example without a user turn has an empty prompt, which is too short
    prompts = tuple(text.replace(passage, " ") if passage else text for text in users) or ("",)
    responses = tuple(m["content"] for m in example.messages if m["role"] == "assistant")
    if example.chosen is not None:
        responses = (*responses, example.chosen)
    extra = () if example.rejected is None else (example.rejected,)
    texts = (*prompts, *responses, *extra)
    return View(prompts, responses, texts, item.chunk.text, bool(users) and prompts != tuple(users), limits)


_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_INLINE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


def without_code(text: str) -> str:
    """The text with code blocks and inline code blanked out; a block that is never closed runs to the end."""
    return _INLINE.sub(" ", "\n".join(split_code(text)[0]))


def split_code(text: str) -> tuple[list[str], bool]:
    """The lines outside code blocks, and whether a block is left open at the end."""
    outside: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        mark = found.group(1) if found else ""
        if not fence:
            fence = mark
            outside.append("" if mark else line)
        elif mark and mark[0] == fence[0] and len(mark) >= len(fence):
            # a fence is closed by the same character, at least as often (CommonMark)
            fence = ""
    return outside, bool(fence)


def in_source(words: str, source: str) -> bool:
    """Whether the source itself says this (case and white space aside)."""
    return " ".join(words.split()).casefold() in " ".join(source.split()).casefold()


def first_own(patterns: Iterable[re.Pattern[str]], texts: Iterable[str], source: str) -> str | None:
    """The first match that is the writer's own, not a phrase of the source."""
    for text in texts:
        for pattern in patterns:
            for match in pattern.finditer(text):
                if not in_source(match.group(), source):
                    return clipped(match.group())
    return None


def clipped(text: str, size: int = 80) -> str:
    """A short form for a detail line."""
    plain = " ".join(text.split())
    return plain if len(plain) <= size else plain[: size - 1] + "…"
