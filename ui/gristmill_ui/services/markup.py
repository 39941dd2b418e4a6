"""Text of a dataset as HTML that is safe to show: nothing in a row runs, loads or styles anything.

Everything is escaped here, on the server; the sanitizer in the browser is only the second lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape as _escape
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from gristmill.records import Span

# Characters that are not seen but change what is read: controls, marks of writing direction, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)
WRAPPED = 60
"""A line at least this long was ended by a margin rather than by its writer."""
_BLOCK = re.compile(r"\s*([-*+>#|]|\d+[.)]\s|```|~~~)|\s{4}|\t")


def visible(text: str) -> str:
    """``text`` with characters that hide from the eye named: they could make it read other than it is."""
    return _UNSEEN.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    run = found.group()
    return f"⟦U+{ord(run):04X}⟧" if len(run) == 1 else f"⟦{len(run)} hidden characters⟧"


def escape(text: str) -> str:
    """``text`` for HTML, between tags or in a quoted attribute; nothing in it stays unseen."""
    return _escape(visible(text))


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """An image would be fetched from wherever the row says: show its address instead."""
    token = tokens[index]
    label = token.content or "image"
    return f'<span class="gm-image">{escape(label)} ({escape(str(token.attrGet("src") or ""))})</span>'


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    token = tokens[index]
    target = str(token.attrGet("href") or "")
    web = target.startswith(("http://", "https://"))
    token.attrs = {"href": target, "target": "_blank", "rel": "noopener noreferrer nofollow"} if web else {}
    return renderer.renderToken(tokens, index, options, env)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    return parser


def markdown(text: str) -> str:
    """Markdown as HTML: raw HTML is escaped, images become their address, only web links are live."""
    return f'<div class="gm-prose" dir="auto">{_parser().render(unwrapped(visible(text)))}</div>'


def merged(spans: Iterable[Span], length: int) -> list[Span]:
    """Spans clipped to ``[0, length)``, empty ones dropped, overlapping and touching ones joined."""
    joined: list[Span] = []
    for start, end in sorted((max(0, s), min(length, e)) for s, e in spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def marked(text: str, spans: Iterable[Span], css_class: str = "gm-evidence") -> str:
    """Escaped text with ``<mark>`` around the spans (offsets into ``text``); line breaks are kept by CSS."""
    parts: list[str] = []
    done = 0
    for start, end in merged(spans, len(text)):
        parts.append(escape(text[done:start]))
        parts.append(f'<mark class="{css_class}">{escape(text[start:end])}</mark>')
        done = end
    parts.append(escape(text[done:]))
    return "".join(parts)


def unwrapped(text: str) -> str:
    """Text of the same length in which line breaks inside a paragraph are spaces.

    Hard-wrapped sources would otherwise be wrapped twice. Lists, tables, headings and code stay as they are.
    """
    lines = text.split("\n")
    fenced, parts = False, [lines[0]]
    for before, line in pairwise(lines):
        fenced ^= before.lstrip().startswith(("```", "~~~"))
        prose = not fenced and len(before) >= WRAPPED and line.strip() and not _BLOCK.match(line)
        parts.append((" " if prose and not _BLOCK.match(before) else "\n") + line)
    return "".join(parts)


FOLD_FROM = 450
"""Characters above the first evidence from which the passage is folded, so that it is seen at once."""
FOLD_KEEPS = 220


def passage(text: str, spans: Sequence[Span], chunk: Span, *, cut: tuple[bool, bool] = (False, False)) -> str:
    """A source passage with its evidence highlighted; what lies around the chunk is shown fainter.

    ``cut`` tells whether the document goes on before and after the passage. A long text before the first
    evidence is folded away.
    """
    shown = unwrapped(text)
    first = shown.find(" ", 0, 40) + 1 if cut[0] else 0
    last = max(shown.rfind(" ", len(shown) - 40), chunk[1]) if cut[1] else len(shown)
    fold = _fold(shown, spans, first)
    before, after = ("… " if cut[0] else ""), (" …" if cut[1] else "")
    rest = _shaded(shown, spans, chunk, (fold, last)) + after
    if fold == first:
        return f'<div class="gm-passage">{before}{rest}</div>'
    earlier = before + _shaded(shown, spans, chunk, (first, fold)).rstrip()
    folded = f"<details><summary>Earlier in the source</summary>{earlier}</details>"
    return f'<div class="gm-passage">{folded}{rest}</div>'


def _fold(shown: str, spans: Sequence[Span], first: int) -> int:
    """Where the visible part begins: at a paragraph shortly before the first evidence."""
    start = min((span[0] for span in spans), default=first)
    if start - first <= FOLD_FROM:
        return first
    paragraph = shown.rfind("\n\n", first, start - FOLD_KEEPS)
    return first if paragraph < 0 else paragraph + 2


def _shaded(shown: str, spans: Sequence[Span], chunk: Span, window: Span) -> str:
    """The part of the passage in ``window``, with its evidence marked and the context fainter."""
    parts = []
    around = "gm-context"
    for start, end, css_class in ((0, chunk[0], around), (*chunk, ""), (chunk[1], len(shown), around)):
        start, end = max(start, window[0]), min(end, window[1])
        if start < end:
            inner = marked(shown[start:end], [(s - start, e - start) for s, e in spans])
            parts.append(f'<span class="{css_class}">{inner}</span>' if css_class else inner)
    return "".join(parts)


def excerpt(text: str, span: Span, css_class: str, around: int = 160) -> str:
    """The span marked, with up to ``around`` characters on either side."""
    start, end = max(0, span[0] - around), min(len(text), span[1] + around)
    inner = marked(unwrapped(text)[start:end], [(span[0] - start, span[1] - start)], css_class)
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    return f'<div class="gm-passage">{before}{inner}{after}</div>'


def tag(text: str, css_class: str = "") -> str:
    """A small label."""
    return f'<span class="gm-tag {css_class}">{escape(text)}</span>'


def card(label: str, inner: str, css_class: str = "") -> str:
    """A titled box around ``inner``, which must be safe HTML already."""
    name = escape(label)
    title = f'<div class="gm-label">{name}</div>'
    return f'<section class="gm-card {css_class}" aria-label="{name}">{title}{inner}</section>'
