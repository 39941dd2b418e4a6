"""A judge behind a real HTTP server that says how likely each of its verdicts was."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from support.judge_server import JudgeServer, Say

Odds = Mapping[str, float]
"""Probabilities of the tokens in one place."""
Likely = Callable[[dict[str, Any], str], Sequence[Odds]]
"""The request's body and the answer to the odds at each verdict in it, in their order."""

_VERDICT = re.compile(r'"(?:met|grade|winner)":( ?"?)(\w+)')
_PIECE = re.compile(r" ?\w+|\W")


class LogprobServer(JudgeServer):
    """Gives log probabilities when asked: those of ``likely`` at the verdicts, 1 everywhere else."""

    def __init__(self, say: Say, likely: Likely | None) -> None:
        super().__init__(say)
        self.likely = likely

    def _choice(self, body: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
        choice = super()._choice(body, index, rng)
        if self.likely is not None and body.get("logprobs"):
            text = choice["message"]["content"]
            choice["logprobs"] = {"content": tokens(text, self.likely(body, text), body["top_logprobs"])}
        return choice


def tokens(text: str, odds: Sequence[Odds], most: int = 20) -> list[dict[str, Any]]:
    """The answer's tokens as OpenAI writes them: words with the space before them, and single signs."""
    found, place = [], 0
    for verdict, chances in zip(_VERDICT.finditer(text), odds, strict=False):
        quoted = verdict[1].endswith('"')
        start = verdict.start(2) - (len(verdict[1]) if not quoted else 0)
        found += [_token(piece, {}, most) for piece in _PIECE.findall(text[place:start])]
        found.append(_token(text[start : verdict.end(2)], chances, most))
        place = verdict.end(2)
    return [*found, *(_token(piece, {}, most) for piece in _PIECE.findall(text[place:]))]


def _token(piece: str, chances: Odds, most: int) -> dict[str, Any]:
    ranked = sorted(({piece: 1.0} | dict(chances)).items(), key=lambda pair: -pair[1])
    top = [{"token": token, "logprob": math.log(chance)} for token, chance in ranked[:most] if chance]
    own = next((one["logprob"] for one in top if one["token"] == piece), -99.0)
    return {"token": piece, "logprob": own, "top_logprobs": top, "bytes": list(piece.encode())}
