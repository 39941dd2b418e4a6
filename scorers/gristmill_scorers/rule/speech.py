"""Scorers of what assistants say about themselves: refusals, and whose model they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from gristmill.registry import Scored, Unscored
from gristmill_scorers.checks import View, speech
from gristmill_scorers.rule.base import Finding, RuleScorer, listed, scored

_WORDS = re.compile(r"[^\W_]+")
_ANSWER_WORDS = 40
"""So many words beside a refusal are taken for an answer that follows it."""


class Refusal(RuleScorer):
    """1 when a response answers, 0 when it declines, 0.5 when it declines and then goes on at length.

    Looks at the opening of each response, in English and, for the plainest forms, German, French, Spanish,
    Italian, Portuguese, Dutch, Russian, Chinese and Japanese. It cannot see: a refusal in other words or
    further down, an evasive answer, a refusal that is right (a harmful request, a question that the source
    does not answer), or an answer that should have been refused. A phrase that the source itself has does
    not count.
    """

    def look(self, seen: View) -> Scored | Unscored:
        """The mean over the responses."""
        found = [_first(turn, seen) for turn in range(len(seen.responses))]
        values = [_answered(seen.responses[turn].raw, finding) for turn, finding in enumerate(found)]
        findings = [finding for finding in found if finding]
        value = sum(values) / len(values)
        return scored(value, listed(findings) or "no refusal in the opening", findings)


def _first(turn: int, seen: View) -> Finding | None:
    for match in speech.refusals(seen.responses[turn], seen.source):
        return Finding("refusal", "response", turn, match.start(), match.end(), match.group())
    return None


def _answered(raw: str, refused: Finding | None) -> float:
    if refused is None:
        return 1.0
    rest = len(_WORDS.findall(raw)) - len(_WORDS.findall(refused.quote))
    return 0.5 if rest >= _ANSWER_WORDS else 0.0


class Identity(RuleScorer):
    """1 when no response says whose language model it is, 0 when one does.

    Known are the names of models and makers as of 2026, said in the first person in English, German, French,
    Spanish, Italian, Portuguese, Dutch, Chinese or Japanese. It cannot see: names that came later,
    nicknames, an identity told in the third person, style that gives a model away, or a false claim to be
    a human. A claim that the source itself makes does not count.
    """

    allowed: list[str] = Field(default=[], description="Names that may be claimed, such as your own model's.")

    def look(self, seen: View) -> Scored | Unscored:
        """0 with one claim in any of the responses."""
        findings = list(self._claims(seen))
        return scored(0.0 if findings else 1.0, listed(findings) or "no claim of identity", findings)

    def _claims(self, seen: View) -> Iterator[Finding]:
        for turn, match in speech.identities(seen):
            said = match.group().casefold()
            if not any(name.casefold() in said for name in self.allowed):
                yield Finding("identity", "response", turn, match.start(), match.end(), match.group())
