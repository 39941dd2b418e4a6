"""What was deferred, what was submitted, what is known of each batch: one SQLite file beside the cache.

Every step is committed before the next one starts, so a process may be killed at any moment. Keys and
headers never come near the file: an endpoint is known by its address and its key's variable name.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import orjson

from gristmill.models.backends.chat import Dialect
from gristmill.models.batch.schema import open_table, table_error
from gristmill.models.spec import ModelSpec, Price
from gristmill.models.types import Request
from gristmill.records import to_json


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, and what was learnt about it. ``at_once`` bounds the calls in its batches."""

    id: int
    spec: ModelSpec
    dialect: Dialect
    many: bool
    at_once: int | None


@dataclass(frozen=True, slots=True)
class Submission:
    """One batch of ours. ``batch_id`` is None until the provider's answer to its creation was saved."""

    id: str
    endpoint: int
    batch_id: str | None
    file_id: str | None
    status: str
    dialect: Dialect
    price: Price | None
    tries_allowed: int
    calls: int
    created: float


class Deferred(NamedTuple):
    """One sample to be asked in a batch; ``bundle`` is the key of the line that it travels in."""

    key: str
    bundle: str
    endpoint: int
    role: str
    request: Request
    replaces: str = ""


class Stored(NamedTuple):
    """A request as the table knows it; ``replaces`` as in :class:`gristmill.models.cache.Entry`."""

    key: str
    bundle: str
    role: str
    request: Request
    tries: int
    replaces: str


class BatchTable:
    """The file. Methods are short transactions on the caller's thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_table(path)
        self._endpoints: dict[tuple[str, str, str], int] = {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction.

        Raises:
            StoreError: the file cannot be written.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise table_error(self.path, error) from error
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query."""
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise table_error(self.path, error) from error

    def endpoint_id(self, model: str, base_url: str, key_env: str) -> int:
        """The number of an endpoint, given one if it is new."""
        place = (model, base_url, key_env)
        if place not in self._endpoints:
            with self.change() as db:
                db.execute(
                    "INSERT OR IGNORE INTO endpoints (model, base_url, key_env, mode, length_param) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (*place, *Dialect()),
                )
            [row] = self.rows(
                "SELECT id FROM endpoints WHERE model = ? AND base_url = ? AND key_env = ?", *place
            )
            self._endpoints[place] = row["id"]
        return self._endpoints[place]

    def endpoint(self, number: int) -> Endpoint:
        """What is known of an endpoint."""
        [row] = self.rows("SELECT * FROM endpoints WHERE id = ?", number)
        spec = ModelSpec(model=row["model"], base_url=row["base_url"], api_key_env=row["key_env"] or None)
        return Endpoint(
            number, spec, Dialect(row["mode"], row["length_param"]), bool(row["many"]), row["at_once"]
        )

    def learn(self, number: int, **facts: object) -> None:
        """Keep facts about an endpoint (``mode``, ``length_param``, ``many``, ``at_once``)."""
        names = ", ".join(f"{name} = ?" for name in facts)
        with self.change() as db:
            db.execute(f"UPDATE endpoints SET {names} WHERE id = ?", (*facts.values(), number))  # noqa: S608 - our own names

    def state(self, key: str) -> sqlite3.Row | None:
        """``state``, ``round``, ``kind`` and ``message`` of a request, None when it is not known."""
        found = self.rows("SELECT state, round, kind, message FROM requests WHERE key = ?", key)
        return found[0] if found else None

    def defer(self, rows: Iterable[Deferred], recipe: str, round_id: str) -> None:
        """Queue requests for the batches of a round; those already in a batch stay there."""
        with self.change() as db:
            db.executemany(
                "INSERT INTO requests (key, bundle, endpoint, role, messages, params, json_schema, sample, "
                "replaces, recipe, state, round) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?) "
                "ON CONFLICT (key) DO UPDATE SET bundle = excluded.bundle, endpoint = excluded.endpoint, "
                "role = excluded.role, recipe = excluded.recipe, round = excluded.round "
                "WHERE state = 'waiting'",
                [(*_columns(row), recipe, round_id) for row in rows],
            )

    def submissions(self, where: str, *values: object) -> list[Submission]:
        """Submissions that fit a condition, oldest first."""
        sql = f"SELECT * FROM submissions WHERE {where} ORDER BY created, id"  # noqa: S608 - our own conditions
        found = self.rows(sql, *values)
        return [_submission(row) for row in found]

    def set_submission(self, number: str, **facts: object) -> None:
        """Change columns of a submission."""
        names = ", ".join(f"{name} = ?" for name in facts)
        with self.change() as db:
            db.execute(f"UPDATE submissions SET {names} WHERE id = ?", (*facts.values(), number))  # noqa: S608 - our own names

    def line(self, submission: str, bundle: str) -> list[Stored]:
        """The requests that travelled in one line and are not settled yet, in the order of their samples."""
        found = self.rows(
            "SELECT * FROM requests WHERE submission = ? AND bundle = ? AND state = 'sent' ORDER BY sample",
            submission,
            bundle,
        )
        return [stored(row) for row in found]

    def unanswered(self, submission: str) -> list[Stored]:
        """The requests of a submission that are not settled yet."""
        found = self.rows("SELECT * FROM requests WHERE submission = ? AND state = 'sent'", submission)
        return [stored(row) for row in found]

    def knows(self, submission: str, bundle: str) -> bool:
        """Whether a line of that name was in a submission."""
        sql = "SELECT 1 FROM requests WHERE submission = ? AND bundle = ? LIMIT 1"
        return bool(self.rows(sql, submission, bundle))

    def money(self, recipe: str) -> tuple[int, float, int, float]:
        """Tokens and dollars spent, then held, by a recipe's batches since its last whole run."""
        [row] = self.rows(
            "SELECT coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(usd), 0), "
            "coalesce(sum(CASE WHEN phase != 'closed' THEN held_tokens END), 0), "
            "coalesce(sum(CASE WHEN phase != 'closed' THEN held_usd END), 0) "
            "FROM submissions WHERE recipe = ? AND settled = 0",
            recipe,
        )
        return row[0], row[1], row[2], row[3]

    def typical_output(self, endpoint: int) -> int | None:
        """Mean output tokens of an endpoint's answers so far."""
        [row] = self.rows(
            "SELECT sum(output_tokens) AS tokens, sum(answered) AS n FROM submissions WHERE endpoint = ?",
            endpoint,
        )
        return round(row["tokens"] / row["n"]) if row["n"] else None

    def settle(self, recipe: str) -> None:
        """The recipe has run to its end: its budget starts anew, its failed requests may be asked again."""
        with self.change() as db:
            db.execute("UPDATE submissions SET settled = 1 WHERE recipe = ? AND phase = 'closed'", (recipe,))
            db.execute("DELETE FROM requests WHERE recipe = ? AND state = 'failed'", (recipe,))

    def outstanding_calls(self, endpoint: int) -> int:
        """Calls in batches of an endpoint that are not settled."""
        [row] = self.rows(
            "SELECT coalesce(sum(calls), 0) AS n FROM submissions WHERE endpoint = ? AND phase != 'closed'",
            endpoint,
        )
        return int(row["n"])

    def release(self, submission: str) -> None:
        """Forget a submission that no batch was made of; its requests wait for the next one."""
        with self.change() as db:
            db.execute(
                "UPDATE requests SET state = 'waiting', submission = NULL "
                "WHERE submission = ? AND state = 'sent'",
                (submission,),
            )
            db.execute("DELETE FROM submissions WHERE id = ?", (submission,))

    def adopt(self, submission: str, batch_id: str, status: str) -> None:
        """Remember which batch a submission became."""
        self.set_submission(submission, phase="running", batch_id=batch_id, status=status)

    def lines(self, round_id: str, endpoint: int) -> Iterator[list[Stored]]:
        """Waiting requests of a round, line by line, in the order in which they were deferred."""
        cursor = self._db.execute(
            "SELECT * FROM requests WHERE round = ? AND endpoint = ? AND state = 'waiting' "
            "ORDER BY min(rowid) OVER (PARTITION BY bundle), bundle, sample",
            (round_id, endpoint),
        )
        for _, rows in groupby(cursor, key=lambda row: row["bundle"]):
            yield [stored(row) for row in rows]


def insert_submission(db: sqlite3.Connection, facts: Mapping[str, object]) -> None:
    """Write a submission down, inside a transaction."""
    names, marks = ", ".join(facts), ", ".join("?" * len(facts))
    db.execute(f"INSERT INTO submissions ({names}) VALUES ({marks})", (*facts.values(),))  # noqa: S608 - our own names


def stored(row: sqlite3.Row) -> Stored:
    """A row of ``requests`` as what it stands for."""
    schema = row["json_schema"]
    request = Request(
        model="",
        messages=tuple(orjson.loads(row["messages"])),
        params=orjson.loads(row["params"]),
        schema=None if schema is None else orjson.loads(schema),
        sample=row["sample"],
    )
    return Stored(row["key"], row["bundle"], row["role"], request, row["tries"], row["replaces"])


def _columns(row: Deferred) -> Sequence[object]:
    request = row.request
    return (
        row.key,
        row.bundle,
        row.endpoint,
        row.role,
        to_json(request.messages).decode(),
        to_json(dict(request.params)).decode(),
        None if request.schema is None else to_json(dict(request.schema)).decode(),
        request.sample,
        row.replaces,
    )


def _submission(row: sqlite3.Row) -> Submission:
    price = row["price_input"]
    return Submission(
        id=row["id"],
        endpoint=row["endpoint"],
        batch_id=row["batch_id"],
        file_id=row["file_id"],
        status=row["status"],
        dialect=Dialect(row["mode"], row["length_param"]),
        price=None if price is None else Price(input=price, output=row["price_output"]),
        tries_allowed=row["tries_allowed"],
        calls=row["calls"],
        created=row["created"],
    )
