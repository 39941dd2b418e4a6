"""From the provider to the cache: ask after each batch, take what is finished, put the rest back.

Answers are committed to the cache under the keys they have online, and only then marked as done. A
process that dies in between takes them once more; nothing is paid for again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gristmill.errors import ModelConfigError, ModelError, ModelUnavailableError, UsageError
from gristmill.models.backends.chat import Dialect
from gristmill.models.backends.openai_errors import Endpoint as Place
from gristmill.models.batch.client import BatchClient
from gristmill.models.batch.lines import CANCELLED, read_line, replies
from gristmill.models.batch.table import BatchTable, Stored, Submission
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.cost import call_cost
from gristmill.models.spec import Price
from gristmill.models.types import Reply
from gristmill.records import Call, clean

if TYPE_CHECKING:
    from openai.types import Batch

FINAL = frozenset({"completed", "expired", "cancelled", "failed"})
TOO_MUCH_AT_ONCE = "token_limit_exceeded"
LINES_AT_ONCE = 256
GONE = "use the key that made the batch; if it or its files are gone, ask its calls anew with --give-up {}"

Landing = Callable[[Entry, str], None]
"""Hears of every answer that was collected: what is stored, and the role that asked."""


@dataclass(slots=True)
class Collected:
    """What one visit brought. ``again`` calls go into another batch; ``odd`` lines were of no use.

    ``unreachable`` is why a provider could not be asked; ``refused`` is what needs a person.
    """

    answered: int = 0
    failed: int = 0
    again: int = 0
    odd: int = 0
    unreachable: ModelError | None = None
    refused: ModelError | None = None


class _Answered(NamedTuple):
    row: Stored
    entry: Entry


class _Again(NamedTuple):
    """``tried``: it counts as an attempt."""

    row: Stored
    error: ModelError
    tried: bool


@dataclass(slots=True)
class Collector:
    """Visits batches. ``landed`` is told of each answer; ``clients`` gives the client of an endpoint."""

    table: BatchTable
    cache: Callable[[], ResponseCache]
    clients: Callable[[int], BatchClient]
    landed: Landing
    report: Collected = field(default_factory=Collected)

    async def visit(self) -> Collected:
        """Ask after every known batch once and settle those that came to an end."""
        for submission in self.table.submissions("phase = 'running'"):
            try:
                await self._visit(submission)
            except ModelUnavailableError as error:
                self.report.unreachable = error
            except ModelError as error:
                if error.kind == "not-found":
                    error.message += f" (batch {submission.batch_id})"
                    error.cure = GONE.format(submission.batch_id)
                self.report.refused = self.report.refused or error
        return self.report

    async def _visit(self, submission: Submission) -> None:
        batch = await ask_after(self.table, self.clients(submission.endpoint), submission)
        if batch.status not in FINAL:
            return
        if batch.status == "failed":
            self._never_started(submission, batch)
            return
        before = self.report.again
        with tempfile.TemporaryDirectory(prefix="gristmill-batch-") as folder:
            for file_id in (batch.output_file_id, batch.error_file_id):
                if file_id:
                    path = Path(folder) / "answers.jsonl"
                    await self.clients(submission.endpoint).download(file_id, path)
                    await self._take(submission, path, _seconds(batch))
        self._close(submission, batch.status)
        if (limit := self.table.endpoint(submission.endpoint).at_once) is not None:
            self.table.learn(submission.endpoint, at_once=2 * limit)  # it went well: try more
        left = self.report.again - before
        if batch.status == "cancelled" and left:
            raise ModelConfigError(
                f"batch {batch.id} was cancelled: {left} of {submission.calls} calls have no answer",
                kind="batch-cancelled",
                where=self.clients(submission.endpoint).place.model,
                cure="its finished answers are kept; run again to put the others into a new batch",
            )

    async def _take(self, submission: Submission, path: Path, seconds: float) -> None:
        with path.open("rb") as file:
            while lines := list(islice(file, LINES_AT_ONCE)):
                found = list(self._read_all(submission, lines, seconds))
                answered = [one for one in found if isinstance(one, _Answered)]
                stored = await asyncio.gather(*(self.cache().put(one.entry) for one in answered))
                self._settle(submission, found)
                for one, entry in zip(answered, stored, strict=True):
                    self.landed(entry, one.row.role)

    def _read_all(
        self, submission: Submission, lines: Sequence[bytes], seconds: float
    ) -> Iterator[_Answered | _Again]:
        place = self.clients(submission.endpoint).place
        taken: set[str] = set()
        for raw in lines:
            line = read_line(raw)
            if line is None:
                self.report.odd += bool(raw.strip())
                continue
            rows = self.table.line(submission.id, line.name) if line.name not in taken else []
            if not rows:
                self.report.odd += not self.table.knows(submission.id, line.name)
                continue
            taken.add(line.name)
            try:
                given = replies(line, rows, place)
            except ModelError as error:
                tried = line.code != CANCELLED and not self._adapted(submission, error, rows)
                yield from (_Again(row, error, tried) for row in rows)
                continue
            yield from (
                _Answered(row, _entry(row, reply, submission.price, place, seconds))
                for row, reply in zip(rows, given, strict=False)
            )
            yield from self._too_few(submission, rows[len(given) :])

    def _too_few(self, submission: Submission, rows: Sequence[Stored]) -> Iterator[_Again]:
        if rows:
            self.table.learn(submission.endpoint, many=0)
        short = ModelUnavailableError("the provider gave fewer samples than were asked", kind="samples")
        yield from (_Again(row, short, tried=False) for row in rows)

    def _adapted(self, submission: Submission, error: ModelError, rows: Sequence[Stored]) -> bool:
        """Whether the endpoint is asked in another way from now on, so that another attempt makes sense."""
        if not isinstance(error, ModelConfigError) or error.kind != "bad-request":
            return False
        better = submission.dialect.after(error.message, schema=rows[0].request.schema is not None)
        if better is None:
            return False
        self._learn(submission, better)
        return True

    def _learn(self, submission: Submission, better: Dialect) -> None:
        if self.table.endpoint(submission.endpoint).dialect == submission.dialect:
            self.table.learn(submission.endpoint, mode=better.mode, length_param=better.length_param)

    def _settle(self, submission: Submission, found: Sequence[_Answered | _Again]) -> None:
        with self.table.change() as db:
            for one in found:
                if isinstance(one, _Answered):
                    _mark_done(db, submission.id, one.entry)
                    self.report.answered += 1
                else:
                    self._put_back(db, submission, one)

    def _put_back(self, db: sqlite3.Connection, submission: Submission, one: _Again) -> None:
        error, tries = one.error, one.row.tries + one.tried
        final = one.tried and not isinstance(error, ModelUnavailableError)
        message = error.message
        if tries >= submission.tries_allowed:
            final, message = True, f"{message} (gave up after {tries} batches)"
        db.execute(
            "UPDATE requests SET state = ?, submission = NULL, bundle = key, tries = ?, kind = ?, "
            "message = ? WHERE key = ?",
            ("failed" if final else "waiting", tries, error.kind, message, one.row.key),
        )
        self.report.failed += final
        self.report.again += not final

    def give_up(self, batch_id: str) -> int:
        """Forget a batch whatever became of it: its calls without an answer go into another one.

        Raises:
            UsageError: no batch of that name is on its way.
        """
        found = self.table.submissions("phase = 'running' AND batch_id = ?", batch_id)
        if not found:
            raise UsageError(
                f"no batch {batch_id!r} is on its way", cure="gristmill status lists those that are"
            )
        self._close(found[0], "given up")
        return found[0].calls

    def _close(self, submission: Submission, status: str) -> None:
        """Settle a batch that came to an end; what none of its files mentions is put back."""
        words, tried = f"the batch ended ({status}) without an answer", status in {"completed", "expired"}
        missing = ModelUnavailableError(words, kind=f"batch-{status}")
        left = self.table.unanswered(submission.id)
        with self.table.change() as db:
            for row in left:
                self._put_back(db, submission, _Again(row, missing, tried))
            db.execute("DELETE FROM requests WHERE submission = ? AND state = 'done'", (submission.id,))
            db.execute("UPDATE submissions SET phase = 'closed' WHERE id = ?", (submission.id,))

    def _never_started(self, submission: Submission, batch: Batch) -> None:
        """The provider refused a whole batch: nothing in it was asked or paid for."""
        errors = (batch.errors.data if batch.errors else None) or []
        self._close(submission, "failed")
        too_much = bool(errors) and all(error.code == TOO_MUCH_AT_ONCE for error in errors)
        if too_much and (submission.calls > 1 or self.table.outstanding_calls(submission.endpoint)):
            self.table.learn(submission.endpoint, at_once=max(1, submission.calls // 2))
            return
        place = self.clients(submission.endpoint).place
        shown = [f"line {e.line}: {e.message}" if e.line else str(e.message) for e in errors]
        more = f" (and {len(shown) - 3} more errors)" if len(shown) > 3 else ""
        raise ModelConfigError(
            f"batch {batch.id} with {submission.calls} calls was refused: "
            f"{place.scrub('; '.join(shown[:3])) or 'no reason was given'}{more}",
            kind="batch-failed",
            where=place.model,
            cure="nothing of it was paid for: correct the recipe and run again",
        )


async def ask_after(table: BatchTable, client: BatchClient, submission: Submission) -> Batch:
    """The state of a batch, kept in the table too."""
    batch = await client.retrieve(submission.batch_id or "")
    counts = batch.request_counts
    table.set_submission(
        submission.id,
        status=batch.status,
        completed=counts.completed if counts else 0,
        failed=counts.failed if counts else 0,
    )
    return batch


def _entry(row: Stored, reply: Reply, price: Price | None, place: Place, seconds: float) -> Entry:
    """The cache's row: the one that the same answer would have been given online."""
    request, cost = row.request, call_cost(reply.usage, price)
    text = clean(reply.text)
    call = Call(row.key, place.model, request.messages, dict(request.params), text, reply.usage, cost)
    how, logprobs = reply.finish_reason, reply.logprobs
    return Entry(call, how, request.schema, request.sample, seconds, replaces=row.replaces, logprobs=logprobs)


def _seconds(batch: Batch) -> float:
    """How long a batch took, for all of its calls."""
    ended = batch.completed_at or batch.expired_at or batch.cancelled_at or time.time()
    return max(0.0, ended - batch.created_at)


def _mark_done(db: sqlite3.Connection, submission: str, entry: Entry) -> None:
    usage = entry.call.usage
    # The row stays until the batch is settled: a second visit must know the line, but not take it again.
    db.execute(
        "UPDATE requests SET state = 'done', messages = '[]', json_schema = NULL WHERE key = ?",
        (entry.call.key,),
    )
    db.execute(
        "UPDATE submissions SET answered = answered + 1, input_tokens = input_tokens + ?, "
        "output_tokens = output_tokens + ?, usd = usd + ? WHERE id = ?",
        (usage.input_tokens, usage.output_tokens, entry.call.cost or 0.0, submission),
    )
