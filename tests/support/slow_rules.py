"""The rules of ``quality_rules`` without short cuts, every pattern on every text: what is fast must agree."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from rapidfuzz import fuzz

from gristmill_scorers.checks import Clued, View, clipped, form, in_source, markup, pii, repetition, speech
from gristmill_scorers.checks.text import split_code

_INLINE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_OPEN_END = re.compile(
    r"(?:[,:;(\[–—]|\b(?:the|an?|of|and|or|with|for|is|are|which|because|than)|\([^()\n]*)$"
)
_WORDS = re.compile(r"\w+(?:[.,]\w+)*|[=<>]=?|!=|[+/%]")
_JWT = re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}")


def without_code(text: str) -> str:
    return _INLINE.sub(" ", "\n".join(split_code(text)[0]))


def plain(text: str) -> str:
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))


def _own(patterns: Iterable[Clued], texts: Iterable[str], source: str) -> str | None:
    for text in texts:
        for pattern, _ in patterns:
            for match in pattern.finditer(text):
                if not in_source(match.group(), source):
                    return clipped(match.group())
    return None


def _responses(view: View) -> list[str]:
    return [text.raw for text in view.responses]


def encoding(view: View) -> str | None:
    for text in view.texts:
        bad = form._BAD_CHARACTERS.search(text.raw)
        if bad:
            return f"{bad.group()!r} in {clipped(text.raw[max(0, bad.start() - 15) : bad.end() + 15])!r}"
    return None


def refusal(view: View) -> str | None:
    heads = [text[:400] for text in _responses(view)]
    return _own((*speech._REFUSALS, *speech._NO_ANSWER), heads, view.source)


def identity(view: View) -> str | None:
    found = _own(speech._IDENTITY, _responses(view), view.source)
    if found or not speech._ASKED_WHO.search(view.prompts[-1].raw):
        return found
    named = speech._ANY_NAME.search(_responses(view)[-1])
    return clipped(named.group()) if named and not in_source(named.group(), view.source) else None


def broken_markup(view: View) -> str | None:
    for text in _responses(view):
        if split_code(text)[1]:
            return "a code block is not closed"
        found = markup._CHAT_TOKEN.pattern.search(text)
        if found and not in_source(found.group(), view.source):
            return found.group()
        for pattern, _ in markup._DEBRIS:
            found = pattern.search(without_code(text))
            if found:
                return clipped(found.group())
    return None


def placeholder(view: View) -> str | None:
    texts = [text.raw for text in (*view.prompts, *view.responses)]
    for text in texts:
        found = markup._UNEXPANDED.search(text)
        if found:
            return clipped(found.group())
    return _own(markup._BLANKS, map(without_code, texts), view.source)


def cut_off(view: View) -> str | None:
    for text in _responses(view):
        end = text.rstrip()
        if not end.endswith(("`", "|")) and _OPEN_END.search(without_code(end).rstrip()):
            return f"ends with {end[-30:]!r}"
    return None


def again_and_again(view: View) -> str | None:
    for text in _responses(view):
        prose = "\n".join(line for line in without_code(text).splitlines() if "|" not in line)
        for pattern in (repetition._RUN, repetition._STUTTER, repetition._LOOP):
            found = pattern.search(prose[:8000])
            if found:
                return f"again and again: {clipped(found.group(1))!r}"
        words = re.findall(r"\w+", prose.casefold())
        phrases = Counter(tuple(words[i : i + 5]) for i in range(len(words) - 4))
        share = (phrases.total() - len(phrases)) / phrases.total() if len(words) >= 40 else 0.0
        if share > view.limits.repetition:
            return f"{share:.0%} of its phrases are repeats"
    return None


def echo(view: View) -> str | None:
    prompt, *answers = (
        " ".join(re.findall(r"\w+", text.casefold())) for text in (view.prompts[-1].raw, *_responses(view))
    )
    for answer in answers if len(prompt.split()) >= 4 else ():
        if answer and fuzz.ratio(prompt, answer) >= 90:
            return "the response is the prompt"
        if answer and prompt in answer and len(prompt) >= 0.6 * len(answer):
            return "most of the response is the prompt"
    return None


def personal(view: View) -> str | None:
    for kind, finder in pii.FINDERS.items():
        for text in view.texts:
            for found in finder(text.raw):
                return f"{kind} {pii.masked(found)}"
    return None


def tokens(text: str) -> list[str]:
    """JSON web tokens, with one pattern."""
    return _JWT.findall(text)


SLOW: Mapping[str, Callable[[View], str | None]] = {
    "encoding": encoding,
    "refusal": refusal,
    "identity": identity,
    "boilerplate": lambda view: _own(speech._BOILERPLATE, _responses(view), view.source),
    "judge-talk": lambda view: _own(speech._TO_THE_JUDGE, [text.raw for text in view.texts], view.source),
    "markup": broken_markup,
    "placeholder": placeholder,
    "cut-off": cut_off,
    "repetition": again_and_again,
    "echo": echo,
    "context": lambda view: (
        None if view.passage_given else _own(form._CONTEXT, [without_code(view.prompts[-1].raw)], "")
    ),
    "pii": personal,
}
