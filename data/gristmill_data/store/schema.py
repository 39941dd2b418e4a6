"""The schema of the dataset file: numbered migrations, applied in order, each in one transaction."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from gristmill.errors import StoreError
from gristmill_data.store.connect import Connection

_LEDGER = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, time TIMESTAMP)"


@cache
def migrations() -> tuple[str, ...]:
    """The SQL of all migrations; number N of the file name is schema version N."""
    folder = files("gristmill_data.store") / "migrations"
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    numbers = [int(f.name.split("_")[0]) for f in scripts]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"migrations are not numbered 1, 2, 3 …: {numbers}", cure="reinstall gristmill")
    return tuple(f.read_text("utf-8") for f in scripts)


def newest() -> int:
    """The schema version that this gristmill writes."""
    return len(migrations())


def version_of(connection: Connection, path: Path) -> int:
    """Schema version of an open file; 0 when it is empty.

    Raises:
        StoreError: a DuckDB file made by something else, or by a newer gristmill.
    """
    try:
        [(version,)] = connection.execute("SELECT max(version) FROM schema_version").fetchall()
    except duckdb.CatalogException:  # to ask for the tables first takes half as long as opening the file
        return _without_versions(connection, path)
    if version > newest():
        raise StoreError(
            f"written by a newer gristmill (schema {version}, this one knows up to {newest()})",
            where=str(path),
            cure="pip install --upgrade gristmill",
        )
    return int(version)


def _without_versions(connection: Connection, path: Path) -> int:
    query = "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database()"
    tables = sorted(name for (name,) in connection.execute(query).fetchall())
    if not tables:
        return 0
    raise StoreError(
        f"a DuckDB file, but not a gristmill dataset (it holds {', '.join(tables[:3])})",
        where=str(path),
        cure="name another file",
    )


def migrate(connection: Connection, version: int) -> None:
    """Bring an open file from ``version`` to the newest."""
    for number, script in enumerate(migrations()[version:], start=version + 1):
        connection.execute("BEGIN")
        try:
            connection.execute(_LEDGER)
            connection.execute(script)
            connection.execute("INSERT INTO schema_version VALUES (?, now() AT TIME ZONE 'UTC')", [number])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
