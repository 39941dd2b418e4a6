"""Fixtures for all tests. The network is forbidden: only loopback addresses can be reached."""

from __future__ import annotations

import gc
import ipaddress
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import kernel

# Both are read on import. A look-up that is refused is tried for half a minute; threads of BLAS that wait for
# each other beside other workers make a small fit take thirty times as long.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
SHARED = Path(__file__).resolve().parents[2] / "shared"
MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30  # bytes; files of a test that passed go at once, of all together there would be 1.4 GB

# Files that take longest, by how their names begin: they come first, so that no worker is left with one.
LONG = (
    *("test_engine_kills", "test_ray_cluster", "test_batch_", "test_browser", "test_engine_"),
    *("test_pipeline_", "test_models_"),
)


def _in_memory() -> bool:
    """Whether files of tests can lie in memory: what waits for a disk there, waits for nothing here.

    A process that is killed loses as much or as little either way; only a power failure would not.
    """
    if not MEMORY.is_mount() or not os.access(MEMORY, os.W_OK):
        return False
    place = os.statvfs(MEMORY)
    free = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"))
    room = min(place.f_bavail * place.f_frsize, int(free[1]) * 1024 if free else 0)
    return room >= ROOM and not place.f_flag & os.ST_NOEXEC


if _in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))  # workers are told by the first process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order that ``--dist loadfile --no-loadscope-reorder`` keeps to."""

    def rank(item: pytest.Item) -> int:
        return next((i for i, start in enumerate(LONG) if item.path.name.startswith(start)), len(LONG))

    items.sort(key=rank)
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw0" and any(map(_of_the_check, items)):
        kernel.begin()


def _of_the_check(item: pytest.Item | pytest.FixtureRequest) -> bool:
    return "contamina" in item.path.name


def pytest_unconfigure() -> None:
    """At the end of a process all must go: native modules complain of what stays."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real measurement data beside the checkout; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data (../shared) is not beside this checkout")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def own_temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a process that is killed leaves in the folder for temporary files goes with the tests.

    The folder has a short name, because paths of sockets in it may have 107 bytes.
    """
    tmp_path_factory.getbasetemp()  # of which pytest keeps the last ones
    folder = tempfile.mkdtemp(prefix="gm-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    patch = pytest.MonkeyPatch()
    patch.setenv("TMPDIR", folder)
    patch.setattr(tempfile, "tempdir", folder)
    yield
    patch.undo()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True, scope="module")
def earlier_files_stay() -> None:
    """A collection, of which many a test starts some, goes over what its own file made and no more.

    Over all that a worker has imported and collected it takes a third of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def compiled_once(request: pytest.FixtureRequest) -> None:
    """Tests of the contamination check in several processes do not compile it in each of them."""
    if "PYTEST_XDIST_WORKER" in os.environ and _of_the_check(request):
        kernel.wait()


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] in {"localhost", ""}


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse any connection that leaves this machine, in every test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise RuntimeError(f"a test tried to reach the network: {address!r}")
        real(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    yield
    patch.undo()
