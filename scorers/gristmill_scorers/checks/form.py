"""Length, encoding, language, an ending, and prompts that lean on a text the reader does not have."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from gristmill_scorers.checks import View, clipped, first_own, without_code
from gristmill_scorers.language import detect

_BAD_CHARACTERS = re.compile(
    "\ufffd|[\ue000-\uf8ff]|[\x00-\x08\x0b\x0c\x0e-\x1f]|Ã[\x80-\xbf©¨¤¶¼±]|â€[™œ\x9d“”˜¦]"
)
_OPEN_END = re.compile(
    r"(?:[,:;(\[–—]|\b(?:the|an?|of|and|or|with|for|is|are|which|because|than)|\([^()\n]*)$"
)
_NOUN = r"(?:text|document|section|code|example|listing|table|paragraph|article|context)"
_WHERE = r"(?:above|following|given|provided|preceding)"
_CONTEXT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:according to|based on|(?:mentioned|described|stated|discussed|given|shown|used|explained) in|"
        rf"in|from|of|by|does|do|is|are) (?:the|this|that) (?:{_WHERE} )?"
        r"(?:passage|excerpt|snippet|extract)s?\b"
        r"(?! (?:of|to|through|between|from)\b)",
        rf"\b(?:the|this) {_WHERE} {_NOUN}\b",
        r"\baccording to (?:the|this) (?:text|document|section|author|article|chapter|paragraph|context)\b",
        r"\b(?:mentioned|described|shown|listed|discussed|defined|explained) (?:above|below|earlier|here)\b",
        rf"\b(?:what|how|why)\b[^?]{{0,60}}\bin (?:this|the current) {_NOUN}\b",
    )
)


def too_short(view: View) -> str | None:
    """A prompt or a response with too little in it."""
    for text in view.responses:
        if len(text.strip()) < view.limits.min_response or not re.search(r"\w", text):
            return f"response of {len(text.strip())} characters"
    if not view.passage_given and len(view.prompts[-1].strip()) < view.limits.min_instruction:
        return f"instruction of {len(view.prompts[-1].strip())} characters"
    return None


def too_long(view: View) -> str | None:
    """A prompt or a response beyond the limit."""
    longest = max(map(len, view.responses), default=0)
    if longest > view.limits.max_response:
        return f"response of {longest} characters"
    longest = max(map(len, view.prompts), default=0)
    return f"instruction of {longest} characters" if longest > view.limits.max_instruction else None


def encoding(view: View) -> str | None:
    """Characters that show a wrong decoding: replacement marks, private use, mojibake."""
    for text in view.texts:
        bad = _BAD_CHARACTERS.search(text)
        if bad:
            around = text[max(0, bad.start() - 15) : bad.end() + 15]
            return f"{bad.group()!r} in {clipped(around)!r}"
    return None


def language(view: View) -> str | None:
    """A text in a language that was not asked for; off while no languages are named."""
    for text in view.texts if view.limits.languages else ():
        found = detect(text)
        if found and found not in view.limits.languages:
            return f"{found}, wanted {', '.join(view.limits.languages)}"
    return None


def cut_off(view: View) -> str | None:
    """A response that stops in the middle of a sentence."""
    for text in view.responses:
        end = text.rstrip()
        # code and tables end as they like
        if end.endswith(("`", "|")):
            continue
        found = _OPEN_END.search(without_code(end).rstrip())
        if found:
            return f"ends with {end[-30:]!r}"
    return None


def echo(view: View) -> str | None:
    """A response that says the prompt again instead of answering it."""
    prompt = _plain(view.prompts[-1])
    for text in view.responses:
        answer = _plain(text)
        # "Define kiln" is said again by any good answer
        if len(prompt.split()) < 4 or not answer:
            continue
        if fuzz.ratio(prompt, answer) >= 90:
            return "the response is the prompt"
        if prompt in answer and len(prompt) >= 0.6 * len(answer):
            return "most of the response is the prompt"
    return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def context(view: View) -> str | None:
    """A question about "the passage" where the reader is given none."""
    if view.passage_given:
        return None
    return first_own(_CONTEXT, [without_code(view.prompts[-1])], "")
