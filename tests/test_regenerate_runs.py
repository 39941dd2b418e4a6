"""Rows that reviewers send back are made again, once, beside the rejected ones; all are accounted for."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import GENERATE, corpus, held, kill, recipe, start, until
from support.openai_server import OpenAIServer

from gristmill.pipeline.plan import Remake
from gristmill.pipeline.project import project as project_of
from gristmill.pipeline.ray.messages import Begin, pack, unpack
from gristmill.pipeline.run import Options, Run
from gristmill.recipe import load_recipe
from gristmill.records import Action, Example, Origin, Review
from gristmill.registry import Again
from gristmill_data.store import Store
from gristmill_data.store.regenerate import children_of, parent_of, waiting
from gristmill_ui.services import revisions

NOTE = "The year is missing"
SENTENCES = (
    "The miller lifted the upper stone with a crane of oak and iron",
    "Four carpenters replaced the paddles of the great water wheel",
    "A dry summer stopped the grinding of wheat for eleven weeks",
    "The weir beside the orchard was raised with boulders and clay",
    "Merchants from the coast bought barrels of coarse barley flour",
    "An apprentice painted the sacks with the mark of the village",
    "Lanterns were forbidden on the dusty floor below the hoppers",
    "The old sluice gate was sold to a sawmill farther downstream",
)
PREFERENCE = "  - {use: preference, model: writer}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(seed=3) as serving:
        yield serving


@pytest.fixture(scope="module")
def made(server: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run over six documents."""
    folder = tmp_path_factory.mktemp("made")
    with (folder / "docs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(6):
            text = " ".join(f"{sentence} in the year {1000 + number}." for sentence in SENTENCES)
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")
    asyncio.run(ran(recipe(folder, server.url, generate=GENERATE + PREFERENCE)))
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "project"))


async def ran(path: Path, **options: Any) -> dict[str, Any]:
    summary = await Run(load_recipe(path), Options(**options)).execute()
    assert summary.tally.balanced
    return summary.as_json()


def say(store: Store, example_id: str, action: Action = "regenerate", **payload: Any) -> None:
    told = {"tags": ["incomplete"], "note": NOTE, **payload} if action == "regenerate" else payload
    number = len(store.history(example_id))
    event = Review(f"{example_id[:8]}-{number}", example_id, 0, "Ada", action, told, datetime.now(UTC))
    store.decide(event)


def rows(store: Store, generator: str = "qa") -> list[str]:
    query = "SELECT example_id FROM rows_ WHERE generator = ? AND judge_state = 'accepted' ORDER BY 1"
    return [key for (key,) in store.rows(query, [generator])]


async def test_a_row_sent_back_is_made_again_and_linked(project: Path, server: OpenAIServer) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        old = rows(store)[0]
        before = held(project / "gristmill.duckdb")["outcomes"]
        say(store, old)
        assert waiting(store) == {"mills": 1}
        summary = await ran(project / "mills.yaml", regenerate=True)
        [child] = children_of(store, old)
        item, parent = store.item(child["example_id"]), parent_of(store, child["example_id"])
        assert parent is not None
        assert (summary["planned"], summary["accepted"], summary["regenerate"]["wanted"]) == (1, 1, 1)
        assert item.example.metadata["revision_of"] == old == parent["example"].id
        assert (parent["reviewer"], parent["reason"], parent["note"]) == ("Ada", "incomplete", NOTE)
        assert (store.item(old).status, item.status, item.stale) == ("rejected", "pending", False)
        assert set(before) < set(held(project / "gristmill.duckdb")["outcomes"])
        assert waiting(store) == {}


async def test_the_app_shows_what_a_row_replaces(project: Path) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        keys = [rows(store)[0], rows(store, "preference")[0]]
        for key in keys:
            say(store, key)
        assert "next run" in revisions.later(store, store.item(keys[0]))[0][0]
        assert revisions.earlier(store, store.item(keys[0]), revealed=True) == ""
        await ran(project / "mills.yaml", regenerate=True)
        row, pair = (store.item(revisions.later(store, store.item(key))[0][1] or "") for key in keys)
        shown = revisions.earlier(store, row, revealed=False)
        blind, seen = (revisions.earlier(store, pair, revealed=revealed) for revealed in (False, True))
    assert "<ins>" in shown
    assert NOTE in shown
    assert "<ins>" not in blind
    assert NOTE not in blind
    assert "recorded as rejected" in seen


async def test_the_model_is_told_what_was_wrong(project: Path, server: OpenAIServer) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        old = store.item(rows(store, "preference")[0]).example
        say(store, old.id)
        server.bodies.clear()
        await ran(project / "mills.yaml", regenerate=True)
    prompts = ["\n".join(turn["content"] for turn in body["messages"]) for body in server.bodies]
    told = [prompt for prompt in prompts if NOTE in prompt]
    assert len(told) == 1
    assert "incomplete" in told[0]
    assert (old.chosen or "") in told[0]
    assert (old.rejected or "") in told[0]
    assert "Ask nothing that EXISTING asks already" not in told[0]  # it is the only row of its kind there


async def test_asked_twice_it_is_made_once(project: Path, server: OpenAIServer) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        first, second = rows(store)[:2]
        say(store, first)
        say(store, second)
        once = await ran(project / "mills.yaml", regenerate=True)
        say(store, first)
        sent = server.answered.total()
        again = await ran(project / "mills.yaml", regenerate=True)
        whole = await ran(project / "mills.yaml")
        assert (once["planned"], again["planned"], again["resumed"]) == (2, 2, 2)
        assert whole["resumed"] == whole["planned"] == 6 * 3 + 2
        assert server.answered.total() == sent
        assert store.rows("SELECT count(*) FROM lineage") == [(2,)]


async def test_a_wish_that_came_to_nothing_can_be_made_again(tmp_path: Path, server: OpenAIServer) -> None:
    text = " ".join(f"{sentence} in the year 1500." for sentence in SENTENCES[:2])
    (tmp_path / "docs.jsonl").write_text(json.dumps({"id": "d", "text": text}), encoding="utf-8")
    path = recipe(tmp_path, server.url)
    await ran(path)
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        old = rows(store)[0]
        told = []
        for _ in range(2):
            say(store, old)
            told.append(await ran(path, regenerate=True))
            assert waiting(store) == {}
        assert [one["rejected"] for one in told] == [{"same-as-before": 1}] * 2
        assert [one["calls"]["sent"] for one in told] == [1, 1]
        assert [child["example_id"] for child in children_of(store, old)] == [None, None]
        assert "nothing new" in revisions.later(store, store.item(old))[0][0]
        say(store, old)
        assert "next run" in revisions.later(store, store.item(old))[0][0]


async def test_a_wish_taken_back_is_none(project: Path) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        old = rows(store)[0]
        say(store, old)
        say(store, old, "undo", event_id=f"{old[:8]}-0")
        assert revisions.later(store, store.item(old)) == []
        summary = await ran(project / "mills.yaml", regenerate=True)
        assert (summary["planned"], summary["regenerate"]["wanted"]) == (0, 0)


async def test_the_new_row_can_be_sent_back_as_well(project: Path) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        line = [rows(store)[0]]
        for _ in range(2):
            say(store, line[-1])
            await ran(project / "mills.yaml", regenerate=True)
            line.append(children_of(store, line[-1])[0]["example_id"])
        assert len(set(line)) == 3
        assert [store.item(key).status for key in line] == ["rejected", "rejected", "pending"]


async def test_other_rules_decide_new_rows_again_without_asking(project: Path, server: OpenAIServer) -> None:
    path = project / "mills.yaml"
    with Store.open(project / "gristmill.duckdb") as store:
        old = rows(store)[0]
        say(store, old)
        await ran(path, regenerate=True)
        path.write_text(path.read_text().replace("answer >= 0.5", "answer >= 0.4"), encoding="utf-8")
        sent = server.answered.total()
        summary = await ran(path)
        child = children_of(store, old)[0]["example_id"]
        assert server.answered.total() == sent
        assert (summary["planned"], summary["pending"]) == (6 * 3 + 1, 0)
        assert not store.item(child).stale


async def test_a_passage_that_is_gone_is_told(project: Path) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        old = rows(store)[0]
        say(store, old)
        corpus(project / "docs.jsonl", 6, first=50)
        summary = await ran(project / "mills.yaml", regenerate=True)
        told = summary["regenerate"]
        assert (summary["planned"], told["wanted"], told["gone"]) == (0, 1, 1)


async def test_a_target_gives_the_place_of_a_rejected_row_to_the_new_one(project: Path) -> None:
    path = project / "mills.yaml"
    with Store.open(project / "gristmill.duckdb") as store:
        count = len(rows(store)) + len(rows(store, "preference"))
        path.write_text(path.read_text() + f"target: {{accepted: {count}}}\n", encoding="utf-8")
        say(store, rows(store)[0])
        summary = await ran(path, regenerate=True)
        assert summary["accepted"] == 1
        assert (summary["target"]["accepted"], summary["status"]) == (count, "target")


async def test_killed_while_rows_are_made_again(made: Path, project: Path) -> None:
    with OpenAIServer(seed=3, latency=0.2) as slow:
        path = recipe(project, slow.url, ", concurrency: 2", GENERATE + PREFERENCE)
        with Store.open(project / "gristmill.duckdb") as store:
            wanted = rows(store)
            for key in wanted:
                say(store, key)
        running = start(path, "--regenerate", hasty=True)
        assert until(lambda: slow.answered.total() >= 6, running)
        kill(running)
        summary = await ran(path, regenerate=True)
        again = await ran(path, regenerate=True)
    with Store.open(project / "gristmill.duckdb") as store:
        links = store.rows("SELECT parent_id, count(*) FROM lineage GROUP BY 1")
    assert summary["balanced"]
    assert summary["planned"] == len(wanted) == again["resumed"]
    assert sorted(links) == [(key, 1) for key in sorted(wanted)]


async def test_a_dry_run_counts_them(project: Path) -> None:
    with Store.open(project / "gristmill.duckdb") as store:
        for key in rows(store)[:3]:
            say(store, key)
        found = await project_of(load_recipe(project / "mills.yaml"), None, regenerate=True)
    told = found.as_json()
    assert (told["planned"], told["calls"]) == (3, {"writer": 2, "judge": 3})
    assert told["notes"] == ["reviewers want 3 rows made again"]


def test_workers_of_a_cluster_are_told_what_to_make_again() -> None:
    origin = Origin("qa", "1", {"model": "writer"})
    row = Example.make("instruction", [{"role": "user", "content": "?"}], generator=origin, chunk_ids=["c"])
    remake = Remake("slot", 1, 6, Again(row, "trivial", NOTE, (row,)), frozenset([row.id]))
    told = Begin(1, "d", None, (0, 9, ("Mill",)), frozenset([1]), {}, {0: (remake,)}, True)
    assert unpack(pack([told])) == [told]
