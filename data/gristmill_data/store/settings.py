"""How a team reviews one dataset: settings that everybody shares, each with its author and time.

=============== ============================================================== ==========================
name            value                                                          when never set
=============== ============================================================== ==========================
overlap         ``{"reviewers": N, "share": s}``: that share of the rows (by   one reviewer a row
                hash of the id) gets N reviewers, the others one
lease_minutes   how long a row stays reserved for whom it is shown to          10
goals           ``{"day": n, "all": n, "people": {name: {"day": n, "all": n}}}`` none (0)
                decisions each person is to make; 0 is no goal
hide_scores     whether judge scores wait for the verdict                      yes
=============== ============================================================== ==========================

The table is only appended to, the last entry of a name counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import orjson

from gristmill.errors import StoreError
from gristmill_data.store.people import require
from gristmill_data.store.tables import now, to_json

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

DEFAULTS: Mapping[str, Any] = {
    "overlap": {"reviewers": 1, "share": 1.0},
    "lease_minutes": 10,
    "goals": {"day": 0, "all": 0, "people": {}},
    "hide_scores": True,
}
MAX_REVIEWERS = 9
MAX_LEASE_MINUTES = 24 * 60


_known: WeakKeyDictionary[Store, dict[str, Any]] = WeakKeyDictionary()
"""Settings by open dataset. Only the process that has it open can change them, so they are read once."""


def setting(store: Store, name: str, default: Any = None) -> Any:
    """The value of a setting; never set: ``default``, or the team's usual one (:data:`DEFAULTS`)."""
    known = _known.get(store)
    if known is None:
        with store.lock:  # so that what is kept is not older than a change made meanwhile
            known = _known[store] = _read(store)
    return known.get(name, DEFAULTS.get(name) if default is None else default)


def settings(store: Store) -> dict[str, Any]:
    """All settings as they stand."""
    return {**DEFAULTS, **_read(store)}


def _read(store: Store) -> dict[str, Any]:
    query = "SELECT name, arg_max(value, seq) FROM review_settings GROUP BY name"
    return {name: orjson.loads(value) for name, value in store.rows(query)}


def reviewers_wanted(overlap: Mapping[str, Any], example_id: str) -> int:
    """How many people are to decide a row: the views say the same in SQL.

    Which rows get several is drawn by the first 32 bits of the MD5 of the id, so it never changes, and a
    larger share adds rows to those of a smaller one.
    """
    drawn = int(hashlib.md5(example_id.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32
    return int(overlap["reviewers"]) if drawn < overlap["share"] else 1


def set_setting(store: Store, name: str, value: Any, author: str) -> bool:
    """Change a setting for the whole team; False when it had this value already (nothing is written then).

    Raises:
        NotAllowedError: the author is no lead.
        StoreError: no author, or the value does not fit the setting.
    """
    problem = "a setting needs an author" if not author else _problem(name, value)
    if problem:
        raise StoreError(problem, where=f"setting {name}", cure="choose another value")
    with store.write() as cursor:
        require(cursor, author, "lead", f"change the setting {name}")
        if setting(store, name) == value:
            return False
        cursor.execute(
            "INSERT INTO review_settings (name, value, author, time) VALUES (?, ?, ?, ?)",
            [name, to_json(value), author, now()],
        )
        for other in [known for known in _known if known.path == store.path]:
            _known.pop(other, None)
    return True


def settings_log(store: Store, limit: int = 50) -> list[dict[str, Any]]:
    """Changes of settings, newest first: name, value, before (None: the usual one), author, time (UTC)."""
    query = """
        SELECT name, value, lag(value) OVER (PARTITION BY name ORDER BY seq) AS before, author, time
        FROM review_settings ORDER BY seq DESC LIMIT ?
    """
    rows = store.dicts(query, [limit])
    return [{**row, "value": _parsed(row["value"]), "before": _parsed(row["before"])} for row in rows]


def _parsed(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _problem(name: str, value: Any) -> str:
    """What is wrong with a value, or nothing. Settings of other parts are only named here by chance."""
    if name == "overlap":
        return _overlap_problem(value)
    if name == "lease_minutes" and not _number(value, 1, MAX_LEASE_MINUTES):
        return f"a reservation lasts from 1 to {MAX_LEASE_MINUTES} minutes"
    if name == "hide_scores" and not isinstance(value, bool):
        return "scores are hidden or they are not: true or false"
    return _goals_problem(value) if name == "goals" else ""


def _overlap_problem(value: Any) -> str:
    if not isinstance(value, Mapping) or set(value) != {"reviewers", "share"}:
        return "overlap needs reviewers and share"
    if not isinstance(value["reviewers"], int) or not _number(value["reviewers"], 1, MAX_REVIEWERS):
        return f"a row gets from 1 to {MAX_REVIEWERS} reviewers"
    return "" if _number(value["share"], 0, 1) else "the share of rows is a number from 0 to 1"


def _goals_problem(value: Any) -> str:
    if not isinstance(value, Mapping) or not isinstance(value.get("people", {}), Mapping):
        return "goals need a number for a day and one in all"
    goals = [value, *value.get("people", {}).values()]
    numbers = [goal.get(part, 0) for goal in goals for part in ("day", "all")]
    if all(isinstance(number, int) and _number(number, 0, 10**9) for number in numbers):
        return ""
    return "a goal is a whole number of decisions, 0 for none"


def _number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
