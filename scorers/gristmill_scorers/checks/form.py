"""Length, encoding, language, an ending, and prompts that lean on a text the reader does not have."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from gristmill_scorers.checks import Clued, View, clipped, first_own
from gristmill_scorers.checks.text import Text, words_of
from gristmill_scorers.language import detect

_BAD_CHARACTERS = re.compile(
    "\ufffd|[\ue000-\uf8ff]|[\x00-\x08\x0b\x0c\x0e-\x1f]|Ã[\x80-\xbf©¨¤¶¼±]|â€[™œ\x9d“”˜¦]"
)
_SUSPECT = re.compile("[\ufffd\ue000-\uf8ffÃâ]")
_CONTROL = bytes(b for b in range(32) if b not in b"\t\n\r")
_WORD = re.compile(r"\w")
_OPEN_MARKS = (",", ":", ";", "(", "[", "–", "—")
_OPEN_WORD = re.compile(r"\b(?:the|an?|of|and|or|with|for|is|are|which|because|than)\Z")
_LONGEST = len("because") + 1
_NOUN = r"(?:text|document|section|code|example|listing|table|paragraph|article|context)"
_WHERE = r"(?:above|following|given|provided|preceding)"
_CONTEXT = (
    Clued.of(
        r"\b(?:according to|based on|(?:mentioned|described|stated|discussed|given|shown|used|explained) in|"
        rf"in|from|of|by|does|do|is|are) (?:the|this|that) (?:{_WHERE} )?"
        r"(?:passage|excerpt|snippet|extract)s?\b"
        r"(?! (?:of|to|through|between|from)\b)",
        *("passage", "excerpt", "snippet", "extract"),
    ),
    Clued.of(
        rf"\b(?:the|this) {_WHERE} {_NOUN}\b",
        *(" above ", " following ", " given ", " provided ", " preceding "),
    ),
    Clued.of(
        r"\baccording to (?:the|this) (?:text|document|section|author|article|chapter|paragraph|context)\b",
        "according to th",
    ),
    Clued.of(
        r"\b(?:mentioned|described|shown|listed|discussed|defined|explained) (?:above|below|earlier|here)\b",
        *(" above", " below", " earlier", " here"),
    ),
    Clued.of(
        rf"\b(?:what|how|why)\b[^?]{{0,60}}\bin (?:this|the current) {_NOUN}\b",
        *("in this ", "in the current "),
    ),
)


def too_short(view: View) -> str | None:
    """A prompt or a response with too little in it."""
    for text in view.responses:
        length = len(text.raw.strip())
        if length < view.limits.min_response or not _WORD.search(text.raw):
            return f"response of {length} characters"
    length = len(view.prompts[-1].raw.strip())
    if not view.passage_given and length < view.limits.min_instruction:
        return f"instruction of {length} characters"
    return None


def too_long(view: View) -> str | None:
    """A prompt or a response beyond the limit."""
    longest = max([len(text.raw) for text in view.responses], default=0)
    if longest > view.limits.max_response:
        return f"response of {longest} characters"
    longest = max([len(text.raw) for text in view.prompts], default=0)
    return f"instruction of {longest} characters" if longest > view.limits.max_instruction else None


def encoding(view: View) -> str | None:
    """Characters that show a wrong decoding: replacement marks, private use, mojibake."""
    for text in view.texts:
        bad = _BAD_CHARACTERS.search(text.raw) if _may_be_broken(text) else None
        if bad:
            around = text.raw[max(0, bad.start() - 15) : bad.end() + 15]
            return f"{bad.group()!r} in {clipped(around)!r}"
    return None


def _may_be_broken(text: Text) -> bool:
    if len(text.ascii.translate(None, _CONTROL)) != len(text.ascii):
        return True
    return len(text.ascii) != len(text.raw) and _SUSPECT.search(text.raw) is not None


def language(view: View) -> str | None:
    """A text in a language that was not asked for; off while no languages are named."""
    for text in view.texts if view.limits.languages else ():
        found = detect(text.raw)
        if found and found not in view.limits.languages:
            return f"{found}, wanted {', '.join(view.limits.languages)}"
    return None


def cut_off(view: View) -> str | None:
    """A response that stops in the middle of a sentence."""
    for text in view.responses:
        end = text.raw.rstrip()
        # code and tables end as they like
        if not end.endswith(("`", "|")) and _open_end(text.plain.raw.rstrip()):
            return f"ends with {end[-30:]!r}"
    return None


def _open_end(text: str) -> bool:
    if text.endswith(_OPEN_MARKS) or _OPEN_WORD.search(text[-_LONGEST:]):
        return True
    # a bracket that neither ends nor stays behind in an earlier line
    return text.rfind("(") > max(text.rfind(")"), text.rfind("\n"))


def echo(view: View) -> str | None:
    """A response that says the prompt again instead of answering it."""
    words = words_of(view.prompts[-1].raw)
    # "Define kiln" is said again by any good answer
    if len(words) < 4:
        return None
    prompt = " ".join(words)
    for text in view.responses:
        # so much longer than the prompt, it can neither be it nor mostly consist of it
        if 0.6 * text.least_words > len(prompt):
            continue
        answer = " ".join(words_of(text.raw))
        if not answer:
            continue
        if fuzz.ratio(prompt, answer) >= 90:
            return "the response is the prompt"
        if prompt in answer and len(prompt) >= 0.6 * len(answer):
            return "most of the response is the prompt"
    return None


def context(view: View) -> str | None:
    """A question about "the passage" where the reader is given none."""
    if view.passage_given:
        return None
    return first_own(_CONTEXT, [view.prompts[-1].plain], "")
