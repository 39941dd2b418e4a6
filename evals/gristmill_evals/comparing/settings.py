"""What two runs were set to, key by key, and where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_evals.report.sections.settings import without_secrets

ABSENT = "not set"
LONGEST = 160


@dataclass(frozen=True, slots=True)
class Changed:
    """A setting that is not the same everywhere; ``values`` in the order of what is compared."""

    name: str
    values: tuple[str, ...]


def changed(settings: Sequence[Mapping[str, Any]]) -> list[Changed]:
    """Keys (as ``a.b[0].c``) whose values differ, credentials removed, in order of first appearance."""
    flat = [dict(_flat(without_secrets(dict(one)))) for one in settings]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [(name, tuple(one.get(name, ABSENT) for one in flat)) for name in names]
    return [Changed(name, values) for name, values in rows if len(set(values)) > 1]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves with their path; what is empty or None is as good as absent."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(one, (Mapping, list, tuple)) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    elif value not in (None, "", [], {}, ()):
        yield path, _written(value)


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
