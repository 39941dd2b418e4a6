"""The files that make up a dataset: they are never read as documents and nothing is exported over them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill_data.store.core import Store


def cache_path(db: Path) -> Path:
    """The response cache stands beside the dataset."""
    return db.with_suffix(".cache.sqlite")


def batches_path(db: Path) -> Path:
    """The table of calls that wait for provider batches, made with the first ``run --batch``."""
    return db.with_suffix(".batches.sqlite")


def jobs_folder(db: Path) -> Path:
    """What the review app keeps of the runs that were started in it, made with the first one."""
    return db.with_name(f"{db.name}.jobs")


def exports_folder(db: Path) -> Path:
    """Where the review app writes exports, reports and backups; a run reads no documents there."""
    return db.with_name(f"{db.stem}.exports")


def own_files(db: Path) -> frozenset[Path]:
    """Dataset, owner file, segments, response cache, table of batches, and what databases put beside them."""
    names = [f"{db.name}{end}" for end in ("", ".wal", ".owner.json", ".segments", ".live", ".jobs")]
    names += [f"{cache_path(db).name}{end}" for end in ("", "-wal", "-shm", "-journal", "-claims")]
    names.append(f"{db.stem}.vllm.log")
    batches = batches_path(db)
    names += [f"{batches.name}{end}" for end in ("", "-journal")] + [batches.with_suffix(".lock").name]
    return frozenset(db.with_name(name) for name in names)


def target(store: Store, out: str) -> Path:
    """The file an operation is to write.

    Raises:
        UsageError: not absolute (the process that runs the operation is another one), a folder, in
            something that is no folder, or a file of the dataset itself.
    """
    path = Path(out)
    if not path.is_absolute():
        raise UsageError("the path must be absolute", where=out, cure="resolve it before the call")
    if path.is_dir():
        raise UsageError("a folder, not a file", where=out, cure="name a file in it")
    blocked = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None)
    if blocked is not None:
        raise UsageError("not a folder", where=str(blocked), cure="choose another place for the file")
    real = path.resolve()
    if not own_files(store.path).isdisjoint((real, *real.parents)):
        raise UsageError(
            "that would overwrite the dataset itself", where=out, cure="choose another name for the file"
        )
    return path
