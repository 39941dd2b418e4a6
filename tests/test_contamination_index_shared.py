"""Processes that need one index at the same time share the work of building it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gristmill_evals.contamination.index.shared_work import LOCK, build_together

BUILDER = """
import sys, time
from pathlib import Path
from gristmill_evals.contamination.index.shared_work import build_together

folder, me = Path(sys.argv[1]), sys.argv[2]
(folder / f"{me}.here").touch()
while len(list(folder.glob("*.here"))) < 2:
    time.sleep(0.01)

def built(part):
    def build():
        if (folder / part).exists():
            return
        with (folder / "log").open("a") as log:
            log.write(f"{part} {me}\\n")
        while len((folder / "log").read_text().split()) < 4:  # until the other one has begun its own
            time.sleep(0.01)
        (folder / part).touch()
    return build

build_together(folder, {"tables": built("tables"), "views": built("views")})
assert (folder / "tables").exists() and (folder / "views").exists()
"""


def test_two_processes_build_one_part_each_and_wait_for_the_other(tmp_path: Path) -> None:
    line = [sys.executable, "-c", BUILDER, str(tmp_path)]
    both = [subprocess.Popen([*line, name]) for name in ("one", "other")]
    assert [process.wait(60) for process in both] == [0, 0]
    log = sorted((tmp_path / "log").read_text().splitlines())
    assert [said.split()[0] for said in log] == ["tables", "views"]
    assert {said.split()[1] for said in log} == {"one", "other"}


def test_without_a_folder_to_write_to_every_process_builds_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    built: list[str] = []
    build_together(tmp_path / "file" / "in a file", {"tables": lambda: built.append("tables")})
    assert built == ["tables"]


def test_a_lock_left_by_a_process_that_died_holds_up_nobody(tmp_path: Path) -> None:
    kept = (
        "import fcntl, os, pathlib, sys; file = open(pathlib.Path(sys.argv[1]), 'wb');"
        "fcntl.lockf(file, fcntl.LOCK_EX, 1, 0); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", kept, str(tmp_path / LOCK)], check=False)
    built: list[int] = []
    build_together(tmp_path, {"tables": lambda: built.append(os.getpid())})
    assert built == [os.getpid()]
