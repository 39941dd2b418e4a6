"""Markdown made for a web site or a book into the text a reader sees.

Front matter becomes metadata. Outside code: comments and template directives go, tags give way to their
text, links to their label. Code blocks are left as they are, but for those that held an include only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

_FENCE = re.compile(r"^(?P<quote>[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)?)(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)$")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"(?<![\\`])(`+)(?!`)(?:(?!\n[ \t>]*\n).)*?(?<!`)\1(?!`)", re.DOTALL)
_DIRECTIVE = re.compile(
    r"^[ \t>]*(?:\{\{[#%<][^\n]{0,400}?\}\}|\{%[^\n]{0,400}?%\}|\[\[?toc\]?\])[ \t]*$\n?", re.M | re.I
)
_DIRECTIVE_INLINE = re.compile(r"\{\{[#%<][^\n]{0,400}?\}\}|\{%[^\n]{0,400}?%\}")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# whichever begins first: a comment may hold a lone backtick, code may hold the mark of a comment
_CODE_OR_COMMENT = re.compile(f"{_COMMENT.pattern}|{_INLINE_CODE.pattern}", re.DOTALL)
_TAG = re.compile(
    r"</?([A-Za-z][A-Za-z0-9-]*)((?:\s+[\w:@.-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*/?>"
)
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_SCRIPT = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.I)
_POWER = re.compile(r"<su([pb])>(.{0,200}?)</su\1>", re.DOTALL | re.I)
_DEFINITION = re.compile(
    r"^ {0,3}\[(?!\^)[^\]\n]+\]:[ \t]*\n?[ \t]*\S+(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?[ \t]*$\n?", re.M
)
_LABEL = r"((?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)"
_IMAGE = re.compile(rf"!\[{_LABEL}\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]]*\])")
_LINK = re.compile(
    rf"(?<![!\\])\[{_LABEL}\](?:\((?:[^()\s]|\([^()\s]*\))*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)|\[[^\]]*\])"
)
_SHORTCUT = re.compile(r"(?<![\]\\!])\[([^\[\]\n]+)\](?![(\[:])")
_AUTOLINK = re.compile(r"<((?:https?|mailto|ftp):[^\s>]+)>")
_CAPTION_ELEMENT = re.compile(r"^[ \t>]*<[A-Za-z][^\n]*>[ \t]*\n\s*\Z", re.M)
_HEADING_ANCHOR = re.compile(r"^(#{1,6} .*?)[ \t]*\{#[^}\n]*\}[ \t]*$", re.M)


def clean_markdown(text: str) -> tuple[str, dict[str, Any]]:
    """The readable text, and the metadata of the front matter (YAML)."""
    body, metadata = split_front_matter(text)
    parts = split_code(body)
    # definitions are looked up in all prose: a shortcut link [label] may come before or after them
    labels = {label for is_code, part in parts if not is_code for label in _defined(part)}
    cleaned = [part if is_code else _clean_prose(part, labels) for is_code, part in parts]
    joined = "".join(cleaned)
    return _tidy(joined), metadata


def split_front_matter(text: str) -> tuple[str, dict[str, Any]]:
    """Text without YAML front matter, and its mapping; a leading ``---`` that holds no mapping is text."""
    match = _FRONT_MATTER.match(text)
    if not match or not match.group(1):
        return text, {}
    try:
        found = yaml.safe_load(match.group(1))
    except yaml.YAMLError:
        return text, {}
    if not isinstance(found, Mapping):
        return text, {}
    return text[match.end() :], {str(key): _plain(value) for key, value in found.items()}


def _plain(value: Any) -> Any:
    """JSON-able: dates as ISO text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def split_code(text: str) -> list[tuple[bool, str]]:
    """Alternating prose and fenced code; a fence that held nothing but a template include is dropped."""
    parts: list[tuple[bool, str]] = []
    lines: list[str] = []
    marks = ""

    def flush(is_code: bool) -> None:
        block = "".join(lines)
        inside = "".join(lines[1:-1])
        if not (is_code and inside.strip() and not _DIRECTIVE.sub("", inside).strip()):
            parts.append((is_code, block))
        elif parts and not parts[-1][0]:  # the caption of code that is not there says nothing
            parts[-1] = (False, _CAPTION_ELEMENT.sub("\n", parts[-1][1]))
        lines.clear()

    in_comment = False
    for line in text.splitlines(keepends=True):
        match = None if in_comment else _FENCE.match(line.rstrip("\n"))
        if match and not marks and "`" not in match["info"]:
            flush(is_code=False)
            marks = match["marks"]
            lines.append(line)
        elif match and marks and match["marks"].startswith(marks) and not match["info"].strip():
            lines.append(line)
            flush(is_code=True)
            marks = ""
        else:
            lines.append(line)
            in_comment = not marks and _comment_is_open(line, in_comment)
    flush(is_code=bool(marks))
    return parts


def _comment_is_open(line: str, already: bool) -> bool:
    opened, closed = line.rfind("<!--"), line.rfind("-->")
    return opened > closed if opened >= 0 or closed >= 0 else already


def _clean_prose(text: str, labels: set[str]) -> str:
    """Comments, tags, directives and link targets away, outside inline code."""
    return outside_inline_code(text, lambda prose: _clean_inline(prose, labels))


def outside_inline_code(text: str, clean: Callable[[str], str]) -> str:
    """Apply ``clean`` to a text without comments, its inline code hidden behind placeholders meanwhile."""
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        if match.group().startswith("<"):
            return ""
        hidden.append(match.group())
        return f"\ue000{len(hidden) - 1}\ue001"

    cleaned = clean(_CODE_OR_COMMENT.sub(hide, text))
    return re.sub("\ue000(\\d+)\ue001", lambda m: hidden[int(m.group(1))], cleaned)


def _clean_inline(text: str, labels: set[str]) -> str:
    text = _DIRECTIVE_INLINE.sub("", _DIRECTIVE.sub("", text))
    text = _DEFINITION.sub("", text)
    text = strip_links(text)
    text = _SHORTCUT.sub(lambda m: m.group(1) if m.group(1).lower() in labels else m.group(), text)
    return _HEADING_ANCHOR.sub(r"\1", strip_tags(text))


def _defined(text: str) -> list[str]:
    return [m.group().split("]:")[0].strip().removeprefix("[").lower() for m in _DEFINITION.finditer(text)]


def strip_links(text: str) -> str:
    """Links give way to their label, images to their description."""
    text = _IMAGE.sub(lambda m: f"(Image: {m.group(1).strip()})" if m.group(1).strip() else "", text)
    previous = None
    while previous != text:  # a label may itself hold a link (a linked image)
        previous, text = text, _LINK.sub(r"\1", text)
    return text


def strip_tags(text: str) -> str:
    """HTML tags give way to their text; a caption attribute is text too; ``<sup>2</sup>`` becomes ``^2``."""
    text = _AUTOLINK.sub(lambda m: m.group(1).removeprefix("mailto:"), _SCRIPT.sub("", text))
    text = _POWER.sub(_power, text)
    text = _TAG.sub(_tag_text, text)
    return re.sub(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,6});", _entity, text)


def _entity(match: re.Match[str]) -> str:
    character = html.unescape(match.group())
    return match.group() if character in "<>&" else character.replace("\u00a0", " ")


def _power(match: re.Match[str]) -> str:
    body = " ".join(match.group(2).split())
    mark = "^" if match.group(1).lower() == "p" else "_"
    return mark + (body if len(body) == 1 or body.isalnum() else f"({body})")


def _tag_text(match: re.Match[str]) -> str:
    if match.group().startswith("</"):
        return ""
    if match.group(1).lower() in {"br", "p", "div", "li", "tr"}:
        return "\n"
    found = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(match.group(2))}
    caption = found.get("caption") or found.get("alt") or ""
    if not caption:
        return ""
    number = found.get("number", "")
    label = f"{match.group(1)} {number}: " if number else ""
    return f"{label}{caption}"


def _tidy(text: str) -> str:
    """Nothing but line ends on an empty line, at most one empty line in a row, outside code."""
    parts = split_code(text)
    done = [part if is_code else re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", part) for is_code, part in parts]
    return re.sub(r"[ \t]+$", "", "".join(done), flags=re.M).strip("\n") + "\n" if text.strip() else ""
