"""SIGKILL at every step of handing in and collecting: no request is asked twice, no row is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.batch_runs import project, rounds
from support.batch_server import BatchServer, Plan
from support.processes import Process
from support.projects import run_json

STEPS = (
    "files:before",
    "files:after",
    "batches:before",
    "batches:after",
    "retrieve:before",
    "retrieve:after",
    "content:before",
    "content:after",
)


def killed(recipe: Path, hook: Callable[[Callable[[], None]], None]) -> None:
    """Run the recipe in a process that the server kills when the hook fires."""
    quiet = subprocess.DEVNULL
    with Process("run", recipe, "--batch", stderr=quiet, stdout=quiet) as running:
        hook(lambda: os.kill(running.pid, signal.SIGKILL))
        assert running.wait(120) == -signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_nothing_is_asked_twice_and_no_row_is_lost(tmp_path: Path, step: str) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=0)
        recipe = project(tmp_path, server.url)
        if step.startswith(("retrieve", "content")):
            run_json(recipe, "--batch")
        killed(recipe, lambda kill: server.hooks.update({step: kill}))
        done = rounds(recipe)
        online = run_json(recipe)
    assert done[-1]["status"] == "done"
    assert done[-1]["pending"] == 0
    assert done[-1]["accepted"] > 0
    assert max(server.submitted.values()) == 1
    assert online["calls"]["sent"] == 0


def test_an_answer_to_the_creation_that_gets_lost_does_not_make_a_second_batch(tmp_path: Path) -> None:
    with BatchServer() as server:
        # The batch is created, then the connection is cut: the client cannot know.
        server.lose = 1
        done = rounds(project(tmp_path, server.url))
    assert done[-1]["pending"] == 0
    assert max(server.submitted.values()) == 1


def test_killed_again_and_again_while_collecting(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.default = Plan(polls=0)
        recipe = project(tmp_path, server.url, copies=4)
        run_json(recipe, "--batch")
        for step in ("content:before", "content:after", "files:after"):
            killed(recipe, lambda kill, step=step: server.hooks.update({step: kill}))
        assert rounds(recipe)[-1]["pending"] == 0
    assert max(server.submitted.values()) == 1
