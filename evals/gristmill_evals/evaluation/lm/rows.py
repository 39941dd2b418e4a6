"""Rows of a local JSONL file as documents of a task: questions, right answers, choices, clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_evals.contamination.benchmark_rows import ANSWERS, CURE, parts_of
from gristmill_evals.jsonl import objects

CLUSTERS = ("cluster", "source", "document")
_MOST = 26
"""Choices that letters can name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One item. ``gold`` is the place of the right choice, -1 where there are none to choose from.

    In benchmarks, MMLU among them, a few items have the same choice twice: then the first is meant.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    choices: tuple[str, ...]
    gold: int
    cluster: str

    def document(self) -> dict[str, Any]:
        """For lm-eval: every row has the same columns, of the same types."""
        return {
            "id": self.id,
            "question": self.question,
            "answers": list(self.answers),
            "answer": self.choices[self.gold] if self.choices else self.answers[0],
            "choices": list(self.choices),
            "gold": self.gold,
            "cluster": self.cluster,
        }


def read_rows(path: Path, cluster: str | None) -> list[Row]:
    """The items of a file, in its order.

    Raises:
        UsageError: no file or no row, or a row without question or answer, or with an answer that is none of
            its choices; it names file and line.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", where=str(path), cure="check path")
    rows = [_row(data, where, cluster) for where, data in objects(path, CURE)]
    if not rows:
        raise UsageError("the file has no rows", where=str(path), cure="one JSON object a line")
    known: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if row.id in known:
            said = f"the id {row.id!r} is that of row {known[row.id]} too"
            raise UsageError(said, where=f"{path}: row {number}", cure="make ids differ")
        known[row.id] = number
    kinds = {bool(row.choices) for row in rows}
    if len(kinds) > 1:
        cure = "put the rows with choices into a file of their own"
        raise UsageError("some rows have choices and some have none", where=str(path), cure=cure)
    return rows


def _row(data: Mapping[str, Any], where: str, cluster: str | None) -> Row:
    column, several = _several(data, where)
    parts = parts_of({**data, column: several[0]} if several else data, where)
    if not parts.question.strip():
        raise UsageError("the row has no question", where=where, cure="fill it, or remove the row")
    if not parts.answer.strip():
        raise UsageError("the row has no answer", where=where, cure="fill it, or remove the row")
    gold = _place(parts.answer, parts.choices, where) if parts.choices else -1
    right = several or (parts.answer,)
    return Row(parts.id, parts.question, right, parts.choices, gold, _cluster(data, cluster, parts.id, where))


def _several(data: Mapping[str, Any], where: str) -> tuple[str, tuple[str, ...]]:
    """The column and the texts of an answer that is a list: any of them is right."""
    name = next((name for name in ANSWERS if isinstance(data.get(name), list)), "")
    if not name:
        return "", ()
    texts = data[name]
    usable = all(isinstance(text, (str, int, float)) and not isinstance(text, bool) for text in texts)
    if not texts or not usable:
        raise UsageError(f"{name} is not a list of texts", where=where, cure="write one answer, or several")
    return name, tuple(map(str, texts))


def _place(answer: str, choices: tuple[str, ...], where: str) -> int:
    if len(choices) > _MOST:
        raise UsageError(f"the row has {len(choices)} choices", where=where, cure=f"{_MOST} are the most")
    if answer not in choices:
        raise UsageError(
            f"the answer {answer!r} is none of the choices",
            where=where,
            cure="write the choice itself, its letter, or its index (a number, from 0)",
        )
    return choices.index(answer)


def _cluster(data: Mapping[str, Any], column: str | None, item_id: str, where: str) -> str:
    if column is not None and column not in data:
        raise UsageError(f"the row has no {column!r}", where=where, cure="check cluster, or fill the column")
    names = CLUSTERS if column is None else (column,)
    value = next((data[name] for name in names if data.get(name) not in (None, "")), item_id)
    if isinstance(value, (dict, list)):
        raise UsageError("the cluster is not a text or a number", where=where, cure="name another column")
    return str(value)
