"""Whole runs over the cache: what changes cost calls, and what --redo does to rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.openai_server import OpenAIServer, completion
from support.projects import gristmill, make_project, run_json

from gristmill.models import Ask, Door, ModelSpec
from gristmill.models.redo import redo_kinds
from gristmill.pipeline.blame import rows_of, score_of
from gristmill.pipeline.plan import Job
from gristmill.records import Chunk, Document, Example, Item, Origin
from gristmill.registry import Failed, Generator, Scored, Scorer, Unscored

JUDGED = "score:\n  - {use: rubric, rubric: answer, model: writer}\nmax_failed_share: 1\n"
RULE = 'accept: "answer >= 0.5"\n'


def project(folder: Path, server: OpenAIServer, extra: str = JUDGED + RULE) -> Path:
    return make_project(folder, f'"openai:test-model", base_url: "{server.url}", retries: 0', extra, 3)


def change(recipe: Path, old: str, new: str) -> None:
    text = recipe.read_text(encoding="utf-8")
    assert old in text
    recipe.write_text(text.replace(old, new), encoding="utf-8")


CHANGES = [
    ("answer >= 0.5", "answer >= 0.9"),
    (RULE, ""),
    ("score:\n", "gates:\n  - {use: quality_rules}\nscore:\n"),
    ("retries: 0", "retries: 3, timeout: 9, concurrency: 2, transport: official"),
]


def test_another_rule_gate_or_way_of_asking_costs_no_call(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = project(tmp_path, server)
        text = recipe.read_text(encoding="utf-8")
        first = run_json(recipe)
        assert first["calls"]["sent"] == server.seen.total() > 0
        for old, new in CHANGES:
            recipe.write_text(text, encoding="utf-8")
            change(recipe, old, new)
            changed = run_json(recipe)
            assert changed["calls"]["sent"] == 0, new
            assert changed["balanced"], new
            assert changed["planned"] == first["planned"], new


def test_another_max_tokens_asks_its_own_calls_only(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = project(tmp_path, server)
        judge = f'  judge: {{model: "openai:test-model", base_url: "{server.url}"}}\n'
        change(recipe, "generate:\n", judge + "generate:\n")
        change(recipe, "rubric: answer, model: writer", "rubric: answer, model: judge")
        first = run_json(recipe)
        change(recipe, 'v1"}', 'v1", params: {max_tokens: 999}}')
        second = run_json(recipe)
    judged = sum(body.get("max_tokens") == 999 for body in server.bodies)
    assert 0 < second["calls"]["sent"] == judged < first["calls"]["sent"]


def run_with(recipe: Path, *redo: str) -> dict[str, Any]:
    return run_json(recipe, *(word for kind in redo for word in ("--redo", kind)))


@pytest.mark.parametrize(
    ("fault", "reason", "kind", "others"),
    [
        ("truncated", "truncated", "truncated", ("refused",)),
        ("refusal", "refused", "refused", ("truncated",)),
        ("null", "empty", "failed", ("refused", "truncated")),
        ("broken", "invalid-json", "failed", ("refused,truncated",)),
    ],
)
def test_redo_asks_what_failed_and_nothing_else(
    tmp_path: Path, fault: str, reason: str, kind: str, others: tuple[str, ...]
) -> None:
    with OpenAIServer(**{fault: 0.3}) as server:
        recipe = project(tmp_path, server, "max_failed_share: 1\n")
        first = run_with(recipe)
        failed = sum(first["failed"].values())
        setattr(server.behaviour, fault, 0.0)
        assert run_with(recipe)["calls"]["sent"] == 0
        assert run_with(recipe, *others)["calls"]["sent"] == 0
        second = run_with(recipe, kind)
        assert run_with(recipe, kind)["calls"]["sent"] == 0
    assert failed
    assert set(first["failed"]) == {reason}
    # One call for each chunk whose rows failed (two rows a chunk).
    assert second["calls"]["sent"] == failed // 2
    assert (second["failed"], second["balanced"]) == ({}, True)
    assert second["resumed"] == first["accepted"] + sum(first["rejected"].values())


def test_the_store_holds_the_answer_that_was_asked_again(tmp_path: Path) -> None:
    with OpenAIServer(truncated=1.0) as server:
        recipe = project(tmp_path, server, "max_failed_share: 1\n")
        run_with(recipe)
        server.behaviour.truncated = 0.0
        run_with(recipe, "truncated")
    with duckdb.connect(str(tmp_path / "gristmill.duckdb")) as store:
        texts = store.execute("SELECT response FROM calls").fetchall()
    assert texts
    assert all(text.rstrip().endswith("}") for (text,) in texts)


def test_a_preview_asks_again_too(tmp_path: Path) -> None:
    with OpenAIServer(truncated=1.0) as server:
        recipe = project(tmp_path, server, "max_failed_share: 1\n")
        states = []
        for redo in ((), (), ("--redo", "truncated")):
            states.append({row["state"] for row in run_json(recipe, "--preview", 1, *redo)["rows"]})
            server.behaviour.truncated = 0.0
    assert states[:2] == [{"failed"}] * 2
    assert "failed" not in states[2]


def test_redo_of_a_kind_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    done = gristmill("run", make_project(tmp_path), "--redo", "broken")
    assert done.returncode == 2
    assert "known: truncated, refused, failed" in done.stderr


DOCUMENT = Document.make("a.md", "A pump lifts water.", "text/markdown")
JOB = Job(Chunk.make(DOCUMENT, 0, 19, ()), DOCUMENT)


class Fussy(Generator):
    """One row for each of two questions; an answer with an x in it cannot be used."""

    per_chunk: int = 2
    questions: tuple[str, ...] = ("first", "second")

    async def generate(self, chunk: Chunk, document: Document, ask: Ask) -> Sequence[Any]:
        answers = [(await ask([{"role": "user", "content": q}]))[0] for q in self.questions]
        return [Failed("fussy", "an x", a.text) if "x" in a.text else row(a.text, a.key) for a in answers]


class Strict(Scorer):
    """Cannot use an answer with an x in it."""

    @property
    def label(self) -> str:
        return "strict"

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        [answer] = await ask([{"role": "user", "content": "judge"}])
        return Unscored("x", answer.text) if "x" in answer.text else Scored(1.0)


def row(text: str, key: str) -> Example:
    messages = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": text}]
    return Example.make("instruction", messages, generator=Origin("fussy", "1"), chunk_ids=["c"], calls=[key])


async def generated(server: OpenAIServer, folder: Path, *redo: str, **how: Any) -> list[str]:
    spec = ModelSpec(model="openai:test-model", base_url=server.url, retries=0)
    async with Door({"w": spec}, cache=folder / "c.sqlite", redo=redo_kinds(redo)) as door:
        results = await rows_of(Fussy(**how), JOB, door.ask_for("w"), door.redo)
    return [result.raw if isinstance(result, Failed) else result.response for result in results]  # type: ignore[union-attr]


async def test_an_answer_only_its_generator_can_fault_is_redone_too(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script.extend([completion("fine"), completion("bad x")])
        assert await generated(server, tmp_path) == ["fine", "bad x"]
        server.script.append(completion("mended"))
        assert await generated(server, tmp_path, "truncated") == ["fine", "bad x"]
        assert await generated(server, tmp_path, "failed") == ["fine", "mended"]
        assert await generated(server, tmp_path, "failed") == ["fine", "mended"]
    assert server.seen.total() == 3


async def test_what_was_made_stands_when_the_new_call_fails(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script.extend([completion("fine"), completion("bad x")])
        await generated(server, tmp_path)
        server.behaviour.p500 = 1.0
        assert await generated(server, tmp_path, "failed") == ["fine", "bad x"]


class Halves(Fussy):
    """A good row and a failed one out of one answer."""

    async def generate(self, chunk: Chunk, document: Document, ask: Ask) -> Sequence[Any]:
        [answer] = await ask([{"role": "user", "content": "both"}])
        return [row("good", answer.key), Failed("half", "the other half", answer.text)]


async def test_an_answer_that_a_good_row_rests_on_stays(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        spec = {"w": ModelSpec(model="openai:test-model", base_url=server.url)}
        for redo in ((), ("failed",)):
            async with Door(spec, cache=tmp_path / "c.sqlite", redo=redo_kinds(redo)) as door:
                results = await rows_of(Halves(), JOB, door.ask_for("w"), door.redo)
                assert isinstance(results[1], Failed)
    assert server.seen.total() == 1


async def test_an_answer_only_its_scorer_can_fault_is_redone_too(tmp_path: Path) -> None:
    item = Item(row("a", "k"), JOB.chunk, JOB.document)
    values = []
    with OpenAIServer() as server:
        server.script.extend([completion("an x"), completion("fine")])
        spec = {"w": ModelSpec(model="openai:test-model", base_url=server.url)}
        for redo in ((), ("refused",), ("failed",), ()):
            async with Door(spec, cache=tmp_path / "c.sqlite", redo=redo_kinds(redo)) as door:
                result = await score_of(Strict(), item, door.ask_for("w"), door.redo)
                values.append(result.value if isinstance(result, Scored) else None)
    assert values == [None, None, 1.0, 1.0]
    assert server.seen.total() == 2
