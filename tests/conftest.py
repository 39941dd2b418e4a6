"""Fixtures for all tests. The network is forbidden: only loopback addresses can be reached."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read on import; a look-up that is refused is tried for half a minute
SHARED = Path(__file__).resolve().parents[2] / "shared"

# Files that take longest, by how their names begin: they come first, so that no worker is left with one.
LONG = ("test_engine_kills", "test_batch_", "test_browser", "test_engine_", "test_pipeline_", "test_models_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order that ``--dist loadfile --no-loadscope-reorder`` keeps to."""

    def rank(item: pytest.Item) -> int:
        return next((i for i, start in enumerate(LONG) if item.path.name.startswith(start)), len(LONG))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real measurement data beside the checkout; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data (../shared) is not beside this checkout")
    return SHARED


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
