"""Reading votes and ratings from JSONL. A line that cannot be used is counted and named, never repaired.

A pair: ``id, judge, winner_forward, winner_swapped, label``. A rating: ``id, judge, score, label``. Both may
have ``prompt`` (a judge asked in several ways is several judges), ``source`` (the document the row was made
from), ``jury`` (judges of one name form a jury), and ``labels`` (people's own labels by name, whose majority
is the label where there is none). A verdict or score of ``null`` is one that the judge failed to give.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson

from gristmill.errors import UsageError
from gristmill_evals.judging.votes import TIE, Malformed, PairVote, Rating, Side, Votes

SIDES: Mapping[object, Side] = {1: 1, 2: 2, 0: TIE, "1": 1, "2": 2, "0": TIE, "tie": TIE, "a": 1, "b": 2}
GOOD: Mapping[object, float] = {True: 1.0, False: 0.0, "accept": 1.0, "reject": 0.0, "accepted": 1.0,
                                "rejected": 0.0}  # fmt: skip
_CURE = "a line is {id, judge, winner_forward, winner_swapped, label} or {id, judge, score, label}"


class _WrongError(ValueError):
    """A line that cannot be used: ``args`` are the reason and the detail."""


def read_votes(path: Path) -> Votes:
    """Votes and ratings of a JSONL file.

    Raises:
        UsageError: there is no such file, or no line of it can be used.
    """
    if not path.is_file():
        raise UsageError("no such file of votes", where=str(path), cure="check the path")
    reader = Reader()
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                reader.take(number, raw)
    votes = reader.votes(path.name)
    if votes.n == 0:
        first = reader.malformed[0] if reader.malformed else Malformed(1, "empty", "the file holds no line")
        where = f"{path}:{first.line}"
        raise UsageError(f"no line can be used; {first.reason}: {first.detail}", where=where, cure=_CURE)
    return votes


class Reader:
    """Collects rows; knows what was said before, so that contradictions are seen."""

    def __init__(self) -> None:
        self.pairs: list[PairVote] = []
        self.ratings: list[Rating] = []
        self.raters: dict[bool, dict[str, Mapping[str, float]]] = {True: {}, False: {}}
        self.malformed: list[Malformed] = []
        self._labels: dict[tuple[bool, str], float] = {}
        self._seen: set[tuple[bool, str, str]] = set()

    def votes(self, origin: str) -> Votes:
        """All that was taken."""
        people = self.raters[False], self.raters[True]
        return Votes(origin, self.pairs, self.ratings, *people, malformed=self.malformed)

    def take(self, number: int, raw: bytes | Mapping[str, Any]) -> None:
        """One line, as it stands or parsed; what is wrong with it is kept under its number."""
        try:
            self._take(_object(raw) if isinstance(raw, bytes) else raw)
        except _WrongError as wrong:
            reason, detail = wrong.args
            self.malformed.append(Malformed(number, reason, detail))

    def _take(self, row: Mapping[str, Any]) -> None:
        is_pair = "winner_forward" in row
        if not is_pair and "score" not in row:
            raise _WrongError("no-verdict", "there is neither winner_forward nor score")
        key, judge = _text(row, "id"), _judge(row)
        scale = _side if is_pair else _good
        raters = _raters(row, scale)
        label = _label(row, raters, scale)
        if self._labels.get((is_pair, key), label) != label:
            raise _WrongError("label-conflict", f"{key} had another label before")
        made = _pair(row, key, judge, cast("Side", label)) if is_pair else _rating(row, key, judge, label)
        if (is_pair, key, judge) in self._seen:
            raise _WrongError("seen-before", f"{judge} has judged {key} before")
        self._seen.add((is_pair, key, judge))
        self._labels[is_pair, key] = label
        if raters:
            self.raters[is_pair][key] = raters
        if isinstance(made, PairVote):
            self.pairs.append(made)
        else:
            self.ratings.append(made)


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _WrongError("not-json", str(error)) from None
    if not isinstance(row, dict):
        raise _WrongError("not-an-object", "one JSON object a line")
    return row


def _pair(row: Mapping[str, Any], key: str, judge: str, label: Side) -> PairVote:
    both = "winner_swapped" in row
    forward = None if row["winner_forward"] is None else _side(row["winner_forward"], "winner_forward")
    swapped = row.get("winner_swapped")
    second = None if swapped is None else _side(swapped, "winner_swapped")
    sure = row.get("score")
    score = None if sure is None else _number(sure, "score")
    return PairVote(
        key,
        judge,
        cast("Side | None", forward),
        cast("Side | None", second),
        both,
        label,
        _source(row),
        score,
        _asked(row),
    )


def _rating(row: Mapping[str, Any], key: str, judge: str, label: float) -> Rating:
    score = None if row["score"] is None else _number(row["score"], "score")
    length = len(row["response"]) if isinstance(row.get("response"), str) else None
    return Rating(key, judge, score, label, _source(row), length, _asked(row))


def _judge(row: Mapping[str, Any]) -> str:
    prompt = row.get("prompt")
    name = _text(row, "judge")
    return f"{name}/{prompt}" if isinstance(prompt, str) and prompt else name


def _asked(row: Mapping[str, Any]) -> str:
    """Judges with the same ``jury`` may form one; without it, those with the same prompt."""
    named = row.get("jury")
    if named is not None and not isinstance(named, str):
        raise _WrongError("wrong-jury", f"{named!r:.60} is no name")
    prompt = row.get("prompt")
    return named or (prompt if isinstance(prompt, str) else "")


def _source(row: Mapping[str, Any]) -> str | None:
    source = row.get("source")
    return None if source is None else str(source)


def _raters(row: Mapping[str, Any], scale: Callable[[object, str], float]) -> dict[str, float]:
    given = row.get("labels")
    if given is None:
        return {}
    if isinstance(given, list):
        given = {f"rater {n}": value for n, value in enumerate(given, 1)}
    if not isinstance(given, dict):
        raise _WrongError("wrong-labels", "labels is neither an object nor a list")
    return {str(name): scale(value, "labels") for name, value in given.items() if value is not None}


def _label(
    row: Mapping[str, Any], raters: Mapping[str, float], scale: Callable[[object, str], float]
) -> float:
    if row.get("label") is not None:
        return scale(row["label"], "label")
    ranked = Counter(raters.values()).most_common(2)
    if not ranked:
        raise _WrongError("no-label", "there is no label")
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        raise _WrongError("no-majority", "the labels have no majority, and there is no label")
    return ranked[0][0]


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise _WrongError(f"no-{name}", f"{name} is no text")
    return str(value)


def _side(value: object, name: str) -> float:
    found = SIDES.get(value.strip().lower() if isinstance(value, str) else value) if _plain(value) else None
    if found is None or isinstance(value, bool):
        raise _WrongError(f"wrong-{name.replace('_', '-')}", f"{value!r:.60} is not 1, 2 or tie")
    return found


def _good(value: object, name: str) -> float:
    if isinstance(value, str):
        value = GOOD.get(value.strip().lower(), value)
    return _number(float(value) if isinstance(value, bool) else value, name)


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _WrongError(f"wrong-{name}", f"{value!r:.60} is no number")
    return float(value)


def _plain(value: object) -> bool:
    return isinstance(value, (str, int, float))
