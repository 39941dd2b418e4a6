"""Runs from the browser: which recipes, what they would cost, how far they are, how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest
from support.engine_runs import corpus, recipe
from support.openai_server import OpenAIServer

from gristmill.errors import UsageError
from gristmill_data.store import Store, owner_routes, remove_owner_file, write_owner_file
from gristmill_data.store.lives import this_process
from gristmill_data.store.people import NotAllowedError, appoint
from gristmill_ui.jobs import files, office
from gristmill_ui.jobs.files import Job
from gristmill_ui.owner import attachment
from gristmill_ui.server import listen
from gristmill_ui.services import recipes, runs, takeout

SECONDS = 60


@pytest.fixture(scope="module")
def slow() -> Iterator[OpenAIServer]:
    with OpenAIServer(seed=5, latency=0.3) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path, slow: OpenAIServer) -> Iterator[Store]:
    """A project whose dataset this process owns, with Ada as its lead and Rob as a reader."""
    corpus(tmp_path / "docs.jsonl", 30)
    recipe(tmp_path, slow.url, ", concurrency: 2, price: {input: 1, output: 2}")
    with Store.open(tmp_path / "gristmill.duckdb") as opened, listen("127.0.0.1", 0) as listener:
        appoint(opened, "Ada", "lead")
        appoint(opened, "Rob", "reader")
        app = uvicorn.Server(
            uvicorn.Config(Starlette(routes=owner_routes(opened, "t0ken")), log_level="error")
        )
        thread = threading.Thread(target=app.run, kwargs={"sockets": [listener]})
        thread.start()
        write_owner_file(opened.path, f"http://127.0.0.1:{listener.getsockname()[1]}", "t0ken")
        yield opened
        remove_owner_file(opened.path)
        app.should_exit = True
        thread.join()


def only(store: Store) -> recipes.Found:
    [found] = recipes.recipes(store.path)
    return found


def until(ready: Callable[[], object]) -> None:
    limit = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)


def ended(store: Store, job: Job) -> Job:
    until(lambda: office.all_jobs(store.path)[0].state in ("ended", "killed"))
    return next(one for one in office.all_jobs(store.path) if one.id == job.id)


def test_recipes_of_the_project_that_write_to_the_dataset_are_offered(store: Store, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.yaml"
    outside.write_text((tmp_path / "mills.yaml").read_text(), encoding="utf-8")
    (tmp_path / "linked.yaml").symlink_to(outside)
    (tmp_path / "other.yaml").write_text((tmp_path / "mills.yaml").read_text() + "store: other.duckdb\n")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "broken.yaml").write_text("documents: [\n")
    (tmp_path / "wrong.yaml").write_text("name: wrong\ndocuments: [a]\ngenerate: []\n")
    found = {one.shown: one.problem for one in recipes.recipes(store.path)}
    assert list(found) == ["mills.yaml", "broken.yaml", "wrong.yaml"]
    assert found["mills.yaml"] == ""
    assert "models" in found["wrong.yaml"]
    with pytest.raises(UsageError, match="outside"):
        recipes.inside(store.path, outside)


def test_of_a_recipe_only_what_is_named_is_shown(store: Store, slow: OpenAIServer) -> None:
    shown = runs.facts(only(store).facts)
    assert "openai:test-model" in shown
    assert slow.url not in shown


def test_cost_first_then_the_run_and_a_stop_that_keeps_what_was_answered(store: Store) -> None:
    options = {"regenerate": False, "limit": None, "max_cost": 5.0}
    preview = ended(store, office.start(store, only(store), "preview", "Ada", options))
    assert runs.preview_of(office.all_jobs(store.path), only(store), options) == preview
    told = dict(runs.estimate(preview))
    assert (told["Rows asked for"], told["From"]) == ("60", "30 documents, 30 passages")
    assert told["Cost at most"].startswith("$0.")
    job = office.start(store, only(store), "run", "Ada", options)
    until(lambda: any(one.share > 0 for one in runs.going(store.path)))
    [progress] = runs.going(store.path)
    assert runs.job_of(progress, office.all_jobs(store.path), store.path) == job
    with pytest.raises(UsageError, match="being run already"):
        office.start(store, only(store), "run", "Ada", options)
    with pytest.raises(NotAllowedError):
        office.stop(store, job, "Rob")
    office.stop(store, job, "Ada")
    office.stop(store, job, "Ada")  # a double click does not drop the calls on their way
    over = ended(store, job)
    assert (runs.outcome(over)[0], over.stopper) == ("Stopped", "Ada")
    assert "stopped at once" not in over.log
    accepted = over.result["accepted"]
    assert runs.result_line(over).startswith(f"{accepted} accepted")
    assert 0 < accepted < 60
    assert store.rows("SELECT count(*) FROM rows_ WHERE judge_state = 'accepted'") == [(accepted,)]
    assert os.stat(over.folder / "log.txt").st_mode & 0o777 == 0o600


def test_a_run_that_cannot_start_says_why(store: Store, tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").unlink()
    job = ended(store, office.start(store, only(store), "run", "Ada", {}))
    title, meaning = runs.outcome(job)
    assert (job.code, title) == (2, "Not started")
    assert "Nothing was sent" in meaning
    assert "docs.jsonl" in runs.log_tail(job)


def test_a_process_that_is_gone_without_a_word_was_killed(store: Store) -> None:
    job = files.make(store.path, "run", only(store).path, "mills", "Ada", {})
    assert job.state == "starting"
    with subprocess.Popen(["sleep", "60"]) as process:
        told = {**this_process(), "pid": process.pid}
        files.write(job.folder / "process.json", {**told, "born": files.born_at(process.pid)})
        assert job.state == "running"
        process.send_signal(signal.SIGKILL)
        until(lambda: job.state == "killed")  # before it is waited for
    assert runs.outcome(files.jobs(store.path)[0])[0] == "Killed"


@pytest.mark.parametrize("who", ["Rob", "somebody"])
def test_only_leads_start_runs(store: Store, who: str) -> None:
    with pytest.raises(NotAllowedError, match="start runs"):
        office.start(store, only(store), "run", who, {})
    assert office.all_jobs(store.path) == []


def test_keys_of_the_environment_are_blotted_out() -> None:
    environment = {"MILL_API_KEY": "s3cret-value", "HOME": "/home/ada", "SHORT_TOKEN": "ab"}
    text = "the key s3cret-value of /home/ada is ab"
    assert runs.masked(text, environment) == "the key ••• of /home/ada is ab"


def test_data_is_taken_out_into_the_project(store: Store) -> None:
    made = takeout.export(store, "chat", "accepted", "somebody")
    assert (made.path.parent.name, made.told) == ("gristmill.exports", "0 rows.")
    assert takeout.report(store, "Ada").path.read_text().startswith("<!doctype html>")
    assert takeout.backup(store, "Ada").path.stat().st_size > 0
    with pytest.raises(NotAllowedError, match="backups"):
        takeout.backup(store, "somebody")
    with pytest.raises(NotAllowedError, match="exports"):
        takeout.export(store, "chat", "accepted", "Rob")


@pytest.mark.parametrize(("who", "may"), [("Ada", True), ("Rob", False)])
def test_the_page(store: Store, who: str, may: bool) -> None:
    with attachment(store):
        app = AppTest.from_string(
            "from gristmill_ui.app_pages import runs\nruns.render()", default_timeout=60
        )
        app.session_state["gm_reviewer"] = who
        app.run()
    page = "\n".join(block.proto.body for block in app.get("html"))
    assert not app.exception
    assert "openai:test-model" in page
    assert app.button(key="gm_run_preview").disabled is not may
    assert app.button(key="gm_run_start").disabled  # what it costs was not looked at
    assert app.button(key="gm_out_backup").disabled is not may
