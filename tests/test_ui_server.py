"""The review app's process: it owns the dataset, serves other commands, takes in rows, leaves cleanly."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from support import review_rows
from support.review_server import ReviewServer

from gristmill.errors import StoreBusyError, StoreError, UsageError
from gristmill_data.store import Store, call, read_owner_file
from gristmill_ui import server
from gristmill_ui.owner import Ingester, attached, open_patiently

HOLD = """
import sys, time
from gristmill_data.store import Store
with Store.open(sys.argv[1]):
    print("open", flush=True)
    time.sleep(1)
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ReviewServer]:
    started = ReviewServer(tmp_path / "mill.duckdb")
    yield started
    started.stop()


def owner_file(db: Path) -> Path:
    return db.with_name(f"{db.name}.owner.json")


def status_of(url: str, target: str, method: str = "GET", **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(method, target, headers=headers)
    code = connection.getresponse().status
    connection.close()
    return code


def rows_within(db: Path, wanted: int, seconds: float = 20) -> int:
    limit = time.monotonic() + seconds
    while (found := call(db, "status")["rows"]["total"]) != wanted and time.monotonic() < limit:
        time.sleep(0.1)
    return found


def test_another_process_works_on_the_dataset_through_the_app(app):
    with pytest.raises(StoreBusyError):
        Store.open(app.db)
    assert call(app.db, "status")["rows"]["total"] == 0


def test_segments_of_another_process_appear_within_moments(app):
    review_rows.fill(app.db)
    assert rows_within(app.db, 6) == 6


def test_the_owner_file_is_private_and_goes_with_the_app(app):
    owner = read_owner_file(app.db)
    assert owner is not None
    assert owner.url == app.url
    assert owner_file(app.db).stat().st_mode & 0o777 == 0o600
    assert app.stop() == 0
    assert not owner_file(app.db).exists()


@pytest.mark.parametrize("wait", [0, 0.002, 0.01, 0.05])
def test_it_leaves_whenever_it_is_told(tmp_path, wait):
    started = ReviewServer(tmp_path / "mill.duckdb")
    time.sleep(wait)
    assert started.stop() == 0
    assert not owner_file(started.db).exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_python_swallows_is_not_forgotten(number):
    class Thing:
        pass

    runner = uvicorn.Server(uvicorn.Config("no:app"))
    with server.terminable() as ending:
        thing = Thing()
        heard = weakref.ref(thing, lambda _: signal.raise_signal(number))
        del thing  # the handler raises within the callback, where no exception gets out
        assert heard() is None
        with pytest.raises(KeyboardInterrupt), ending.through(runner):
            pytest.fail("the server must not run any more")

    with server.terminable() as ending, ending.through(runner):
        signal.raise_signal(number)
        assert runner.should_exit


def test_an_operation_needs_the_token(app):
    assert status_of(app.url, "/api/health") == 200
    assert status_of(app.url, "/api/op/status", "POST") == 401
    assert status_of(app.url, "/api/op/status", "POST", Authorization="Bearer guess") == 401
    owner = read_owner_file(app.db)
    assert owner is not None
    token = {"Authorization": f"Bearer {owner.token}"}
    assert status_of(app.url, "/api/op/status", "POST", **token) == 200
    assert status_of(app.url, "/api/op/status", "POST", **token, Origin=app.url) == 403
    assert status_of(app.url, "/api/op/status", "POST", **token, Host="evil.example") == 403
    assert status_of(app.url, "/", Host="evil.example") == 403


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        (None, None, 101),
        ("evil.example", None, 403),
        (None, "http://evil.example", 403),
        (None, "http://localhost:1", 403),
    ],
    ids=["own page", "rebound name", "foreign page", "page of another port here"],
)
def test_only_the_apps_own_page_may_open_a_session(app, host, origin, code):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin or app.url}
    headers |= {"Host": host} if host else {}
    assert status_of(app.url, "/_stcore/stream", **headers) == code


def test_after_a_kill_the_dataset_can_be_used(app):
    review_rows.fill(app.db)
    assert rows_within(app.db, 6) == 6
    app.process.kill()
    app.process.wait(20)
    assert call(app.db, "status")["rows"]["total"] == 6


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", ""])
def test_a_host_that_others_can_reach_is_refused(tmp_path, host):
    with pytest.raises(UsageError, match="this machine only"):
        server.serve(tmp_path / "x.duckdb", host=host, port=0)
    assert not (tmp_path / "x.duckdb").exists()


def test_a_taken_port_gives_way_to_the_next_free_one(capsys):
    with server.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with server.listen("127.0.0.1", port) as second:
            assert second.getsockname()[1] > port
    assert f"port {port} is taken" in capsys.readouterr().err


def test_no_free_port_is_an_error_with_a_cure():
    with socket.create_server(("127.0.0.1", 65_535)), pytest.raises(UsageError, match="all taken") as error:
        server.listen("127.0.0.1", 65_535).__enter__()
    assert "0 for any" in error.value.cure


def test_a_file_held_for_a_moment_is_waited_for(tmp_path):
    db = tmp_path / "mill.duckdb"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(db)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with open_patiently(db) as store:
        assert store.counts()["total"] == 0
    holder.stdout.close()
    holder.wait(20)


def test_a_file_held_for_long_is_named_with_a_cure(app):
    with pytest.raises(StoreBusyError, match="in use") as error:
        open_patiently(app.db, patience=0.2)
    assert "close the other review app" in error.value.cure


def test_the_ingester_stops_with_its_block(tmp_path):
    with Store.open(tmp_path / "mill.duckdb") as store:
        with Ingester(store, every=0.01):
            review_rows.fill(store.path)
            limit = time.monotonic() + 20
            while not store.counts()["total"] and time.monotonic() < limit:
                time.sleep(0.01)
        assert store.counts()["total"] == 6
        assert "gristmill-ingest" not in {thread.name for thread in threading.enumerate()}


def test_without_a_dataset_there_is_an_error_with_a_cure():
    with pytest.raises(StoreError) as error:
        attached()
    assert "gristmill review" in error.value.cure
