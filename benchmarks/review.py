"""How quick the review app is for a team: a large dataset, many reviewers, and a run that writes.

A dataset is made up and handed in as segments, the real server is started on it, and sessions speak
Streamlit's protocol over real websockets, as browsers do. Each reviewer reads a row for a while (exponential,
``--think`` seconds on average), decides it, and waits for the next. Afterwards the file is read: every
decision that was confirmed on a screen must be there once, and no other.

``first page``: from opening the connection to the first row on the screen, by the name entered in between.
``next row``: from the press of a verdict to the end of the script's run that shows the next row.

    python benchmarks/review.py [--rows 500000] [--reviewers 15] [--seconds 120] [--think 3]
    python benchmarks/review.py --rows 2000 --reviewers 3 --seconds 10 --think 0.5    a try
    python benchmarks/review.py --per-second 0          without a run beside
    python benchmarks/review.py --keep FILE.duckdb      the dataset is made there, or is there already
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from review_parts.rows import build  # noqa: E402 - beside this script
from review_parts.session import Browser  # noqa: E402

from gristmill_data.store import Store  # noqa: E402

ORDERS = ("Accept", "A is better", "B is better", "Tie")
LIMITS = {"first page": 1000.0, "next p95": 200.0, "lost": 0.0, "doubled": 0.0}
READY_WITHIN = 120.0


@dataclass
class Measured:
    """What the sessions saw."""

    first: list[float] = field(default_factory=list)
    next: list[float] = field(default_factory=list)
    confirmed: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Server:
    """The real app, as a process of its own."""

    def __init__(self, db: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "gristmill",
            "review",
            "--db",
            str(db),
            "--port",
            "0",
            "--no-browser",
        ]
        self.log = db.with_name(f"{db.name}.server.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.url = self._address()

    def _address(self) -> str:
        while self.process.poll() is None:
            if found := re.search(r"at (http://\S+)", self.log.read_text()):
                return found[1]
            time.sleep(0.1)
        raise SystemExit("the review app did not start")

    def peak(self) -> float:
        """The most memory it has held, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        self.process.wait(READY_WITHIN)


async def review(server: Server, name: str, args: argparse.Namespace, out: Measured) -> None:
    """One reviewer, from opening the page to leaving it."""
    browser, drawn = Browser(server.url), random.Random(name)
    began = time.perf_counter()
    try:
        await browser.open()
        await browser.until(lambda: "Start reviewing" in browser.buttons, "the question for a name")
        await browser.press("Start reviewing", **{"Your name": name})
        await browser.until(lambda: browser.item, "the first row")
        out.first.append(time.perf_counter() - began)
        while time.monotonic() < args.until:
            await asyncio.sleep(drawn.expovariate(1 / args.think))
            await decide(browser, drawn, name, out)
    except (TimeoutError, RuntimeError, OSError) as error:
        out.failed.append(f"{name}: {type(error).__name__} {error}")
    finally:
        await browser.close()


async def decide(browser: Browser, drawn: random.Random, name: str, out: Measured) -> None:
    """One verdict, until the next row is on the screen."""
    shown, choices = browser.item, [label for label in ORDERS if label in browser.buttons]
    began = time.perf_counter()
    await browser.press(drawn.choice(choices))
    await browser.until(lambda: browser.item != shown and browser.buttons, "the next row")
    out.next.append(time.perf_counter() - began)
    out.confirmed[name] += 1


async def drive(server: Server, args: argparse.Namespace) -> Measured:
    """All reviewers, one after the other at first, then together."""
    out, tasks = Measured(), []
    args.until = time.monotonic() + args.reviewers * args.stagger + args.seconds
    for number in range(args.reviewers):
        tasks.append(asyncio.create_task(review(server, f"reviewer-{number:02d}", args, out)))
        await asyncio.sleep(args.stagger)
    began = time.monotonic()
    await asyncio.gather(*tasks)
    out.seconds = time.monotonic() - began
    return out


@contextmanager
def writing(db: Path, args: argparse.Namespace) -> Iterator[None]:
    """A process that hands in rows beside."""
    seconds = args.reviewers * args.stagger + args.seconds
    command = [
        sys.executable,
        str(HERE / "review_parts/writer.py"),
        str(db),
        str(args.per_second),
        str(seconds),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL) if args.per_second else None
    try:
        yield
    finally:
        if process is not None:
            process.terminate()
            process.wait(30)


def checked(db: Path, out: Measured, before: int) -> tuple[int, int]:
    """(lost, doubled) decisions in the file, after the server has closed it."""
    with Store.open(db) as store:
        events = store.rows("SELECT reviewer, example_id FROM review_events WHERE seq > ?", [before])
    saved = Counter(reviewer for reviewer, _ in events)
    lost = sum(max(0, number - saved[name]) for name, number in out.confirmed.items())
    return lost, len(events) - len(set(events)) + sum(saved.values()) - sum(out.confirmed.values())


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def table(args: argparse.Namespace, server: Server, out: Measured, faults: tuple[int, int], rows: int) -> str:
    """The result, with limits beside."""
    lines = [
        ("rows in the dataset", f"{rows:,}", ""),
        ("reviewers, mean thinking time", f"{args.reviewers}, {args.think:g} s", ""),
        ("rows a run hands in", f"{args.per_second:g} a second", ""),
        ("first page, median", f"{percentile(out.first, 0.5):.0f} ms", ""),
        ("first page, slowest", f"{percentile(out.first, 1):.0f} ms", f"{LIMITS['first page']:.0f} ms"),
        ("next row, p50", f"{percentile(out.next, 0.5):.0f} ms", ""),
        ("next row, p95", f"{percentile(out.next, 0.95):.0f} ms", f"{LIMITS['next p95']:.0f} ms"),
        ("next row, p99", f"{percentile(out.next, 0.99):.0f} ms", ""),
        ("decisions", f"{len(out.next):,} ({len(out.next) / max(out.seconds, 1):.1f} a second)", ""),
        ("decisions lost", str(faults[0]), "0"),
        ("decisions doubled", str(faults[1]), "0"),
        ("sessions that failed", str(len(out.failed)), "0"),
        ("largest memory of the server", f"{args.peak:.0f} MB", ""),
        ("its processor time", f"{args.cpu:.0f} s of {args.wall:.0f} s", ""),
    ]
    return "\n".join(f"{name:<32} {value:>24} {limit:>10}" for name, value, limit in lines)


def main() -> None:
    """Measure and print the table; exit code 1 when a limit is broken."""
    args = arguments()
    folder = Path(tempfile.mkdtemp(prefix="gristmill-review-"))
    db = args.keep or folder / "load.duckdb"
    try:
        if not db.exists():
            began = time.perf_counter()
            print(f"{build(db, args.rows):,} rows made in {time.perf_counter() - began:.0f} s", flush=True)
        with Store.open(db) as store:
            [(before,)] = store.rows("SELECT coalesce(max(seq), 0) FROM review_events")
        server = Server(db)
        began, used = time.monotonic(), server.cpu()
        try:
            with writing(db, args):
                out = asyncio.run(drive(server, args))
            args.peak, args.cpu, args.wall = server.peak(), server.cpu() - used, time.monotonic() - began
        finally:
            server.stop()
        with Store.open(db) as store:
            store.ingest()
            [(rows,)] = store.rows("SELECT count(*) FROM examples")
        faults = checked(db, out, before)
        print(table(args, server, out, faults, rows))
        print("\n".join(out.failed))
        slow = (
            percentile(out.next, 0.95) > LIMITS["next p95"] or percentile(out.first, 1) > LIMITS["first page"]
        )
        sys.exit(1 if slow or any(faults) or out.failed else 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--reviewers", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--think", type=float, default=3.0)
    parser.add_argument("--per-second", type=float, default=100, dest="per_second")
    parser.add_argument("--stagger", type=float, default=2.0, help="seconds between two reviewers' arrival")
    parser.add_argument("--keep", type=Path, help="where the dataset is, or is to be kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
