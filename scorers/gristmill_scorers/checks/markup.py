"""Markup that broke on the way, and blanks that a template left unfilled."""

from __future__ import annotations

import re

from gristmill_scorers.checks import Clued, View, clipped, first_own, in_source, possible
from gristmill_scorers.checks.text import has_fence, split_code

_TAGS = (
    "div|span|p|a|img|table|thead|tbody|tr|td|th|ul|ol|li|h[1-6]|script|style|font|iframe|section|article|nav|"
    "header|footer|form|input|button|center|html|body|strong|em|pre|code|figure|svg"
)
_DEBRIS = (
    Clued.of(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", "<"),
    Clued.of(r"<!--", "<!--"),
    Clued.of(r"&(?:nbsp|amp|lt|gt|quot|apos|#\d{2,5});", "&"),
    # a reference link whose target stayed behind
    Clued.of(r"(?<![\w\]])\[[^\[\]\n]{4,}\] ?\[[\w-]{3,}\]", "][", "] ["),
)
_CHAT_TOKEN = Clued.of(
    r"<\|[\w-]+\|>|\[/?INST\]|<</?SYS>>|</s>|<(?:start|end)_of_turn>",
    *("<|", "inst]", "sys>>", "</s>", "_of_turn>"),
    flags=0,
)
_BLANKS = (
    Clued.of(r"\{\{[^{}\n]{0,80}\}\}", "{{"),
    Clued.of(r"\{(?:passage|question|answer|context|text|title|name|topic|response|document)\}", "{"),
    Clued.of(r"\[(?:insert|your|enter|fill in|add)\b[^\]\n]{0,60}\](?!\()", "["),
    Clued.of(r"<(?:insert|your|enter)[ _-][^<>\n]{0,60}>", "<"),
    Clued.of(r"\blorem ipsum\b", "lorem ipsum"),
    Clued.of(r"\b(?:TODO|FIXME|TBD):", "todo:", "fixme:", "tbd:"),
)
# possessive: a long word after the mark is not split in all ways
_UNEXPANDED = re.compile(r"\{\{\s*#\w++[^{}\n]{0,200}\}\}")


def broken_markup(view: View) -> str | None:
    """An unclosed code block, tags and entities outside code, tokens of a chat template."""
    for text in view.responses:
        raw = text.raw
        if has_fence(raw) and split_code(raw)[1]:
            return "a code block is not closed"
        found = _CHAT_TOKEN.pattern.search(raw) if possible([_CHAT_TOKEN], text) else None
        if found and not in_source(found.group(), view.source):
            return found.group()
        for pattern in possible(_DEBRIS, text.plain):
            found = pattern.search(text.plain.raw)
            if found:
                return clipped(found.group())
    return None


def placeholder(view: View) -> str | None:
    """A blank that nobody filled in; an include directive counts even inside code."""
    texts = [*view.prompts, *view.responses]
    for text in texts:
        found = _UNEXPANDED.search(text.raw) if "{{" in text.raw else None
        if found:
            return clipped(found.group())
    return first_own(_BLANKS, [text.plain for text in texts], view.source)
