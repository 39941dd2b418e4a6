"""One process owns the file, others ask it: two real processes, loopback HTTP, the owner file."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from support.store_rows import fill, new_store

from gristmill.errors import StoreBusyError, StoreError, UsageError
from gristmill.records import FileFailure
from gristmill_data.store import (
    SegmentWriter,
    Store,
    access,
    call,
    frames_of,
    operation,
    owner_routes,
    read_owner_file,
    remove_owner_file,
    write_owner_file,
)
from gristmill_data.store.owner import owner_file
from gristmill_data.store.schema import newest

TOKEN = "t0ken-of-this-test"
TESTS = Path(__file__).parent


@contextmanager
def owned(db: Path) -> Iterator[str]:
    """Another process that owns ``db`` and serves it; gives its URL."""
    command = [sys.executable, "-m", "support.store_owner", str(db), TOKEN]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    with new_store(tmp_path) as store:
        fill(store)
    return tmp_path / "data.duckdb"


def post(url: str, name: str, token: str, body: bytes = b"{}") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", f"/api/op/{name}", body, {"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response.status, response.read()


def test_the_same_call_works_with_and_without_an_owner(db: Path, tmp_path: Path) -> None:
    here = call(db, "run_totals", run_id="run-1")
    writer = SegmentWriter(db, "run-2")
    with owned(db):
        with pytest.raises(StoreBusyError):
            Store.open(db)
        assert call(db, "run_totals", run_id="run-1") == here
        writer.add(FileFailure("late.pdf", "empty"))
        writer.flush()
        assert call(db, "ingest") == 1
        out = tmp_path / "chat.jsonl"
        assert call(db, "export", format="chat", out=out)["written"] == 3
        assert len(out.read_text("utf-8").splitlines()) == 3
        assert len(frames_of(db)["rows"]) == 4
    with Store.open(db, wait=10) as store:
        assert store.rows("SELECT count(*) FROM file_failures") == [(2,)]
    assert read_owner_file(db) is None


def test_errors_of_the_owner_arrive_as_themselves(db: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.duckdb").write_text("")
    with owned(db):
        with pytest.raises(StoreError, match="exists already") as caught:
            call(db, "backup", out=tmp_path / "taken.duckdb")
        assert caught.value.cure
        assert caught.value.where == str(tmp_path / "taken.duckdb")
        with pytest.raises(UsageError, match="wrong arguments"):
            call(db, "status", colour="red")
        with pytest.raises(UsageError, match="unknown export 'morse'"):
            call(db, "export", format="morse", out=tmp_path / "x")


def test_an_owner_that_hangs_up_is_reported(db: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Store.open(db) as mine:
        write_owner_file(db, f"http://127.0.0.1:{server.getsockname()[1]}", TOKEN)
        threading.Thread(target=lambda: server.accept()[0].close()).start()
        code = "import sys; from gristmill_data.store import call; call(sys.argv[1], 'status')"
        found = subprocess.run([sys.executable, "-c", code, mine.path], capture_output=True, text=True)
    assert "StoreError" in found.stderr
    assert f"(process {os.getpid()}) gave no answer to 'status'" in found.stderr


def test_only_with_the_token(db: Path) -> None:
    with owned(db) as url:
        assert post(url, "status", TOKEN)[0] == 200
        for wrong in ("", "wrong", TOKEN + "x"):
            status, body = post(url, "status", wrong)
            assert (status, TOKEN.encode() in body) == (401, False)
        assert post(url, "no_such_operation", TOKEN)[0] == 400
        assert post(url, "status", TOKEN, b"[1]")[0] == 400
        assert post(url, "status", TOKEN, b"{")[0] == 400


def test_clients_of_other_machines_are_refused(db: Path) -> None:
    with Store.open(db) as store:
        app = Starlette(routes=owner_routes(store, TOKEN))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for host, expected in (("192.0.2.7", 403), ("127.0.0.1", 200), ("::1", 200), ("testclient", 403)):
            client = TestClient(app, client=(host, 50000))
            assert client.post("/api/op/status", headers=headers).status_code == expected
            assert client.get("/api/health").status_code == expected


def test_the_owner_file_is_private_and_its_token_not_shown(db: Path) -> None:
    path = write_owner_file(db, "http://127.0.0.1:8501", TOKEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    owner = read_owner_file(db)
    assert owner is not None
    assert (owner.url, owner.pid, owner.token) == ("http://127.0.0.1:8501", os.getpid(), TOKEN)
    assert TOKEN not in repr(owner)
    remove_owner_file(db)
    assert not path.exists()


def test_the_owner_file_of_a_dead_process_is_removed(db: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    owner_file(db).write_bytes(orjson.dumps({"url": "http://127.0.0.1:1", "token": "x", "pid": gone.pid}))
    assert read_owner_file(db) is None
    assert not owner_file(db).exists()


def test_the_owner_file_of_an_earlier_process_with_our_id_is_stale(db: Path) -> None:
    stale = {"url": "http://127.0.0.1:1", "token": "x", "pid": os.getpid(), "born": "1"}
    owner_file(db).write_bytes(orjson.dumps(stale))
    assert read_owner_file(db) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url": 1}'])
def test_a_broken_owner_file_is_no_owner(db: Path, content: bytes) -> None:
    owner_file(db).write_bytes(content)
    assert read_owner_file(db) is None
    assert call(db, "status")["schema"] == newest()


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:80", "http://example.org", "https://127.0.0.1", "file:///x"]
)
def test_an_owner_is_only_reached_over_loopback(db: Path, url: str) -> None:
    with pytest.raises(StoreError, match="loopback"):
        write_owner_file(db, url, TOKEN)
    owner_file(db).write_bytes(orjson.dumps({"url": url, "token": "x", "pid": os.getpid()}))
    with pytest.raises(StoreError, match="loopback"):
        read_owner_file(db)


def test_busy_without_an_owner_says_who(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WAIT_S", 0.3)
    code = (
        "import sys, gristmill_data.store as s; x = s.Store.open(sys.argv[1]); print(1, flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(db)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        with pytest.raises(StoreBusyError, match=f"process {other.pid}"):
            call(db, "status")
        other.communicate("\n")
    assert call(db, "status")["schema"] == newest()


def test_call_uses_the_store_this_process_has_open(db: Path) -> None:
    with Store.open(db) as store:
        assert call(db, "status")["file"] == str(store.path)
    assert Store.opened(db) is None


def test_a_link_names_the_same_dataset(db: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(db)
    with Store.open(db):
        writer = SegmentWriter(link, "run-2")
        writer.add(FileFailure("late.pdf", "empty"))
        writer.flush()
        assert call(link, "ingest") == 1
        assert write_owner_file(link, "http://127.0.0.1:1", TOKEN) == owner_file(db)


def test_operations_can_be_added(db: Path) -> None:
    @operation("count_documents")
    def count_documents(store: Store, at_least: int = 0) -> bool:
        return bool(store.rows("SELECT count(*) FROM documents")[0][0] >= at_least)

    assert call(db, "count_documents", at_least=1) is True
    with pytest.raises(UsageError, match="unknown store operation"):
        call(db, "no_such_operation")


def test_only_runs_create_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no dataset"):
        call(tmp_path / "x.duckdb", "status")
    assert call(tmp_path / "x.duckdb", "decided", slot_ids=["a"]) == {}
