"""Names that may stand for each other: given names by gender, and cities.

Left out on purpose of ``people.txt``: what is also a word, a month, a place or a brand (Mark, Rose, April,
Jordan, Wendy), and names that mostly stand for one known person (Jesus, Elvis).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files


def _read() -> dict[str, tuple[str, ...]]:
    text = files(__package__).joinpath("people.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for block in text.split("\n\n"):
        kind, *names = block.split()
        found[kind.strip("[]")] = tuple(names)
    return found


_LISTS = _read()
KINDS: Mapping[str, str] = {name: kind for kind, names in _LISTS.items() for name in names}
"""Name to kind: female, male, neutral or city; a name stands in one list."""
POOLS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(name for name in names if not name.endswith("s")) for kind, names in _LISTS.items()
}
"""What may be put in place of another: names that take ``'s`` like any other word."""
