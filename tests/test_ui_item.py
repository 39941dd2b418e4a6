"""One item on one screen: rubrics, history, hostile texts, merging of edits, the document."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.review_rows import fill

from gristmill.records import Score
from gristmill_data.store import Filters, ItemView, Store
from gristmill_ui.services import (
    document,
    edits,
    events,
    grades,
    likeness,
    markup,
    reasons,
    rubric_view,
    rubrics,
)
from gristmill_ui.services.diff import word_diff
from gristmill_ui.services.drafting import Draft


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    db = tmp_path_factory.mktemp("item") / "mill.duckdb"
    fill(db)
    with Store.open(db) as opened:
        opened.ingest()
        yield opened


def item_of(store: Store, text: str, **changes: Any) -> ItemView:
    from dataclasses import replace

    [row] = store.queue_page(Filters(search=text))
    return replace(store.item(row["example_id"]), **changes)


def judged(scorer: str, *votes: dict[str, Any]) -> tuple[Score, ...]:
    return (Score("any", scorer, "1", 0.5, votes=votes),)


FINDING = {"criterion": "accurate", "points": 4, "met": True, "counted": True, "grade": 2,
           "quote": "6 mm", "quote_in": "source", "reason": "A detail is inexact."}  # fmt: skip


def test_the_criteria_of_a_score_come_from_its_rubric_with_names_and_anchors(store):
    item = item_of(store, "furrows cut", scores=judged("answer_quality", FINDING))
    [sheet] = rubrics.sheets(item, [], Path())
    accurate = sheet.criteria[0]
    assert accurate.text == "What the response says is accurate by the passage."
    assert list(accurate.grades) == [0, 1, 2, 3]
    assert sheet.criteria[-1].fault


def test_a_rubric_file_beside_the_dataset_is_read_and_one_elsewhere_is_not(store, tmp_path):
    folder, elsewhere = tmp_path / "project" / "data", tmp_path / "elsewhere"
    for place in (folder.parent, elsewhere):
        place.mkdir()
        (place / "own.yaml").write_text("name: own\ncriteria:\n  - {id: kind, text: It is kind.}\n", "utf-8")
    vote = {**FINDING, "criterion": "kind", "grade": None}
    item = item_of(store, "furrows cut", scores=judged("own", vote))
    known = {"own.yaml": "It is kind.", str(elsewhere / "own.yaml"): "", "../../elsewhere/own.yaml": ""}
    for name, text in known.items():
        [sheet] = rubrics.sheets(item, [{"use": "rubric", "rubric": name}], folder)
        assert [criterion.text for criterion in sheet.criteria] == [text], name


def test_criteria_with_one_name_in_two_rubrics_are_graded_apart(store):
    scores = judged("answer", {**FINDING, "criterion": "clear"}) + judged("answer_quality", FINDING)
    found = rubrics.sheets(item_of(store, "furrows cut", scores=scores), [], Path())
    keys = [criterion.key for sheet in found for criterion in sheet.criteria]
    assert len(set(keys)) == len(keys)
    assert "answer_quality.clear" in keys


def test_what_judges_found_is_shown_by_criterion_only_when_it_may_be(store):
    jury = ({"jury": "answer_quality"}, {"role": "a", "judge": "first", "votes": [FINDING]})
    item = item_of(store, "furrows cut", scores=judged("answer_quality", *jury))
    found = rubrics.sheets(item, [], Path())
    assert "A detail is inexact." not in rubric_view.panel(found, {}, None, None)
    told = rubric_view.panel(found, {"accurate": 3}, None, rubrics.opinions(item))
    assert "first: <b>2</b> A detail is inexact. “6 mm”" in told
    assert "you: 3 of 3" in told


def test_a_pair_without_a_rubric_is_graded_by_that_of_preferences(store):
    item = item_of(store, "vessel of 30", scores=())
    [sheet] = rubrics.sheets(item, [], Path())
    assert sheet.name == "preference"
    asked = grades.questions([sheet], ("rejected", "chosen"))
    assert [(q.side, q.who) for q in asked[:2]] == [("rejected", "Response A"), ("chosen", "Response B")]
    given = grades.with_grade({}, asked[0], 1)
    assert given == {"rejected": {"grounded": 1}}
    assert grades.with_grade(given, asked[0], None) == {}
    assert grades.first_open(asked, given) == 1


@pytest.mark.parametrize(
    ("texts", "theirs", "saved"),
    [
        ({"0": "mine"}, {}, {"0": "mine", "1": "b"}),
        ({"0": "mine"}, {"1": "theirs"}, {"0": "mine", "1": "theirs"}),
        ({"0": "mine"}, {"0": "theirs"}, {"0": "mine", "1": "b"}),
    ],
)
def test_own_changes_lie_over_what_the_row_reads_now(monkeypatch, texts, theirs, saved):
    monkeypatch.setattr(
        "gristmill_ui.services.drafting.base_texts", lambda item: {"0": "a", "1": "b", **theirs}
    )
    draft = Draft(base={"0": "a", "1": "b"}, texts=texts)
    assert draft.shown(None) == saved  # type: ignore[arg-type]


def event(action: str, number: int, **more: Any) -> dict[str, Any]:
    from datetime import datetime

    at = datetime(2026, 11, 1, 10, number)
    return {"event_id": str(number), "action": action, "reviewer": "Ada", "time": at, "undone": False,
            "payload": {}, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (event("accept", 1), "<b>Ada</b> accepted"),
        (event("reject", 1, payload={"tags": ["trivial"], "note": "<b>"}), "too trivial — “&lt;b&gt;”"),
        (event("reject", 1, payload={"reason": "trivial", "reasons": ["trivial"]}), "rejected: too trivial"),
        (event("prefer", 1, payload={"side": "tie"}), "compared: a tie"),
        (event("accept", 1, undone=True), "<del>accepted</del> (taken back)"),
        (event("accept", 1, payload={"ratings": {"clear": 1}}), "accepted: grades clear 1"),
        (event("requeue", 1, payload={"bulk": "b"}), "put back into the queue: with many others"),
    ],
)
def test_an_event_reads_as_a_sentence_with_its_author(told, says):
    assert says in events.line(told)
    assert "2026-11-01 10:01 UTC" in events.line(told)


def test_the_history_shows_what_each_edit_changed_also_after_an_undo(store):
    item = item_of(store, "furrows cut")
    turns = [dict(message) for message in item.original.messages]
    first, second = ([turns[0], {**turns[1], "content": text}] for text in ("One.", "Two."))
    past = (
        event("edit", 1, payload={"messages": first}, undone=True),
        event("undo", 2, payload={"event_id": "1"}),
        event("edit", 3, payload={"messages": second}),
    )
    item = item_of(store, "furrows cut", history=past)
    changes = [html for _, html in events.with_edits(item)]
    assert "<ins>One</ins>" in changes[0]
    assert "<del>One</del>" in changes[1]
    assert "One" not in changes[2]
    assert [events.undoable(one, "Ada") for one in past] == [False, False, True]


@pytest.mark.parametrize(
    "text", ["a\u202eb", "a\u200bb", "a\x00b", "a\u2066b", "a\ufeffb", "\U000e0041\U000e0042"]
)
def test_characters_that_hide_are_named(text):
    assert "⟦" in markup.markdown(text)
    assert "⟦" in markup.marked(text, [(0, 1)])
    assert "⟦" in markup.card("label", markup.escape(text))


HOSTILE = [
    "<svg/onload=alert(1)>", "<a href=javascript:alert(1)>x</a>", "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))", "[x](vbscript:x)", "<javascript:alert(1)>", "[x](//evil.example)",
    '[x](http://a "onmouseover=alert(1)")', "[x]: javascript:alert(1)\n\n[x]",
    "<details open ontoggle=alert(1)>", "| <script>x</script> |\n|---|\n| <img src=x> |",
    "```<script>\nx\n```", "`<script>`", "![x](javascript:alert(1))", "<base href=//evil>",
    "<meta http-equiv=refresh content=0>", "<form action=//evil><input></form>", "&lt;script&gt;",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "[![x](http://a/p.png)](http://b)", "\x00<script>alert(1)</script>",
    "<scr\u200bipt>alert(1)</script>", '" onmouseover="alert(1)',
]  # fmt: skip


ALLOWED = {
    "div", "p", "a", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "span", "mark", "section",
    "strong", "em", "br", "hr",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_row_becomes_a_tag_an_address_or_a_handler(text):
    import re

    for html in (
        markup.markdown(text),
        markup.marked(text, [(0, 3)]),
        markup.card(text, markup.escape(text)),
    ):
        tags = re.findall(r"<(/?[a-zA-Z]+)([^>]*)>", html)
        assert {name.strip("/").lower() for name, _ in tags} <= ALLOWED
        for _, attributes in tags:
            assert not re.search(r'(^|["\s])on\w+\s*=', re.sub(r'"[^"]*"', '""', attributes))
        for address in re.findall(r'href="([^"]*)"', html):
            assert address.startswith(("http://", "https://"))


@pytest.mark.parametrize("piece", ["[", ">", "*", "`", "![", "<", "- ", "|", "_a", "]("])
def test_no_text_keeps_the_renderer_busy(piece):
    began = time.process_time()
    markup.markdown(piece * 5000)
    assert time.process_time() - began < 5


def test_a_change_in_a_long_text_is_found_where_it_is():
    words = [f"word{n}" for n in range(20_000)]
    changed = [*words[:10_000], "new", *words[10_001:]]
    runs = word_diff(" ".join(words), " ".join(changed))
    assert [run for run in runs if run[0] != "same"] == [("removed", "word10000"), ("added", "new")]


def test_a_match_is_shown_side_by_side_and_sides_of_a_pair_are_not_told_apart(store):
    html = likeness.match_card(item_of(store, "berth cost"), item_of(store, "berth cost").matches[0])
    assert html.count('<mark class="gm-match">') == 2
    assert "This row · assistant" in html
    texts = likeness.parts([("user", "q")], ["one side", "another"])
    assert likeness.matched_part(texts, (3, 11)) == ("one of the responses", "one side", (0, 8))


def test_the_whole_document_is_read_in_parts_around_the_row(store, monkeypatch):
    monkeypatch.setattr(document, "PART", 120)
    monkeypatch.setattr(document, "BEFORE", 10)
    item = item_of(store, "furrows cut")
    shown = document.part(store, item)
    assert "How deep the furrows are" in shown.html
    assert shown.earlier is not None
    first = document.part(store, item, 0)
    assert first.earlier is None
    assert first.later == 120


def test_turns_of_a_talk_are_numbered_and_a_single_exchange_is_not():
    roles = ["system", "user", "assistant", "user", "assistant"]
    assert edits.turn_labels(["user", "assistant"]) == ["Instruction", "Response"]
    assert edits.turn_labels(roles)[0] == "System prompt"
    assert edits.turn_labels(roles)[3:] == ["User · turn 2 of 2", "Assistant · turn 2 of 2"]


def test_reasons_of_older_events_are_still_read():
    assert reasons.tags_of({"reason": "trivial", "reasons": ["trivial"]}) == ["trivial"]
    assert reasons.tags_of({"tags": ["duplicate"]}) == ["duplicate"]
    assert reasons.tags_of({}) == []
