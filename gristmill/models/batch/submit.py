"""From the queue to the provider: choose, write down, upload, create, save the batch's id.

A submission is committed under an id of our own before anything is sent, and the batch carries that id as
metadata. So whatever moment the process dies at, the next one finds out whether the batch exists.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.errors import BudgetError, ModelError, ModelUnavailableError
from gristmill.models.backends.chat import chat_body, reseeded
from gristmill.models.batch.client import ATTEMPTS, CHAT, BatchClient
from gristmill.models.batch.deferrals import Deferrals
from gristmill.models.batch.table import BatchTable, Endpoint, Stored, insert_submission
from gristmill.models.budget import Budget
from gristmill.models.cost import call_cost, estimate, price_of
from gristmill.models.retry import RetryPolicy
from gristmill.models.spec import ModelSpec, Price
from gristmill.records import Usage, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types import Batch

MEGABYTE = 10**6


def batch_price(spec: ModelSpec) -> Price | None:
    """What a million tokens cost in a batch, None when the price is unknown."""
    price, rest = price_of(spec), 1 - spec.batch.discount
    return None if price is None else Price(input=price.input * rest, output=price.output * rest)


def refusal(budget: Budget, tokens: int, usd: float) -> BudgetError | None:
    """Why a batch that may take so much must not be handed in; None when there is room for it."""
    amounts = []
    if budget.usd is not None and budget.spent_usd + budget.held_usd + usd > budget.usd:
        amounts.append(f"${budget.spent_usd:.4f} of ${budget.usd:g}")
    if budget.tokens is not None and budget.spent_tokens + budget.held_tokens + tokens > budget.tokens:
        amounts.append(f"{budget.spent_tokens} of {budget.tokens} tokens")
    if not amounts:
        return None
    return BudgetError(
        f"the budget is spent: {' and '.join(amounts)} used or in batches on their way, and the next request "
        "could pass the limit",
        cure="batches on their way are collected by the same command; raise the budget to hand in the rest",
    )


@dataclass(slots=True)
class Choice:
    """The requests of one batch, while its file is being written."""

    table: BatchTable
    endpoint: Endpoint
    spec: ModelSpec
    budget: Budget
    price: Price | None
    id: str = field(default_factory=lambda: f"gm-{secrets.token_hex(12)}")
    marks: list[tuple[str, str, str]] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    tokens: int = 0
    usd: float = 0.0
    full: bool = False
    refused: BudgetError | None = None

    def write(self, path: Path, recipe: str, round_id: str) -> None:
        """Write the file and commit what is in it, in one transaction; nothing at all if nothing fits."""
        room = self._room()
        typical = self.table.typical_output(self.endpoint.id)
        with self.table.change() as db, path.open("wb") as file:
            for rows in self.table.lines(round_id, self.endpoint.id):
                for part in [rows] if self.endpoint.many else [[row] for row in rows]:
                    line = self._line(part)
                    if not self._fits(len(line), len(part), room) or not self._hold(part, typical):
                        break
                    file.write(line)
                    self._add(part, len(line))
                else:
                    continue
                break
            if self.marks:
                insert_submission(db, self._facts(recipe))
                db.executemany(
                    "UPDATE requests SET state = 'sent', submission = ?, bundle = ? WHERE key = ?", self.marks
                )

    def _facts(self, recipe: str) -> dict[str, object]:
        dialect, price = self.endpoint.dialect, self.price
        return {
            "id": self.id,
            "endpoint": self.endpoint.id,
            "recipe": recipe,
            "phase": "prepared",
            "status": "prepared",
            "mode": dialect.mode,
            "length_param": dialect.length_param,
            "calls": len(self.marks),
            "lines": self.lines,
            "tries_allowed": self.spec.retries + 1,
            "price_input": None if price is None else price.input,
            "price_output": None if price is None else price.output,
            "held_tokens": self.tokens,
            "held_usd": self.usd,
            "created": time.time(),
        }

    def _room(self) -> int | None:
        limit = self.endpoint.at_once
        return None if limit is None else limit - self.table.outstanding_calls(self.endpoint.id)

    def _line(self, part: list[Stored]) -> bytes:
        body = chat_body(self.spec.name, reseeded(part[0].request), len(part), self.endpoint.dialect)
        line = {"custom_id": part[0].key, "method": "POST", "url": CHAT, "body": body}
        return to_json(line) + b"\n"

    def _fits(self, size: int, calls: int, room: int | None) -> bool:
        how = self.spec.batch
        crowded = self.lines >= how.max_requests or self.size + size > how.max_megabytes * MEGABYTE
        # A line that fits nowhere is sent alone: the provider says best what is wrong with it.
        self.full = bool(self.lines) and crowded
        alone = not self.marks and room == self.endpoint.at_once  # or it would wait for ever
        return not self.full and (room is None or alone or len(self.marks) + calls <= room)

    def _hold(self, part: list[Stored], typical: int | None) -> bool:
        guess = estimate(part[0].request.messages, part[0].request.params, typical)
        guess = Usage(guess.input_tokens, guess.output_tokens * len(part))
        tokens, usd = guess.input_tokens + guess.output_tokens, call_cost(guess, self.price) or 0.0
        self.refused = refusal(self.budget, self.tokens + tokens, self.usd + usd)
        if self.refused is not None:
            return False
        self.tokens += tokens
        self.usd += usd
        return True

    def _add(self, part: list[Stored], size: int) -> None:
        self.marks += [(self.id, part[0].key, row.key) for row in part]
        self.size += size
        self.lines += 1


@dataclass(slots=True)
class Sent:
    """What one round handed in. ``refused`` is why the budget let no more through."""

    batches: int = 0
    calls: int = 0
    refused: BudgetError | None = None


async def submit(
    table: BatchTable, deferrals: Deferrals, budget: Budget, clients: Callable[[int], BatchClient]
) -> Sent:
    """Hand in what a round deferred, as many batches as it takes.

    Raises:
        ModelError: the provider refused, or could not be reached; what was handed in before that is kept.
    """
    deferrals.flush()
    sent = Sent()
    for number, spec in deferrals.specs.items():
        with tempfile.TemporaryDirectory(prefix="gristmill-batch-") as folder:
            path = Path(folder) / "requests.jsonl"
            more = True
            while more:
                choice = Choice(table, table.endpoint(number), spec, budget, batch_price(spec))
                await asyncio.to_thread(choice.write, path, deferrals.recipe, deferrals.round)
                sent.refused = sent.refused or choice.refused
                if choice.marks:
                    await _hand_in(table, clients(number), choice, path)
                    # What is on its way counts as spent until it is known what it took.
                    budget.spend(choice.tokens, choice.usd)
                    sent.batches += 1
                    sent.calls += len(choice.marks)
                more = choice.full and choice.refused is None
    return sent


async def recover(table: BatchTable, clients: Callable[[int], BatchClient]) -> None:
    """Find out what became of submissions that a dead process left behind: adopt the batch, or forget them.

    Raises:
        ModelError: the provider could not be asked; they are asked about again next time.
    """
    lost: dict[int, dict[str, float]] = {}
    for left in table.submissions("phase = 'prepared'"):
        lost.setdefault(left.endpoint, {})[left.id] = left.created
    for endpoint, made in lost.items():
        found = await clients(endpoint).find(made)
        for submission in made:
            if (batch := found.get(submission)) is not None:
                table.adopt(submission, batch.id, batch.status)
            else:
                table.release(submission)


async def _hand_in(table: BatchTable, client: BatchClient, choice: Choice, path: Path) -> None:
    try:
        file_id = await client.upload(path, f"{choice.id}.jsonl")
        table.set_submission(choice.id, file_id=file_id)
    except ModelError:
        table.release(choice.id)  # no batch can exist without its file
        raise
    batch = await _create(table, client, choice, file_id)
    table.adopt(choice.id, batch.id, batch.status)


async def _create(table: BatchTable, client: BatchClient, choice: Choice, file_id: str) -> Batch:
    retry, attempt = RetryPolicy(), 0
    while True:
        try:
            return await client.create(file_id, choice.id, choice.spec.batch.window)
        except ModelUnavailableError as error:
            # It may have been created all the same: asking again would pay for everything twice.
            found = await client.find({choice.id: time.time()})
            if choice.id in found:
                return found[choice.id]
            attempt += 1
            if attempt >= ATTEMPTS:
                table.release(choice.id)
                raise
            wait = retry.wait(attempt, error.retry_after)
        except ModelError:
            table.release(choice.id)
            raise
        await asyncio.sleep(wait)
