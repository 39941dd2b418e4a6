"""Markup that broke on the way, and blanks that a template left unfilled."""

from __future__ import annotations

import re

from gristmill_scorers.checks import View, clipped, first_own, in_source, split_code, without_code

_TAGS = (
    "div|span|p|a|img|table|thead|tbody|tr|td|th|ul|ol|li|h[1-6]|script|style|font|iframe|section|article|nav|"
    "header|footer|form|input|button|center|html|body|strong|em|pre|code|figure|svg"
)
_DEBRIS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>",
        r"<!--",
        r"&(?:nbsp|amp|lt|gt|quot|apos|#\d{2,5});",
        r"(?<![\w\]])\[[^\[\]\n]{4,}\] ?\[[\w-]{3,}\]",  # a reference link whose target stayed behind
    )
)
_CHAT_TOKEN = re.compile(r"<\|[\w-]+\|>|\[/?INST\]|<</?SYS>>|</s>|<(?:start|end)_of_turn>")
_BLANKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\{\{[^{}\n]{0,80}\}\}",
        r"\{(?:passage|question|answer|context|text|title|name|topic|response|document)\}",
        r"\[(?:insert|your|enter|fill in|add)\b[^\]\n]{0,60}\](?!\()",
        r"<(?:insert|your|enter)[ _-][^<>\n]{0,60}>",
        r"\blorem ipsum\b",
        r"\b(?:TODO|FIXME|TBD):",
    )
)
_UNEXPANDED = re.compile(r"\{\{\s*#\w+[^{}\n]{0,200}\}\}")


def broken_markup(view: View) -> str | None:
    """An unclosed code block, tags and entities outside code, tokens of a chat template."""
    for text in view.responses:
        if split_code(text)[1]:
            return "a code block is not closed"
        found = _CHAT_TOKEN.search(text)
        if found and not in_source(found.group(), view.source):
            return found.group()
        for pattern in _DEBRIS:
            found = pattern.search(without_code(text))
            if found:
                return clipped(found.group())
    return None


def placeholder(view: View) -> str | None:
    """A blank that nobody filled in; an include directive counts even inside code."""
    for text in (*view.prompts, *view.responses):
        found = _UNEXPANDED.search(text)
        if found:
            return clipped(found.group())
    plain = [without_code(text) for text in (*view.prompts, *view.responses)]
    return first_own(_BLANKS, plain, view.source)
