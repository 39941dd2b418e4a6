"""Which part of an answer's text each of its tokens is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from gristmill.models.types import TokenLogprob


def token_starts(tokens: Sequence[TokenLogprob], text: str) -> list[int | None]:
    """Where in ``text`` each token begins; None of one that is no part of it or cannot be placed.

    Tokens may hold more than the text (reasoning in front, a mark of the end), and their texts may differ
    from it: half characters, white space that a tokenizer drops. Only white space and characters beyond
    ASCII are ever stepped over, so that JSON's own signs are never out of step.
    """
    ends = list(accumulate(len(token.token) for token in tokens))
    whole = "".join(token.token for token in tokens)
    before = whole.rfind(text) if text else -1
    if before >= 0:
        starts = [end - len(token.token) - before for token, end in zip(tokens, ends, strict=True)]
        return [start if -1 < start < len(text) else None for start in starts]
    return _from_the_end(tokens, text)


def _from_the_end(tokens: Sequence[TokenLogprob], text: str) -> list[int | None]:
    """Backwards, since what is no part of the text mostly stands in front, and may hold a draft of it."""
    found: list[int | None] = []
    end = len(text)
    for token in reversed(tokens):
        start = _before(token.token, text, end)
        end = end if start is None else start
        found.append(start)
    return found[::-1]


def _before(token: str, text: str, end: int) -> int | None:
    if not token:
        return None
    solid = end
    while solid and (text[solid - 1].isspace() or not text[solid - 1].isascii()):
        solid -= 1
    place = text.rfind(token, max(0, solid - len(token)), end)
    return place if place >= 0 else None
