"""SIGKILL at any moment: no row is lost, none is there twice, and only calls on their way are paid twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import (
    GENERATE,
    alone,
    asked_again,
    corpus,
    finish,
    held,
    kill,
    recipe,
    review,
    segments,
    start,
    until,
)
from support.openai_server import OpenAIServer

from gristmill_data.store import segments_folder

IN_FLIGHT = 16
OPTIONS = f", concurrency: {IN_FLIGHT}"
BEHAVIOUR: dict[str, Any] = {
    "latency": 0.15,
    "sigma": 0.8,
    "p429": 0.02,
    "p500": 0.02,
    "cut": 0.02,
    "retry_after": 0.01,
}
PREFERENCE = "  - {use: preference, model: writer}\n"


def scanning(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    return lambda: list(segments_folder(db).glob(".*.run"))


def walking(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    goal = server.answered.total() + rng.randint(1, 60)
    return lambda: server.answered.total() >= goal


def flushing(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    goal = server.answered.total() + rng.randint(0, 50)
    return lambda: server.answered.total() >= goal and segments(db, ".*.tmp")


def ingesting(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    goal = server.answered.total() + rng.randint(0, 50)
    return lambda: server.answered.total() >= goal and segments(db)


def any_time(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    moment = time.monotonic() + rng.uniform(0.05, 1.0)
    return lambda: time.monotonic() >= moment


def closing(db: Path, server: OpenAIServer, rng: random.Random) -> Callable[[], object]:
    before = server.answered.total()
    return lambda: server.answered.total() > before and not server.active


DOCUMENTS, SEED = 100, 7


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run over ``DOCUMENTS`` holds that nobody killed."""
    folder = tmp_path_factory.mktemp("left")
    corpus(folder / "docs.jsonl", DOCUMENTS)
    return alone(folder / "alone", {"seed": SEED})


MOMENTS = (walking, flushing, any_time, ingesting, scanning, walking, closing, any_time, ingesting, closing)
KILLS = 8


@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_eight_times_holds_what_one_left_alone_holds(
    tmp_path: Path, left_alone: dict[str, Any], seed: int
) -> None:
    rng, kills = random.Random(seed), 0
    corpus(tmp_path / "docs.jsonl", DOCUMENTS)
    db = tmp_path / "gristmill.duckdb"
    with OpenAIServer(seed=SEED, **BEHAVIOUR) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        for moment in MOMENTS * 2:
            process = start(path, hasty=True)
            until(moment(db, server, rng), process)
            time.sleep(rng.choice([0, 0, rng.uniform(0, 0.1)]))
            kills += process.poll() is None
            kill(process)
            if kills == KILLS:
                break
        summary, _ = finish(start(path))
        again, _ = finish(start(path))
    assert kills == KILLS
    assert (summary["balanced"], summary["pending"], summary["failed"]) == (True, 0, {})
    assert (again["calls"]["sent"], again["resumed"]) == (0, again["planned"])
    assert asked_again(server) <= 2 * IN_FLIGHT * kills
    assert held(db) == left_alone


def test_the_review_app_and_a_run_beside_it_killed_in_turn(
    tmp_path: Path, left_alone: dict[str, Any]
) -> None:
    rng = random.Random(7)
    corpus(tmp_path / "docs.jsonl", DOCUMENTS)
    db = tmp_path / "gristmill.duckdb"
    with OpenAIServer(seed=SEED, **BEHAVIOUR) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = start(path, hasty=True)
        until(walking(db, server, rng), process)
        kill(process)
        for run_dies in (False, True, False):
            app = review(db)
            process = start(path, hasty=True)
            until(walking(db, server, rng), process)
            kill(process if run_dies else app)
            if run_dies:
                kill(app)
            else:  # the run takes the file over, or waits for the next owner
                time.sleep(rng.uniform(0, 0.5))
                kill(process)
        summary, _ = finish(start(path))
    assert (summary["balanced"], summary["pending"], summary["failed"]) == (True, 0, {})
    assert asked_again(server) <= 2 * IN_FLIGHT * 4
    assert held(db) == left_alone


def test_a_run_goes_on_when_the_app_that_owns_its_store_is_killed(tmp_path: Path) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    db = tmp_path / "gristmill.duckdb"
    with OpenAIServer(seed=8, **BEHAVIOUR) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = start(path, hasty=True)
        until(lambda: server.answered.total() > 20, process)
        kill(process)
        app, process = review(db), start(path, hasty=True)
        until(lambda: server.answered.total() > 60, process)
        kill(app)
        summary, _ = finish(process)
    assert (summary["balanced"], summary["pending"], summary["failed"]) == (True, 0, {})
    assert held(db) == alone(tmp_path / "alone", {"seed": 8})


def test_two_runs_on_one_store_killed_together(tmp_path: Path) -> None:
    rng = random.Random(9)
    corpus(tmp_path / "docs.jsonl", 80)
    db = tmp_path / "gristmill.duckdb"
    with OpenAIServer(seed=9, **BEHAVIOUR) as server:
        both = [
            recipe(tmp_path, server.url, OPTIONS),
            recipe(tmp_path, server.url, OPTIONS, PREFERENCE, "pairs"),
        ]
        for moment in (walking, ingesting, any_time):
            processes = [start(path, hasty=True) for path in both]
            until(moment(db, server, rng), processes[0])
            for process in processes:
                kill(process)
        summaries = [finish(process)[0] for process in [start(path) for path in both]]
    assert all((s["balanced"], s["pending"], s["failed"]) == (True, 0, {}) for s in summaries)
    assert asked_again(server) <= 4 * IN_FLIGHT * 3
    recipes = {"mills": GENERATE, "pairs": PREFERENCE}
    assert held(db) == alone(tmp_path / "alone", {"seed": 9}, recipes)
