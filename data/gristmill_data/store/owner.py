"""The owner file: where the process that owns a dataset can be reached, and the secret it asks for."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from gristmill.errors import StoreError
from gristmill_data.store.segments import alive, dataset_path


@dataclass(frozen=True, slots=True)
class Owner:
    """The running owner of a dataset. ``born`` tells its process from a later one with the same id."""

    url: str
    token: str
    pid: int
    born: str = ""

    def __repr__(self) -> str:
        return f"Owner(url={self.url!r}, pid={self.pid})"


def owner_file(db: Path) -> Path:
    """``X.duckdb.owner.json`` beside the dataset ``db``."""
    db = dataset_path(db)
    return db.with_name(db.name + ".owner.json")


def write_owner_file(db: Path, url: str, token: str) -> Path:
    """Tell other processes of this user that this process owns ``db`` and serves it at ``url``.

    The file can be read by the user alone (0600) and appears whole or not at all.

    Raises:
        StoreError: ``url`` is not on a loopback address, or the file cannot be written.
    """
    check_loopback(url)
    path = owner_file(db)
    owner = Owner(url, token, os.getpid(), born_at(os.getpid()))
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(orjson.dumps(asdict(owner)))
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write the owner file: {error.strerror or error}"
        raise StoreError(message, where=str(path), cure="make the folder writable for you") from error
    return path


def read_owner_file(db: Path) -> Owner | None:
    """The running owner of ``db``. A file left behind by a process that is gone is removed.

    Raises:
        StoreError: the file belongs to another user or names an address that is not loopback.
    """
    path = owner_file(db)
    try:
        if path.stat().st_uid != os.getuid():
            raise StoreError(
                "the owner file belongs to another user, it is not trusted",
                where=str(path),
                cure="let that user run the command, or remove the file when their app is closed",
            )
        owner = Owner(**orjson.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    check_loopback(owner.url)
    if alive(owner.pid) and owner.born == born_at(owner.pid):
        return owner
    path.unlink(missing_ok=True)
    return None


def remove_owner_file(db: Path) -> None:
    """Remove the owner file of ``db`` if it is this process's."""
    owner = read_owner_file(db)
    if owner is not None and owner.pid == os.getpid():
        owner_file(db).unlink(missing_ok=True)


def check_loopback(url: str) -> None:
    """Refuse an address that other machines can reach.

    Raises:
        StoreError: the host of ``url`` is not a loopback address.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        cure = "serve the app on 127.0.0.1"
        raise StoreError("the owner may only be reached over loopback HTTP", where=url, cure=cure)


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address) is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def born_at(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
