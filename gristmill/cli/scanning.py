"""What gristmill decontaminate does: reads batches, has them checked, writes what comes back, in order."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from gristmill import __version__
from gristmill.cli.rowfiles import COMPRESSED, Line, WholeFiles, line_batches
from gristmill.cli.second_opinion import NOTHING, Afterwards, in_words
from gristmill.errors import GristmillError, UsageError
from gristmill.pipeline.processes import cores, on_processes
from gristmill.pipeline.ray.crew import here, on_cluster
from gristmill_evals.contamination import ScanJob, load_benchmark
from gristmill_evals.contamination_report.summary import plain_summary
from gristmill_evals.contamination_report.tally import Tally

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.pipeline.ray.cluster import RayOptions
    from gristmill_evals.contamination import Benchmark
    from gristmill_evals.contamination.scan import Scanned
    from gristmill_evals.contamination_report.policy import Policy

# Below, the start of other processes takes longer than the rows.
ALONE_BYTES = 8 * 2**20
FIRST_REJECTS = 5


@dataclass(frozen=True, slots=True)
class Targets:
    """Where results go; None is not written. Rejects go beside ``matches`` when nothing else is said."""

    matches: Path
    clean: Path | None = None
    report: Path | None = None
    rejects: Path | None = None

    @property
    def malformed(self) -> Path:
        """The file of lines that could not be checked."""
        return self.rejects or self.matches.with_name(self.matches.name + ".malformed.jsonl")


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of a file; ``index`` is a folder that keeps the index."""

    source: Path
    specs: tuple[str, ...]
    min_score: float
    policy: Policy
    index: Path | None = None
    after: Afterwards = NOTHING
    exact: bool = False

    def run(self, targets: Targets, workers: int | None, cluster: RayOptions | None) -> Result:
        """Check all rows; files appear when all is done, and not at all when it is not.

        Raises:
            GristmillError: interrupted, a benchmark or the input cannot be read, workers are lost.
        """
        started = time.monotonic()
        benchmarks = tuple(load_benchmark(spec, Path.cwd()) for spec in self.specs)
        _refuse_one_name(benchmarks)
        tally = Tally(benchmarks, self.policy)
        number = 1 if cluster is not None else workers or self._workers()
        finishing = self.after.finishing(benchmarks, self.min_score, self.source.name)
        with _interruptible(tally), finishing as finish:
            least = self.min_score if finish is None else finish.least
            job = ScanJob(benchmarks, least, self.source.name, self.index, self.exact)
            with _index_folder(job, number) as (found, number), WholeFiles() as files:
                writer = _Writer(files, targets, tally)
                held: deque[list[Line]] = deque()
                batches = _held(self.source, held)
                for scanned in _engine(found, batches, number, cluster):
                    batch = held.popleft()
                    if finish is not None:
                        scanned.matches = finish.finish(batch, scanned.matches)
                    writer.write(batch, scanned)
                writer.finish()
        said = {} if finish is None else finish.said
        result = Result(self, targets, tally, time.monotonic() - started, said)
        if targets.report is not None:
            from gristmill_evals.contamination_report.page import write_page

            write_page(result.page(), targets.report)
        return result

    def _workers(self) -> int:
        size = self.source.stat().st_size * (4 if self.source.suffix in COMPRESSED else 1)
        return 1 if size < ALONE_BYTES else cores()


def _refuse_one_name(benchmarks: tuple[Benchmark, ...]) -> None:
    names = Counter(benchmark.name for benchmark in benchmarks)
    for name in (name for name, count in names.items() if count > 1):
        raise UsageError(f"two benchmarks are called {name!r}", cure="rename one of the files")


def _held(source: Path, held: deque[list[Line]]) -> Iterator[list[Line]]:
    """Batches as they are sent; their lines stay here until the results are back."""
    for batch in line_batches(source):
        held.append(batch)
        yield batch


def _engine(
    job: ScanJob, batches: Iterator[list[Line]], number: int, cluster: RayOptions | None
) -> Iterator[Scanned]:
    if cluster is not None:
        return on_cluster(job, batches, cluster)
    return here(job, batches) if number == 1 else on_processes(job, batches, number)


@contextlib.contextmanager
def _index_folder(job: ScanJob, number: int) -> Iterator[tuple[ScanJob, int]]:
    """Several processes share one index on disk, which they build; without a folder it is removed again."""
    if number == 1:
        yield job, number
        return
    with contextlib.ExitStack() as stack:
        if job.folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gristmill-index-"))
            job = replace(job, folder=Path(folder))
        yield job, number


@contextlib.contextmanager
def _interruptible(tally: Tally) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the scan in good order: no half-written file, no process left."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    mine = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if mine else None
    try:
        yield
    except KeyboardInterrupt:
        raise GristmillError(
            f"interrupted after {tally.checked:,} rows: nothing was written",
            cure="files from before are as they were; run again, it starts from the first row",
        ) from None
    finally:
        if mine:
            signal.signal(signal.SIGTERM, before)


class _Writer:
    """Match rows, clean lines and rejects of one batch after the other."""

    def __init__(self, files: WholeFiles, targets: Targets, tally: Tally) -> None:
        self._files, self._targets, self._tally = files, targets, tally
        self._matches = files.open(targets.matches)
        self._clean = None if targets.clean is None else files.open(targets.clean)
        self._rejects: IO[bytes] | None = None
        if targets.rejects is not None:
            self._rejects = files.open(targets.rejects)

    def write(self, batch: list[Line], scanned: Scanned) -> None:
        lines = dict(batch)
        blocked = self._tally.add(scanned, lines.__getitem__)
        self._matches.write(b"".join(orjson.dumps(match) + b"\n" for match in scanned.matches))
        for reject in scanned.rejects:
            self._reject({"line": reject.line, "reason": reject.reason, "detail": reject.detail}, lines)
        if self._clean is not None:
            out = blocked.union(reject.line for reject in scanned.rejects)
            self._clean.write(b"".join(line for number, line in batch if number not in out))

    def _reject(self, row: dict[str, Any], lines: dict[int, bytes]) -> None:
        if self._rejects is None:
            self._rejects = self._files.open(self._targets.malformed)
        raw = lines[row["line"]].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        self._rejects.write(orjson.dumps({**row, "raw": raw}) + b"\n")

    def finish(self) -> None:
        """A list of rejects from another time must not stand beside these matches."""
        if self._rejects is None:
            self._targets.malformed.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Result:
    """A scan that is done."""

    scan: Scan
    targets: Targets
    tally: Tally
    seconds: float
    said: Mapping[str, Any]
    """Of a second opinion and a calibration: what they were, and what they did."""

    def page(self) -> Any:
        """What the report shows."""
        from gristmill_evals.contamination.calibration import Recalibration
        from gristmill_evals.contamination_report.page import Page

        after = self.scan.after
        return Page(
            self.scan.source.name,
            self.tally,
            self.scan.min_score,
            tuple(self._settings()),
            calibration=None if after.calibration is None else Recalibration.load(after.calibration),
            models=tuple(spec.model for spec in (after.embedder, after.judge) if spec is not None),
        )

    def _settings(self) -> Iterator[tuple[str, str]]:
        from gristmill_evals.contamination.decision import shipped
        from gristmill_evals.contamination.index.store import settings

        scan, tally = self.scan, self.tally
        yield "rows", str(scan.source.resolve())
        for spec, found in zip(scan.specs, tally.benchmarks.values(), strict=True):
            yield f"benchmark {found.benchmark.name}", f"{spec} (content {found.benchmark.digest[:12]})"
        yield "least score kept", f"{scan.min_score:g}"
        yield "matches count from", f"{tally.policy.threshold:g}"
        yield "labels that block", ", ".join(sorted(tally.policy.block))
        place = str(scan.index.resolve()) if scan.index else "made for this scan"
        yield "index", f"{place} (version {settings()[:12]})"
        yield "shipped calibration", str(shipped().version)
        yield from ((name.replace("_", " "), in_words(value)) for name, value in self.said.items())
        yield "gristmill", __version__
        yield "time", f"{self.seconds:.1f} s, {tally.checked / max(self.seconds, 1e-9):,.0f} rows a second"

    def summary(self, limit: float | None) -> dict[str, Any]:
        """One object for machines."""
        files = {"out": self.targets.matches, "clean_out": self.targets.clean, "report": self.targets.report}
        if self.tally.malformed or self.targets.rejects is not None:
            files["rejects"] = self.targets.malformed
        summary = {
            **plain_summary(self.tally),
            "seconds": round(self.seconds, 2),
            **self.said,
            **{name: str(path) for name, path in files.items() if path is not None},
        }
        if limit is not None:
            summary |= {"fail_over": limit, "exceeded": self.tally.blocked_share > limit}
        return summary

    def tell(self, console: Console, summary: dict[str, Any]) -> None:
        """The same for people, on stderr."""
        for line in self._lines(summary):
            console.print(line, soft_wrap=True, markup=False)

    def _lines(self, summary: dict[str, Any]) -> Iterator[str]:
        tally = self.tally
        labels = ", ".join(f"{label} {count:,}" for label, count in tally.matches.most_common())
        told = f"{tally.checked:,} rows, {tally.matched:,} matched: {labels or 'no match'} → {summary['out']}"
        yield told
        if self.targets.clean is not None:
            yield f"{tally.checked - tally.blocked:,} rows without a blocking match → {self.targets.clean}"
        if self.targets.report is not None:
            yield f"report → {self.targets.report}"
        yield from (f"{name.replace('_', ' ')}: {in_words(value)}" for name, value in self.said.items())
        if tally.malformed:
            yield f"{tally.malformed:,} lines could not be checked → {summary['rejects']}"
            for reject in tally.rejects[:FIRST_REJECTS]:
                yield f"  line {reject.line}: {reject.reason} ({reject.detail})"
        if "exceeded" in summary:
            than = "more than" if summary["exceeded"] else "within"
            share = f"{100 * tally.blocked_share:.3g} % of the rows are blocked"
            yield f"{share}, {than} the {100 * summary['fail_over']:.3g} % of --fail-over"
