"""The report: what it says, that its twins agree, that nothing in the data can get out of its place."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report_frames import make

from gristmill.errors import UsageError
from gristmill_evals.excerpts import window
from gristmill_evals.report import Report, build_report, write_report
from gristmill_evals.report.blocks import Figure, Figures, Note, Section, Table
from gristmill_evals.report.sections.spending import without_secrets

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>|`*&amp;"


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(make(), title="Mill handbook")


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return report.html()


def _section(report: Report, name: str) -> Section:
    return next(section for section in report.sections if section.id == name)


def _figures(report: Report, name: str) -> dict[str, Figure]:
    blocks = _section(report, name).blocks
    return {figure.label: figure for block in blocks if isinstance(block, Figures) for figure in block.items}


def _notes(report: Report, name: str) -> str:
    return " ".join(block.text for block in _section(report, name).blocks if isinstance(block, Note))


class _Page(HTMLParser):
    """Collects the tags of a page and checks that they nest."""

    VOID = frozenset({"meta", "input", "br", "img", "link", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def _parsed(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    return parser


def test_every_section_is_in_the_contents(report: Report, html: str) -> None:
    page = _parsed(html)
    assert page.open == []
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert [f"#{section.id}" for section in report.sections] == links[1:]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_from_outside(html: str) -> None:
    assert not re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"|@import|url\((?!#)", html)
    assert "default-src 'none'" in html
    assert len(html.encode()) < 1_000_000


def test_every_figure_has_its_size_and_interval_or_a_reason(report: Report) -> None:
    figures = [f for section in report.sections for f in _figures(report, section.id).values()]
    tables = [b for section in report.sections for b in section.blocks if isinstance(b, Table)]
    figures += [value for table in tables for row in table.rows for value in row if isinstance(value, Figure)]
    assert len(figures) > 30
    for figure in figures:
        assert figure.note, figure
        if figure.low is not None:
            assert figure.low <= figure.value <= figure.high
            assert figure.n > 0


def test_key_figures_are_those_of_the_frames(report: Report) -> None:
    frames, figures = make(), _figures(report, "figures")
    accepted = frames["rows"][frames["rows"]["status"] == "accepted"]
    assert figures["Accepted rows now"].value == len(accepted)
    answers = frames["scores"][frames["scores"]["scorer"] == "answer"]["value"].dropna()
    assert figures["Mean score: answer"].value == pytest.approx(answers.mean())
    assert figures["Mean score: answer"].n == len(answers)
    assert "24 documents" in figures["Mean score: answer"].note


def test_rows_without_a_model_are_called_that(report: Report) -> None:
    assert "No language model" in _notes(report, "about")
    other = build_report(make(model="openai:gpt-small"), title="x")
    assert "No language model" not in _notes(other, "about")
    assert "openai:gpt-small" in other.html()


def test_the_accounts_balance_or_say_by_how_much_they_do_not() -> None:
    frames = make()
    assert _notes(build_report(frames, title="x"), "accounting").count("Balances") == 2
    summary = json.loads(frames["runs"]["summary"][0])
    frames["runs"]["summary"] = [json.dumps({**summary, "planned": summary["planned"] + 3})]
    assert "+3 missing" in _notes(build_report(frames, title="x"), "accounting")


def test_hostile_text_is_shown_and_not_run() -> None:
    frames = make(60)
    for name, frame in frames.items():
        texts = [c for c in frame.columns if frame[c].map(lambda v: isinstance(v, str)).any()]
        for column in set(texts) - {
            "summary",
            "recipe",
            "evidence",
            "scores",
            "kind",
            "status",
            "state",
            "action",
            "example_id",
        }:
            frames[name] = frames[name].assign(**{column: HOSTILE})
    report = build_report(frames, title=HOSTILE)
    html = report.html()
    page = _parsed(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, attributes in page.tags if tag == "img" or "onerror" in attributes]
    assert "&lt;script&gt;alert(&#39;x&#39;)" in html
    assert "<script" not in report.markdown()
    assert "<img" not in report.markdown()


def test_an_empty_dataset_has_a_report_too() -> None:
    report = build_report({}, title="empty")
    assert _parsed(report.html()).open == []
    assert "No run is recorded" in report.markdown()
    assert all(figure.note for figure in _figures(report, "figures").values())


def test_a_missing_column_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'scores' has no column value"):
        build_report({**make(), "scores": make()["scores"].drop(columns="value")}, title="x")


def test_the_three_files_agree(tmp_path: Path) -> None:
    paths = write_report(make(), tmp_path / "out" / "report.html", "Mill handbook")
    assert [path.name for path in paths] == ["report.html", "report.json", "report.md"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    data = json.loads(paths[1].read_text())
    figures = next(s for s in data["sections"] if s["id"] == "figures")["blocks"][0]["items"]
    share = next(f for f in figures if f["label"] == "Accepted of the rows asked for")
    assert f"{100 * share['value']:.1f} %" in paths[0].read_text()
    assert f"{100 * share['value']:.1f} %" in paths[2].read_text()


def test_writing_refuses_the_name_of_a_twin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="HTML"):
        write_report(make(), tmp_path / "report.json", "x")


def test_long_samples_do_not_make_a_heavy_page() -> None:
    frames = make(150)
    long = "грубый помол ржи " * 3000
    frames["samples"] = pd.concat([frames["samples"].assign(instruction=long, response=long)] * 3)
    page = build_report(frames, title="x").html()
    assert len(page.encode()) < 5_000_000
    assert "more characters)" in page


def test_stale_rows_are_left_out_and_counted() -> None:
    frames = make()
    frames["rows"].loc[:99, "stale"] = True
    figures = _figures(build_report(frames, title="x"), "figures")
    assert figures["Accepted rows now"].value == int((frames["rows"]["status"][100:] == "accepted").sum())
    assert "100 stale rows left out" in figures["Accepted rows now"].note


def test_sampled_frames_are_said_to_be_sampled() -> None:
    frames = make()
    frames["rows"].attrs["sampled"] = {"of": 800, "every": 2}
    report = build_report(frames, title="x")
    assert "every 2th of 800" in _notes(report, "figures")
    assert "estimated" in _figures(report, "figures")["Accepted rows now"].note


def test_length_bias_is_told_from_all_pairs_when_their_lengths_are_known() -> None:
    frames = make()
    longer = [200 if n % 2 else 100 for n in range(400)]
    frames["rows"] = frames["rows"].assign(chosen_chars=longer, rejected_chars=150, margin=0.4)
    figures = _figures(build_report(frames, title="x"), "pairs")
    assert figures["Chosen is the longer response"].n == 80
    assert figures["Mean margin of the judge, in points of 10"].value == pytest.approx(0.4)


def test_unscored_rows_are_not_zeros(report: Report) -> None:
    frames = make()
    frames["scores"]["value"] = None
    figures = _figures(build_report(frames, title="x"), "figures")
    assert not [label for label in figures if label.startswith("Mean score")]
    assert "timeout" in json.dumps(report.json())


SPANS = [(0, 5), (2000, 2100), (3990, 4000), (0, 4000), (5000, 9000)]


@pytest.mark.parametrize("span", SPANS)
def test_a_window_keeps_the_span(span: tuple[int, int]) -> None:
    full = "".join(chr(97 + n % 26) for n in range(4000))
    shown, (start, end) = window(full, *span)
    assert full[slice(*span)].startswith(shown[start:end])
    assert len(shown) <= 702


def test_settings_hold_no_secrets() -> None:
    recipe = {"models": {"w": {"base_url": "https://me:pw@host/v1", "api_key_env": "KEY", "api_key": "sk-1"}}}
    kept = without_secrets(recipe)["models"]["w"]
    assert kept == {"base_url": "https://host/v1", "api_key_env": "KEY", "api_key": "(removed)"}
