"""The scorer of personal data and secrets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from gristmill.registry import Scored, Unscored
from gristmill_scorers.checks import Limits, View, pii
from gristmill_scorers.rule.base import Finding, RuleScorer, scored
from gristmill_scorers.rules import known


class PersonalData(RuleScorer):
    """1 when no text of the example holds personal data or a secret, 0 when one does.

    Found by form and checksum: e-mail addresses, telephone and card numbers, IBANs, US social security
    numbers, public IP addresses, keys and tokens of well-known services; what is reserved for examples
    does not count. Prompts and ``rejected`` are read too: trainers see them. It cannot see: names, streets,
    dates of birth, numbers in other forms (spelled out, in digits of other scripts, broken over lines),
    passwords, national identifiers of other countries. That the source holds it is no excuse.
    """

    allowed: list[str] = Field(default=[], description="Kinds not to look for: email, phone, card …")

    @field_validator("allowed")
    @classmethod
    def _known_kinds(cls, names: list[str]) -> list[str]:
        return known(names, list(pii.FINDERS), "kind of personal data")

    @property
    def limits(self) -> Limits:
        return Limits(pii_allowed=frozenset(self.allowed))

    def look(self, seen: View) -> Scored | Unscored:
        """0 with one finding; quotes are masked."""
        findings: list[Finding] = []
        after: dict[tuple[int, str], int] = {}
        for number, kind, secret in pii.secrets(seen):
            text = seen.texts[number].raw
            # found again behind its last place, if it is there again
            start = max(text.find(secret, after.get((number, secret), 0)), text.find(secret))
            after[number, secret] = end = start + len(secret)
            side, turn = place(seen, number)
            # two patterns can find one number, one of them without its first sign
            if not any(f[1:3] == (side, turn) and f.start <= start and end <= f.end for f in findings):
                findings.append(Finding(kind, side, turn, start, end, pii.masked(secret)))
        said = "; ".join(f"{found.kind} {found.quote} in the {found.side}" for found in findings[:5])
        return scored(0.0 if findings else 1.0, said or "no personal data of a known form", findings)


def place(seen: View, number: int) -> tuple[Literal["prompt", "response", "rejected"], int]:
    """Which text of the example ``seen.texts[number]`` is."""
    if number < len(seen.prompts):
        return "prompt", number
    number -= len(seen.prompts)
    return ("response", number) if number < len(seen.responses) else ("rejected", 0)
