"""The page about a scan: counts, intervals, examples, hostile text, and how it looks in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from gristmill_evals.contamination import Benchmark, BenchmarkItem
from gristmill_evals.contamination.calibration import Recalibration, Threshold
from gristmill_evals.contamination.lines import Reject
from gristmill_evals.contamination.scan import Scanned
from gristmill_evals.contamination_report.examples import PER_LABEL
from gristmill_evals.contamination_report.page import Page, plain, write_page
from gristmill_evals.contamination_report.policy import LABELS, SEVERITY, Policy
from gristmill_evals.contamination_report.precision import precision_curve
from gristmill_evals.contamination_report.tally import Tally
from gristmill_evals.statistics import wilson

HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror=pwned=2>"
BENCH = Benchmark.make(
    "mill", [BenchmarkItem(f"q{n}", f"How many sacks {n}? {HOSTILE}", "They are ground.") for n in range(50)]
)
OTHER = Benchmark.make("other", [BenchmarkItem("o", "What is the toll?")])


def match(line: int, item: str, label: str, score: float, side: str = "question") -> dict[str, Any]:
    spans = {"field": "text", "row": [0, 8], "item": [0, 8], "side": side}
    named = {"id": f"r{line}", "benchmark": "mill", "item_id": item, "label": label, "score": score}
    return {**named, "tier": "exact", "spans": spans, "line": line}


def line_of(number: int) -> bytes:
    return json.dumps({"id": f"r{number}", "text": f"How many {number} {HOSTILE}" + "x" * 2000}).encode()


def tallied(*matches: dict[str, Any], rows: int = 100, policy: Policy = Policy()) -> tuple[Tally, set[int]]:  # noqa: B008 - frozen
    tally = Tally([BENCH, OTHER], policy)
    return tally, tally.add(Scanned(rows, list(matches), []), line_of)


def test_each_row_counts_once_under_its_worst_label() -> None:
    found = [match(1, "q1", "template", 0.9), match(1, "q2", "verbatim", 0.6), match(2, "q2", "near", 0.8)]
    tally, blocked = tallied(*found, match(3, "q3", "paraphrase", 0.7), match(4, "q4", "near", 0.3))
    mill = tally.benchmarks["mill"]
    assert (tally.matched, tally.blocked, tally.uncertain, blocked) == (3, 3, 2, {1, 2, 3})
    assert mill.rows_by_label == {"verbatim": 1, "near": 1, "paraphrase": 1}
    assert mill.items_by_label == {"template": 1, "verbatim": 1, "paraphrase": 1}
    assert tally.severities == {"severe": 2, "moderate": 1}
    assert tally.benchmarks["other"].rows == 0


def test_shares_carry_wilson_intervals() -> None:
    tally, _ = tallied(match(1, "q1", "verbatim", 1.0))
    [mill, _] = plain(Page("rows", tally, 0.5))["summary"]["benchmarks"]
    low, high = wilson(1, 100)
    assert mill["rows_matched_share"] == {"value": 0.01, "low": low, "high": high, "n": 100}
    assert (mill["items"], mill["items_leaked"], mill["items_leaked_share"]["n"]) == (50, 1, 50)


def test_the_curve_counts_rows_at_or_above_each_threshold() -> None:
    tally, _ = tallied(
        match(1, "q1", "template", 0.57), match(1, "q2", "near", 0.29), match(2, "q2", "near", 1.0)
    )
    page = Page("rows", tally, 0.25)
    hits = {point.threshold: point.hits for point in page.curve}
    assert (hits[1.0], hits[0.58], hits[0.57], hits[0.25], min(hits)) == (1, 1, 2, 2, 0.25)
    blocking = {point.threshold: point.hits for point in page.blocking_curve}
    assert (blocking[0.57], blocking[0.29]) == (1, 2)


def test_precision_is_counted_over_the_verdicts_from_each_score_up() -> None:
    points = precision_curve([(0.9, True), (0.9, False), (0.5, True), (0.3, False)])
    assert [(p.threshold, p.hits, p.n) for p in points] == [(0.3, 2, 4), (0.5, 2, 3), (0.9, 1, 2)]
    assert (points[0].low, points[0].high) == wilson(2, 4)
    assert precision_curve([]) == []


def test_few_examples_are_kept_of_many_and_the_surest_of_each_label() -> None:
    tally = Tally([BENCH], Policy())
    for start in range(0, 20_000, 100):
        lines = range(start, start + 100)
        found = [match(n, f"q{n % 50}", "near", 0.5 + (n % 997) / 2000) for n in lines]
        tally.add(Scanned(100, found, [Reject(n, "not-json", "no") for n in lines]), line_of)
    shown = list(tally.examples.worst())
    assert [round(one.match["score"], 3) for one in shown] == [0.998] * PER_LABEL
    assert len({one.match["item_id"] for one in shown}) == PER_LABEL
    assert (len(tally.rejects), tally.malformed) == (200, 20_000)
    assert all(len(one.row_text) <= 702 for one in (*shown, *tally.examples.doubtful()))


def test_examples_quote_both_sides() -> None:
    tally, _ = tallied(match(1, "q1", "near", 0.9), match(2, "q2", "paraphrase", 0.6, side="answer"))
    first, second = tally.examples.worst()
    assert first.row_text[slice(*first.row_span)] == first.item_text[slice(*first.item_span)] == "How many"
    assert second.item_text == "They are ground."


def test_every_label_has_a_severity() -> None:
    assert set(SEVERITY) == set(LABELS)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scores = (1.0, 0.97, 0.9, 0.8, 0.7, 0.6, 0.55)
    tally, _ = tallied(*(match(n, f"q{n}", LABELS[n], score) for n, score in enumerate(scores)))
    tally.add(Scanned(0, [], [Reject(9, "not-json", HOSTILE)]), line_of)
    verdicts = [(0.9, True), (0.6, False), (0.55, True)]
    made = Page(f"rows {HOSTILE}", tally, 0.5, (("rows", HOSTILE),), verdicts)
    return write_page(made, tmp_path_factory.mktemp("page") / "r.html")[0]


def test_the_page_tells_everything_and_escapes_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert HOSTILE not in text
    for told in (
        "Overview",
        "Benchmarks",
        "Scores",
        "Precision",
        "Examples",
        "To review",
        "Lines not checked",
    ):
        assert f">{told}</h2>" in text
    assert "From 3 verdicts" in text
    assert "not proven clean" in text
    assert all(f"{label} · " in text for label in LABELS)
    twin = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert (twin["verdicts"], twin["summary"]["malformed"], len(twin["examples"])) == (3, 1, 7)


def test_a_page_about_nothing_is_still_one(tmp_path: Path) -> None:
    out, _ = write_page(Page("empty", Tally([OTHER], Policy()), 0.5), tmp_path / "r.html")
    text = out.read_text(encoding="utf-8")
    assert "No row matches a benchmark item" in text
    assert ">Examples</h2>" not in text


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_its_window_runs_nothing_and_loads_nothing(page: Path, width: int, scheme: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        view = browser.new_context(offline=True, **options).new_page()
        said, asked = [], []
        view.on("console", lambda message: said.append(message.text))
        view.on("request", lambda request: asked.append(request.url))
        view.goto(page.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") == width
        assert view.evaluate("window.pwned") is None
        assert view.locator("article.pair mark").count() == 2 * view.locator("article.pair").count() > 0
        browser.close()
    assert (said, asked) == ([], [page.as_uri()])


def test_a_calibration_says_on_how_many_verdicts_it_stands(tmp_path: Path) -> None:
    reached = Threshold(target=0.9, score=0.62, precision=0.95, interval=(0.83, 0.99), n=40)
    thresholds = (reached, Threshold(target=0.99, score=None, precision=None, interval=None, n=0))
    calibration = Recalibration("platt", verdicts={"near": (30, 10)}, thresholds=thresholds)
    tally, _ = tallied(match(1, "q1", "near", 0.9))
    out, twin = write_page(Page("rows", tally, 0.5, calibration=calibration), tmp_path / "r.html")
    text = out.read_text(encoding="utf-8")
    assert "40 verdicts: 30 right, 10 wrong" in text
    assert "95.0 % (83.0 to 99.0 %)" in text
    assert "no threshold reaches it" in text
    assert json.loads(twin.read_text(encoding="utf-8"))["calibration"]["method"] == "platt"
