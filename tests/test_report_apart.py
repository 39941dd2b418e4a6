"""A report written by a process of its own, and who lets it be."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from report_frames import make
from support.store_rows import fill, new_store

from gristmill.errors import UsageError
from gristmill.pipeline.operations import report
from gristmill_data.store.owner import remove_owner_file, write_owner_file
from gristmill_evals.report.apart import apart


def test_a_process_of_its_own_writes_the_same_three_files(tmp_path: Path) -> None:
    frames = make(60)
    frames["texts"].attrs["sampled"] = {"of": 900, "every": 2}
    paths = apart(frames, tmp_path / "report.html", "Mill <handbook>")
    assert [path.name for path in paths] == ["report.html", "report.json", "report.md"]
    assert "Mill &lt;handbook&gt;" in paths[0].read_text()
    assert "of 900 accepted rows" in paths[2].read_text()


def test_its_error_is_raised_here(tmp_path: Path) -> None:
    broken = {**make(20), "scores": pd.DataFrame({"example_id": ["1"]})}
    with pytest.raises(UsageError, match="'scores' has no column"):
        apart(broken, tmp_path / "report.html", "x")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageError, match=r"no report was written: \w+Error"):
        apart(make(20), tmp_path / "file" / "report.html", "x")


def test_only_the_process_that_serves_a_dataset_hands_the_work_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watched(frames: dict[str, pd.DataFrame], out: Path, title: str) -> tuple[Path, Path, Path]:
        asked.append(title)
        return apart(frames, out, title)

    monkeypatch.setattr("gristmill_evals.report.apart.apart", watched)
    with new_store(tmp_path) as store:
        fill(store)
        report(store, out=str(tmp_path / "alone.html"))
        assert asked == []
        write_owner_file(store.path, "http://127.0.0.1:9", "token")
        made = report(store, out=str(tmp_path / "served.html"))
        remove_owner_file(store.path)
    assert asked == ["bakery"]
    assert "bakery" in Path(made["html"]).read_text()
    assert os.stat(made["html"]).st_size > 20_000
