"""The door, the table and the desk, without a pipeline: what is written into a batch and what comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.batch_server import BatchServer, Plan

from gristmill.errors import DeferredError, ModelAnswerError, ModelConfigError
from gristmill.models import Answer, Budget, Door, ModelSpec, Price
from gristmill.models.batch import BatchDesk, Collected, Deferrals, Sent, outstanding
from gristmill.models.cache import Entry

SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        running.default = Plan(polls=0)
        yield running


class Desk:
    """One dataset's batches and a model's spec; each ``round`` is what a run does."""

    def __init__(self, folder: Path, server: BatchServer, **options: Any) -> None:
        self.folder, self.rounds = folder, 0
        self.spec = ModelSpec(model="openai:test-model", base_url=server.url, **options)
        self.table, self.cache = folder / "x.batches.sqlite", folder / "x.cache.sqlite"
        self.got: list[Entry] = []
        self.budget = Budget()
        self.sent, self.collected = Sent(), Collected()

    @asynccontextmanager
    async def round(self) -> AsyncIterator[Door]:
        self.rounds += 1
        desk = BatchDesk(self.table, self.cache, lambda entry, _: self.got.append(entry))
        deferrals = Deferrals(desk.table, "village", str(self.rounds))
        self.collected = await desk.collect()
        async with Door({"writer": self.spec}, cache=self.cache, deferrals=deferrals) as door:
            yield door
        self.sent = await desk.submit(deferrals, self.budget)
        await desk.close()

    async def ask(self, text: str = "Well?", **how: Any) -> list[Answer] | None:
        """One question in a round of its own, None while it waits."""
        async with self.round() as door:
            try:
                return await door.ask_for("writer")([{"role": "user", "content": text}], **how)
            except DeferredError:
                return None

    async def online(self, text: str = "Well?", **how: Any) -> list[Answer]:
        async with Door({"writer": self.spec}, cache=self.cache) as door:
            return await door.ask_for("writer")([{"role": "user", "content": text}], **how)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"schema": SCHEMA, "temperature": 0.2, "max_tokens": 90},
        {"n": 3, "seed": 7},
        {"stop": ["\n"], "n": 1, "seed": 3},
    ],
)
async def test_the_request_is_the_one_that_would_be_sent_online(
    tmp_path: Path, server: BatchServer, how: dict[str, Any]
) -> None:
    for name in ("batch", "online"):
        (tmp_path / name).mkdir()
    assert await Desk(tmp_path / "batch", server).ask(**how) is None
    await Desk(tmp_path / "online", server).online(**how)
    [batch] = server.batches.values()
    assert [line["body"] for line in batch.lines] == list(server.bodies)


async def test_answers_come_back_under_the_keys_that_they_have_online(
    tmp_path: Path, server: BatchServer
) -> None:
    desk = Desk(tmp_path, server)
    assert await desk.ask(n=3) is None
    answers = await desk.ask(n=3)
    assert answers is not None
    again = await desk.online(n=3)
    assert [a.key for a in answers] == [a.key for a in again] == [e.call.key for e in desk.got]
    assert [a.text for a in answers] == [a.text for a in again]
    assert all(a.cached for a in again)
    assert not server.seen


async def test_a_server_without_n_is_asked_sample_by_sample(tmp_path: Path, server: BatchServer) -> None:
    server.behaviour.max_choices = 1
    desk = Desk(tmp_path, server)
    assert await desk.ask(n=3) is None
    assert await desk.ask(n=3) is None
    answers = await desk.ask(n=3)
    assert answers is not None
    assert len({a.key for a in answers}) == 3
    assert [len(batch.lines) for batch in server.batches.values()] == [1, 2]


async def test_files_keep_to_their_limits(tmp_path: Path, server: BatchServer) -> None:
    desk = Desk(tmp_path, server, batch={"max_requests": 4})
    async with desk.round() as door:
        for number in range(9):
            with pytest.raises(DeferredError):
                await door.ask_for("writer")([{"role": "user", "content": f"{number}?"}])
    assert [len(batch.lines) for batch in server.batches.values()] == [4, 4, 1]
    assert desk.sent.calls == 9
    small = Desk(tmp_path, server, batch={"max_megabytes": 0.0004})
    await small.ask("x" * 300)
    assert small.sent.batches == 1  # a request that is too large by itself is not held back for ever


async def test_what_waits_or_is_on_its_way_is_not_queued_again(tmp_path: Path, server: BatchServer) -> None:
    server.default = Plan(polls=5)
    desk = Desk(tmp_path, server)
    async with desk.round() as door:
        for _ in range(3):
            with pytest.raises(DeferredError):
                await door.ask_for("writer")([{"role": "user", "content": "Well?"}])
    assert await desk.ask() is None
    assert desk.sent.calls == 0
    assert server.submitted.total() == 1


async def test_a_batch_costs_less_and_the_discount_can_be_set(tmp_path: Path, server: BatchServer) -> None:
    price = Price(input=2.0, output=10.0)
    desk = Desk(tmp_path, server, price=price, batch={"discount": 0.75})
    await desk.ask()
    await desk.ask()
    [entry] = desk.got
    usage = entry.call.usage
    assert usage.input_tokens > 0
    assert entry.call.cost == pytest.approx((usage.input_tokens * 0.5 + usage.output_tokens * 2.5) / 1e6)


async def test_a_repair_goes_into_the_next_batch(tmp_path: Path, server: BatchServer) -> None:
    server.behaviour.broken = 1.0
    desk = Desk(tmp_path, server)
    assert await desk.ask(schema=SCHEMA) is None
    assert await desk.ask(schema=SCHEMA) is None
    with pytest.raises(ModelAnswerError, match="after one repair"):
        await desk.ask(schema=SCHEMA)
    bodies = [batch.lines[0]["body"] for batch in server.batches.values()]
    assert len(bodies[1]["messages"]) > len(bodies[0]["messages"])


async def test_a_creation_that_failed_is_tried_again_but_only_one_batch_is_made(
    tmp_path: Path, server: BatchServer
) -> None:
    server.fail["batches"] = deque([500, 429])
    desk = Desk(tmp_path, server)
    await desk.ask()
    assert len(server.batches) == 1
    assert [batch.id for batch in outstanding(desk.table)] == ["batch_0000"]


async def test_a_refused_upload_leaves_the_requests_waiting(tmp_path: Path, server: BatchServer) -> None:
    server.fail["files"] = deque([403])
    desk = Desk(tmp_path, server)
    with pytest.raises(ModelConfigError):
        await desk.ask()
    assert outstanding(desk.table) == []
    assert await desk.ask() is None
    assert await desk.ask() is not None
    assert max(server.submitted.values()) == 1


async def test_the_budget_lets_in_what_fits(tmp_path: Path, server: BatchServer) -> None:
    desk = Desk(tmp_path, server, params={"max_tokens": 100})
    desk.budget = Budget(tokens=350)
    async with desk.round() as door:
        for number in range(5):
            with pytest.raises(DeferredError):
                await door.ask_for("writer")([{"role": "user", "content": f"{number}?"}])
    assert desk.sent.calls == 3
    assert desk.sent.refused is not None
    assert "350 tokens" in str(desk.sent.refused)


async def test_a_batch_is_found_among_many(tmp_path: Path, server: BatchServer) -> None:
    desk = Desk(tmp_path, server)
    await desk.ask()
    [ours] = server.batches.values()
    for number in range(250):  # other people's, made later
        other = {**{s: getattr(ours, s) for s in ("input_file", "plan", "window")}, "metadata": {}}
        server.batches[f"other-{number}"] = type(ours)(id=f"other-{number}", **other)
    lost = BatchDesk(desk.table, desk.cache, lambda *_: None)
    with lost.table.change() as db:
        db.execute("UPDATE submissions SET phase = 'prepared', batch_id = NULL")
    await lost.collect()
    await lost.close()
    answers = await desk.ask()
    assert answers is not None
    assert server.submitted.total() == 1


async def test_the_file_holds_one_line_a_request(tmp_path: Path, server: BatchServer) -> None:
    await Desk(tmp_path, server).ask()
    [(name, content)] = server.files.values()
    [line] = [orjson.loads(raw) for raw in content.splitlines()]
    assert set(line) == {"custom_id", "method", "url", "body"}
    assert name.startswith("gm-")
