"""The probability of each value that a judge could have given in the place where its verdict stands.

The way of G-Eval (Liu et al. 2023, "G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment",
arXiv:2303.16634): the mean of all grades, weighted by their probability, in place of the one grade that was
written. Grades under one per cent are noise of the tail and are left out; the rest is scaled up to 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from gristmill.models.types import Answer, TokenLogprob
from gristmill_scorers.likelihood.places import Key, Span, value_spans
from gristmill_scorers.likelihood.tokens import token_starts

LEAST = 0.01
TOP = 20
"""Tokens asked for in each place; OpenAI and vLLM give no more."""
PARAMS: Mapping[str, object] = {"logprobs": True, "top_logprobs": TOP}

_RUN = re.compile(r"-?[\w.]*")


class NoChancesError(ValueError):
    """The log probabilities say nothing of a value; the message is the reason, a short stable slug."""


class Likelihood:
    """One answer and the log probabilities of its tokens."""

    def __init__(self, answer: Answer) -> None:
        self._text, self._data = answer.text, answer.data
        self._tokens = answer.logprobs or ()

    @cached_property
    def _starts(self) -> list[int | None]:
        return token_starts(self._tokens, self._text)

    @cached_property
    def _spans(self) -> Mapping[Key, Span]:
        return value_spans(self._text, self._data)

    def chances(self, key: Key, words: Sequence[str]) -> dict[str, float]:
        """The probability of each of ``words`` as the value at ``key``; the sum may be less than 1.

        A word may be several tokens: the way that was taken is followed token by token, of the others only
        the first token is known.

        Raises:
            NoChancesError: ``no-logprobs``; ``not-located`` (the value stands nowhere in the text as JSON,
                or the tokens do not line up with it); ``other-form`` (``3.0`` for 3); ``split-value`` (a
                token not taken could be the beginning of several words).
        """
        if not self._tokens:
            raise NoChancesError("no-logprobs")
        span = self._spans.get(key)
        place = None if span is None else self._covering(span[0])
        if span is None or place is None:
            raise NoChancesError("not-located")
        if self._text[slice(*span)] not in words:
            raise NoChancesError("other-form")
        quoted = self._text[span[0] - 1] == '"'
        lead = self._tokens[place].token[: span[0] - (self._starts[place] or 0)]
        found = dict.fromkeys(words, 0.0)
        for word, chance in self._spread(place, _Lead(lead, quoted), "", 1.0, words):
            found[word] += chance
        return found

    def _covering(self, offset: int) -> int | None:
        for place, (start, token) in enumerate(zip(self._starts, self._tokens, strict=True)):
            if start is not None and start <= offset < start + len(token.token):
                return place
        return None

    def _spread(
        self, place: int, lead: _Lead, said: str, chance: float, words: Sequence[str]
    ) -> Iterator[tuple[str, float]]:
        """Words and their probabilities, once ``said`` was written with probability ``chance``."""
        options = {said + body: option for body, option in _options(self._tokens[place], lead).items()}
        runs = {_run(body) for body in options}
        for body, (taken, probability) in options.items():
            likely = chance * probability
            meant = _meant(body, words)
            if len(meant) < 2:
                yield from ((word, likely) for word in meant)
            elif taken and place + 1 < len(self._tokens):
                yield from self._spread(place + 1, _Lead("", True), body, likely, words)
            elif body in words and not runs.isdisjoint(word for word in meant if word != body):
                yield body, likely  # longer words are one token here, so this one is whole
            elif likely >= LEAST:
                raise NoChancesError("split-value")


class _Lead:
    """What of a token stands before the value; ``exact``: white space in front would be part of it."""

    def __init__(self, text: str, exact: bool) -> None:
        self.text, self.exact = text.lstrip(), exact and '"' not in text

    def cut(self, token: str) -> str | None:
        """The part of a token in the same place that belongs to the value; None when it cannot."""
        if self.exact:
            return token
        token = token.lstrip()
        return token[len(self.text) :] if token.startswith(self.text) else None


def _options(token: TokenLogprob, lead: _Lead) -> dict[str, tuple[bool, float]]:
    """What could stand here, as far as it is part of the value: whether it was taken, and how likely."""
    top = token.top if any(other == token.token for other, _ in token.top) else [token[:2], *token.top]
    found: dict[str, tuple[bool, float]] = {}
    for other, logprob in top:
        body = lead.cut(other)
        # a number that is none would make everything none
        if body and not math.isnan(logprob):
            taken, chance = found.get(body, (False, 0.0))
            found[body] = taken or other == token.token, chance + math.exp(min(logprob, 0.0))
    return found


def _run(body: str) -> str:
    match = _RUN.match(body)
    return match.group() if match else ""


def _meant(body: str, words: Sequence[str]) -> list[str]:
    """The words that a beginning can become: one at most where the word has ended."""
    run = _run(body)
    if not run:
        return []
    return [word for word in words if (word == run if run != body else word.startswith(run))]


def expected(chances: Mapping[float, float], least: float = 0.0) -> tuple[float, float]:
    """The mean of the values by their probabilities, those under ``least`` left out, and the sum of these.

    Raises:
        NoChancesError: ``no-mass``: nothing is left.
    """
    kept = {value: chance for value, chance in chances.items() if chance >= least}
    mass = math.fsum(kept.values())
    if mass <= 0:
        raise NoChancesError("no-mass")
    mean = math.fsum(value * chance for value, chance in kept.items()) / mass
    # rounding must not lead beyond the values themselves
    return min(max(mean, min(kept)), max(kept)), min(mass, 1.0)
