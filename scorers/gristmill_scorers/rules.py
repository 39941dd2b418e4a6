"""The gate of quality rules: form, refusals, identity, markup, personal data, repetition."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from pydantic import Field, field_validator

from gristmill.records import Item
from gristmill.registry import Blocked, Gate, Passed
from gristmill_scorers.checks import Check, Limits, form, markup, pii, repetition, speech, view
from gristmill_scorers.language import LANGUAGES

RULES: Mapping[str, Check] = {
    "too-short": form.too_short,
    "too-long": form.too_long,
    "encoding": form.encoding,
    "language": form.language,
    "refusal": speech.refusal,
    "identity": speech.identity,
    "boilerplate": speech.boilerplate,
    "judge-talk": speech.judge_talk,
    "markup": markup.broken_markup,
    "placeholder": markup.placeholder,
    "cut-off": form.cut_off,
    "repetition": repetition.repetition,
    "echo": form.echo,
    "context": form.context,
    "pii": pii.pii,
}
"""Rule name to check, in the order in which they are tried; the reject reason is ``rule:NAME``."""


_PASSED = Passed()


class QualityRules(Gate):
    """Length, language, refusals, identity leaks, boilerplate, broken markup, personal data, repetition."""

    version: ClassVar[str] = "2"
    skip: list[str] = Field(default=[], description="Names of rules to leave out.")
    min_instruction_chars: int = Field(default=8, ge=0, description="Shortest instruction.")
    max_instruction_chars: int = Field(default=20_000, ge=1, description="Longest, without the passage.")
    min_response_chars: int = Field(default=1, ge=0, description="Shortest response.")
    max_response_chars: int = Field(default=12_000, ge=1, description="Longest response.")
    max_repetition: float = Field(default=0.35, gt=0, le=1, description="Share of repeated phrases allowed.")
    languages: list[str] = Field(default=[], description="ISO 639-1 codes allowed; any when empty.")
    pii_allowed: list[str] = Field(default=[], description="Kinds of personal data not to look for.")

    @field_validator("skip")
    @classmethod
    def _known_rules(cls, names: list[str]) -> list[str]:
        return known(names, list(RULES), "rule")

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, names: list[str]) -> list[str]:
        return known(names, list(LANGUAGES), "language")

    @field_validator("pii_allowed")
    @classmethod
    def _known_kinds(cls, names: list[str]) -> list[str]:
        return known(names, list(pii.FINDERS), "kind of personal data")

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked by the first rule that the example breaks."""
        limits, rules = self.ready
        seen = view(item, limits)
        for name, rule in rules:
            fault = rule(seen)
            if fault is not None:
                return Blocked(f"rule:{name}", fault)
        return _PASSED

    @cached_property
    def ready(self) -> tuple[Limits, list[tuple[str, Check]]]:
        """The arguments, read once: they hold for every row."""
        limits = Limits(
            min_instruction=self.min_instruction_chars,
            max_instruction=self.max_instruction_chars,
            min_response=self.min_response_chars,
            max_response=self.max_response_chars,
            repetition=self.max_repetition,
            languages=tuple(self.languages),
            pii_allowed=frozenset(self.pii_allowed),
        )
        return limits, [(name, rule) for name, rule in RULES.items() if name not in self.skip]


def known(names: list[str], choices: list[str], what: str) -> list[str]:
    """``names``, each of which must be one of the choices: for validators of arguments.

    Raises:
        ValueError: with the nearest choice; the recipe reader shows it with file and line.
    """
    for name in names:
        if name not in choices:
            close = difflib.get_close_matches(name, choices, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"unknown {what} {name!r}; {hint}known: {', '.join(choices)}")
    return names
