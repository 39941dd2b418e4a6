"""The review app's logic without a browser: blind sides, diffs, markup, verdicts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.store_rows import fill, new_store

from gristmill_ui.services import blind, filters, markup
from gristmill_ui.services.diff import diff_html, word_diff
from gristmill_ui.services.reasons import REASONS, reject_payload
from gristmill_ui.services.values import values

IDS = [f"{n:032x}" for n in range(200)]


def test_sides_are_the_same_for_a_reviewer_and_a_row_for_ever():
    assert [blind.sides("Ada", i) for i in IDS] == [blind.sides("Ada", i) for i in IDS]


def test_both_orders_occur_about_equally_often():
    swapped = sum(blind.sides("Ada", i)[0] == "rejected" for i in IDS)
    assert 70 < swapped < 130


def test_two_reviewers_do_not_see_the_same_orders():
    assert [blind.sides("Ada", i) for i in IDS] != [blind.sides("Bo", i) for i in IDS]


@pytest.mark.parametrize(
    ("choice", "order", "meaning"),
    [
        ("left", ("chosen", "rejected"), "chosen"),
        ("left", ("rejected", "chosen"), "rejected"),
        ("right", ("chosen", "rejected"), "rejected"),
        ("right", ("rejected", "chosen"), "chosen"),
        ("tie", ("rejected", "chosen"), "tie"),
        ("both_bad", ("chosen", "rejected"), "both_bad"),
    ],
)
def test_a_choice_is_translated_back(choice, order, meaning):
    assert blind.preferred(choice, order) == meaning


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("the old mill", "the new mill", [("removed", "old"), ("added", "new")]),
        ("a b", "a b c", [("added", " c")]),
        ("a, b", "a b", [("removed", ",")]),
        ("", "new", [("added", "new")]),
        ("same", "same", []),
    ],
)
def test_word_diff_names_the_words_that_changed(before, after, changed):
    runs = word_diff(before, after)
    assert [run for run in runs if run[0] != "same"] == changed
    assert "".join(text for op, text in runs if op != "removed") == after
    assert "".join(text for op, text in runs if op != "added") == before


def test_a_diff_escapes_what_it_shows():
    html = diff_html("<b>x</b>", "<i>x</i>")
    assert "<b>" not in html
    assert "<i>" not in html
    assert "<del>" in html
    assert "<ins>" in html


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(2, 4)], [(2, 4)]),
        ([(2, 4), (3, 6)], [(2, 6)]),
        ([(5, 6), (0, 2)], [(0, 2), (5, 6)]),
        ([(2, 4), (4, 5)], [(2, 5)]),
        ([(-3, 2), (8, 99)], [(0, 2), (8, 10)]),
        ([(4, 4), (7, 3), (20, 30)], []),
    ],
)
def test_spans_are_clipped_and_joined(spans, expected):
    assert markup.merged(spans, 10) == expected


def test_evidence_is_marked_and_everything_is_escaped():
    html = markup.marked("a <b> & quote", [(2, 5)])
    assert html == 'a <mark class="gm-evidence">&lt;b&gt;</mark> &amp; quote'


def test_a_passage_shows_what_is_around_the_chunk_fainter():
    html = markup.passage("before CHUNK after", [(4, 9)], (7, 12))
    assert html.count('<span class="gm-context">') == 2
    assert '<mark class="gm-evidence">CH</mark>UNK' in html
    assert '<mark class="gm-evidence">re </mark>' in html


def test_a_passage_cut_out_of_a_document_begins_and_ends_with_a_whole_word():
    html = markup.passage("ut words before CHUNK and words aft", [], (16, 21), cut=(True, True))
    assert html == (
        '<div class="gm-passage">… <span class="gm-context">words before </span>CHUNK'
        '<span class="gm-context"> and words</span> …</div>'
    )


def test_an_excerpt_keeps_to_the_neighbourhood():
    html = markup.excerpt("a" * 50 + "MATCH" + "b" * 50, (50, 55), "gm-match", around=3)
    assert html == '<div class="gm-passage">… aaa<mark class="gm-match">MATCH</mark>bbb …</div>'


LONG = "a line that was ended by the margin of an editor long ago, so"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{LONG}\nit goes on here.", f"{LONG} it goes on here."),
        ("short\nlines stay", "short\nlines stay"),
        (f"{LONG}\n- item", f"{LONG}\n- item"),
        (f"{LONG}\n\nnext", f"{LONG}\n\nnext"),
        (f"| {LONG} |\n| b |", f"| {LONG} |\n| b |"),
        (f"```\n{LONG}\ncode\n```\n{LONG}\nprose", f"```\n{LONG}\ncode\n```\n{LONG} prose"),
        ("", ""),
    ],
)
def test_hard_wrapped_paragraphs_flow_and_offsets_stay(text, shown):
    assert markup.unwrapped(text) == shown
    assert len(shown) == len(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](http://192.0.2.1/pixel.png)",
        "<style>*{display:none}</style>",
        "```html\n<script>alert(1)</script>\n```",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<iframe src=http://192.0.2.1></iframe>",
    ],
)
def test_markdown_of_a_row_cannot_run_load_or_style_anything(hostile):
    html = markup.markdown(hostile).lower()
    for tag in ("<script", "<img", "<style", "<iframe", 'href="javascript', 'href="data'):
        assert tag not in html


def test_markdown_keeps_code_tables_and_web_links():
    html = markup.markdown("`x`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[go](https://example.org/?a=1&b=2)")
    assert "<code>x</code>" in html
    assert "<td>2</td>" in html
    assert 'href="https://example.org/?a=1&amp;b=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_a_relative_link_leads_nowhere():
    assert "href" not in markup.markdown("[other chapter](ch02.md)")


@pytest.mark.parametrize(
    ("reasons", "note", "reason"),
    [(["trivial", "duplicate"], "", "trivial"), ([], " my own ", "other"), (["incorrect"], "x", "incorrect")],
)
def test_a_rejection_names_its_reason(reasons, note, reason):
    payload = reject_payload(reasons, note)
    assert payload == {"reason": reason, "tags": reasons, "note": note.strip()}


def test_a_rejection_without_a_reason_is_none():
    assert reject_payload([], "  ") is None


def test_each_reason_has_a_digit_key():
    assert len(REASONS) <= 9


def test_the_ends_of_the_score_scale_are_no_bounds():
    assert filters.bounds((0.0, 1.0)) == (None, None)
    assert filters.bounds((0.2, 0.9)) == (0.2, 0.9)


def test_a_long_way_to_the_evidence_is_folded() -> None:
    text = "First words.\n\n" + "Filler <b>text</b>. " * 40 + "\n\nShortly before.\n\nThe proof stands here."
    start = text.index("The proof")
    html = markup.passage(text, [(start, start + 9)], (0, len(text)))
    earlier, _, rest = html.partition("</details>")
    assert "First words." in earlier
    assert "First words." not in rest
    assert '<mark class="gm-evidence">The proof</mark>' in rest
    assert "<b>" not in html
    near = markup.passage("Short. The proof.", [(7, 16)], (0, 17))
    assert "<details>" not in near


def test_values_to_filter_by_are_shown_while_they_are_counted_anew(tmp_path: Path, monkeypatch) -> None:
    with new_store(tmp_path) as store:
        fill(store, examples=2)
        assert dict(values(store)["kind"]) == {"instruction": 2, "preference": 1}
        fill(store, examples=5)
        assert dict(values(store)["kind"])["instruction"] == 2
        monkeypatch.setattr("gristmill_ui.services.values.FRESH_FOR", 0.0)
        monkeypatch.setattr("gristmill_ui.services.values.SHARE", 1000.0)
        until = time.monotonic() + 20
        while dict(values(store)["kind"])["instruction"] == 2 and time.monotonic() < until:
            time.sleep(0.02)
        assert dict(values(store)["kind"])["instruction"] == 5
