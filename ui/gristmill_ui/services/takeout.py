"""Taking the data out: exports, report and backups, written beside the dataset, offered for download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gristmill import registry
from gristmill_data.store import Store
from gristmill_data.store.people import Role, require
from gristmill_data.store.places import exports_folder

WHICH: Mapping[str, str] = {
    "accepted": "Accepted rows, reviewed or not",
    "reviewed": "Only rows that a reviewer accepted",
    "all": "All rows, rejected and failed ones too",
}


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was written, and what to say of it."""

    path: Path
    told: str


def formats() -> list[tuple[str, str]]:
    """(name, help) of every export format that is installed."""
    return registry.component_help("exports")


def export(store: Store, fmt: str, which: str, by: str) -> Made:
    """Write rows in a format to a new file of the project.

    Raises:
        NotAllowedError: ``by`` is only a reader.
        GristmillError: it cannot be written.
    """
    from gristmill_data.store.operations import export as write

    _allow(store, by, "reviewer", "write exports")
    suffix = registry.load("exports", fmt).suffix
    path = _place(store, f"{which}-{fmt}", suffix)
    made = write(store, fmt, str(path), statuses=which, author=by)
    skipped = "".join(f" {count:,} left out: {reason}." for reason, count in made["skipped"].items())
    return Made(path, f"{made['written']:,} rows.{skipped}")


def report(store: Store, by: str) -> Made:
    """Write the dataset report to a new file of the project; raises as :func:`export`."""
    from gristmill.pipeline.operations import report as write

    _allow(store, by, "reviewer", "write reports")
    path = _place(store, "report", ".html")
    write(store, out=str(path))
    return Made(path, "One file that needs no network; its numbers as JSON and Markdown stand beside it.")


def backup(store: Store, by: str) -> Made:
    """Write a consistent copy of the dataset to a new file of the project.

    Raises:
        NotAllowedError: ``by`` is no lead.
        GristmillError: it cannot be written.
    """
    _allow(store, by, "lead", "make backups")
    path = _place(store, "backup", ".duckdb")
    store.backup(path)
    return Made(path, f"{path.stat().st_size / 1e6:,.1f} MB.")


def mime(path: Path) -> str:
    """What a browser is told that a file is."""
    known: dict[str, Any] = {".html": "text/html", ".jsonl": "application/jsonl"}
    return str(known.get(path.suffix, "application/octet-stream"))


def _allow(store: Store, by: str, role: Role, what: str) -> None:
    with store.cursor() as cursor:
        require(cursor, by, role, what)


def _place(store: Store, what: str, suffix: str) -> Path:
    """A name that is not taken, in the folder of exports beside the dataset."""
    folder = exports_folder(store.path)
    folder.mkdir(exist_ok=True)
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = (
        f"{store.path.stem}-{what}-{stamp}{more}{suffix}" for more in ("", *(f"-{n}" for n in range(2, 99)))
    )
    return next(path for name in names if not (path := folder / name).exists())
