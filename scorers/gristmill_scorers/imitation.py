"""Parts of a text that speak to the judge, or in its form: no quote may rest on them.

A judge that obeys an order inside a response still has to show words for every point. The order itself,
a verdict written out in advance or a forged mark are words too; here they are taken out of what counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from gristmill.records import Span
from gristmill_scorers.checks.speech import words_to_judge

# angle brackets and what is drawn like them; each is one character, so that offsets stay right
_OPENING, _CLOSING = (
    "<\u2039\u276e\u3008\u2329\u27e8\uff1c\u02c2\u1438",
    ">\u203a\u276f\u3009\u232a\u27e9\uff1e\u02c3\u1433",
)
_MARK = re.compile(rf"[{_OPENING}«]{{2,3}}[^\n{_CLOSING}»]{{1,80}}[{_CLOSING}»]{{2,3}}")
_MARK_WORDS = re.compile(r"\b(?:END|PASSAGE|RESPONSE|QUESTION|REFERENCE|TURN|INSTRUCTION|CRITERIA)\b")
_ROW = re.compile(r"\{[^{}]{0,2000}\}")
_MEMBER = re.compile(r"""["'“”](?:met|grade|verdict)["'“”]\s*:""", re.IGNORECASE)


@lru_cache(maxsize=64)
def without_orders(text: str, source: str = "") -> str:
    """``text`` with what is meant for a judge blanked out, of equal length.

    Orders that ``source`` says too are the subject of the text; without a source none are.
    """
    spans = [*_rows(text), *_marks(text), *words_to_judge(text, source)]
    if not spans:
        return text
    shown = list(text)
    for start, end in spans:
        shown[start:end] = " " * (end - start)
    return "".join(shown)


def _rows(text: str) -> Iterator[Span]:
    """JSON objects with a judge's members, and members alone where the object is not closed."""
    for match in _ROW.finditer(text):
        if _MEMBER.search(match.group()):
            yield match.span()


def _marks(text: str) -> Iterator[Span]:
    for match in _MARK.finditer(text):
        # compatibility forms: Ｅ and 𝐄 are drawn as E
        if _MARK_WORDS.search(unicodedata.normalize("NFKC", match.group()).upper()):
            yield match.span()
