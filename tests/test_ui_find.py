"""Finding rows and deciding them together: addresses, saved views, rows like one, many rows at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.find_rows import fill_alike

from gristmill.records import Review
from gristmill_data.store import Filters, Store
from gristmill_data.store.bulk import count
from gristmill_data.store.views_saved import save_view, saved_view, saved_views
from gristmill_ui.owner import attachment
from gristmill_ui.services import saved_views as views
from gristmill_ui.services import siblings
from gristmill_ui.services.addresses import Question, from_params, is_filter, to_params
from gristmill_ui.services.bulk import BulkDesk, button, line, question, told
from gristmill_ui.services.filters import Comparing, near, with_rows
from gristmill_ui.services.labels import plain
from gristmill_ui.services.table import Table, display, short

USUAL = Filters(viewer="Ada")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_alike(tmp_path_factory.mktemp("find") / "mill.duckdb")


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copy(made, tmp_path / "mill.duckdb")) as opened, attachment(opened):
        yield opened


def rye(store: Store, **options) -> list[str]:
    found = store.queue_page(Filters(**{"status": (), "search": "rye dried", "stale": True, **options}))
    return [row["example_id"] for row in found]


def reject(store: Store, example_id: str, who: str = "Ada") -> None:
    why = {"reason": "trivial", "tags": ["trivial"], "note": ""}
    store.decide(Review(f"r-{example_id}", example_id, 0, who, "reject", why, datetime.now(UTC)))


QUESTIONS = [
    Question(Filters(status=("pending", "disputed"), kind=("instruction",), order="score_low", viewer="Ada")),
    Question(Filters(status=(), search="50 % & more", uri=("a b.md", "c,d.md"), stale=True, viewer="Ada")),
    Question(
        Filters(status=(), scorer="answer", min_score=0.25, max_score=0.6, tags=("trivial",), viewer="Ada")
    ),
    Question(
        Filters(status=(), model=("m",), label=("near",), judge_reason=("low-score:answer",), viewer="Ada")
    ),
    Question(Filters(status=("pending",), reviewer="Bo", prompt="abc", ids=("x", "y"), viewer="Ada")),
    Question(
        Filters(status=(), since=datetime(2026, 11, 1, 8, 30), order="uncertain", viewer="Ada"), like="abc"
    ),
]


@pytest.mark.parametrize("asked", QUESTIONS)
def test_an_address_asks_what_was_asked(asked):
    assert from_params(to_params(asked, USUAL), "Ada") == (asked, [])


def test_an_address_is_empty_for_what_the_page_shows_anyway():
    assert to_params(Question(USUAL), USUAL) == {}
    everything = to_params(Question(Filters(status=(), viewer="Ada")), USUAL)
    assert everything == {"status": ["any"]}
    assert from_params(everything, "Ada")[0].filters.status == ()
    assert is_filter(everything)
    assert not is_filter({"item": ["x"]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"min": ["low"]},
        {"min": ["nan"]},
        {"max": ["7"]},
        {"order": ["worst"]},
        {"since": ["yesterday"]},
        {"status": ["pending", "lost"]},
    ],
)
def test_what_an_address_cannot_mean_is_left_out_and_said(wrong):
    asked, problems = from_params({"q": ["berth"], **wrong}, "Ada")
    assert asked.filters == Filters(status=(), search="berth", viewer="Ada")
    [problem] = problems
    assert next(iter(wrong)) in problem


def test_rows_that_are_like_one_come_with_it_most_alike_first(store):
    first = rye(store)[0]
    found = near(store, first)
    filters = with_rows(Question(replace(USUAL, status=(), stale=True), like=first), found)
    assert set(filters.ids) == set(rye(store))
    table = Table(store, filters)
    table.refilter(filters, found)
    assert table.load()[0]["example_id"] == first
    assert [row["Alike"] for row in display(table.rows, _Desk())] == sorted(found.values(), reverse=True)
    assert short(store, first, 20) == "For how many days i…"


class _Desk:
    """As much of a desk as the table asks for."""

    reviewer, show_scores = "Ada", False


def test_until_texts_are_compared_a_row_stands_for_those_like_it():
    assert with_rows(Question(USUAL, like="abc"), {}).ids == ("abc",)
    assert Comparing(3, 0).share == 0.0
    assert Comparing(3, 4).share == 0.75


def test_what_a_rejected_row_shares_with_others(store):
    one, _, machine = rye(store, status=("pending",)) + rye(store, status=("machine_rejected",))
    reject(store, one)
    found = {f.name: f for f in siblings.features(store, store.item(one), "Ada", scored=True)}
    assert {name: feature.rows for name, feature in found.items()} == {
        "like": 1, "document": 1, "prompt": 6, "score": found["score"].rows,
    }  # fmt: skip
    assert siblings.alike(store, one, "Ada") == 1
    together = siblings.together(store, store.item(one), [found["like"], found["document"]], "Ada")
    assert together.like == one
    assert count(store, with_rows(together, near(store, one))) == 1
    by_run = {f.name: f.label for f in siblings.features(store, store.item(machine), "Ada", scored=False)}
    assert "score" not in by_run
    assert "reason" not in by_run  # no other row has it
    assert siblings.offer(None) is None
    assert [siblings.offer(n) for n in (0, 1, 1200)] == [
        "",
        "1 row like that one",
        "1,200 rows like that one",
    ]


def test_many_rows_are_counted_shown_confirmed_and_taken_back(store):
    desk = BulkDesk(store, "Ada")
    asked = desk.ask(Filters(status=(), search="rye dried"), "reject")
    assert (question(asked)[:20], button(asked)) == ("3 rows would change.", "Reject 3 rows")
    assert {row["example_id"] for row in desk.preview()} == set(rye(store))
    screen = desk.bulk_id
    assert not desk.confirm(screen, (), " ")
    assert "reason" in desk.message
    assert desk.confirm(screen, ("trivial",), "same question")
    assert not desk.confirm(screen, ("trivial",), "same question")
    assert told(desk.last) == "Rejected 3 rows"
    [done] = desk.earlier()
    assert line(done).endswith("Ada: rejected 3 rows (too trivial — “same question”)")
    assert desk.take_back(done.bulk_id)
    assert told(desk.last) == "Undone: 3 rows"
    assert not desk.take_back(done.bulk_id)
    assert "already" in desk.message


def test_a_reviewer_is_told_that_many_rows_are_for_leads(store):
    desk = BulkDesk(store, "Bo")
    desk.ask(Filters(status=()), "accept")
    assert not desk.confirm(desk.bulk_id, (), "")
    assert "needs the role lead" in desk.message
    assert store.counts()["accepted"] == 0


def test_views_are_listed_by_page_and_opened_by_id(store):
    asked = {"q": ["berth"], "status": ["pending"]}
    view = save_view(store, "Berths", views.params_of(asked, "browse"), "Ada", shared=True)
    assert views.views_for(store, "Bo", "browse") == [view]
    assert views.views_for(store, "Bo", "review") == []
    assert views.opened(store, view.view_id) == (asked, "")
    assert "removed" in views.opened(store, "nothing")[1]
    assert views.title(view, "Bo") == "Berths · by Ada"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("mill/dressing notes", "mill/dressing notes"),
        ("![x](a)", r"\!\[x\]\(a\)"),
        (":red[a] **b** `c` $d$ <e>", r"\:red\[a\] \*\*b\*\* \`c\` \$d\$ \<e\>"),
        ("http://a.b\n# c", "http\u2060\\://a\\.b \\# c"),
        ("www.a x@y", "www\u2060\\.a x\u2060@y"),
    ],
)
def test_labels_show_text_as_it_is(text, label):
    assert plain(text) == label


def started(who: str = "Ada", **query: str) -> AppTest:
    """The browse page alone, at an address."""
    app = AppTest.from_string(
        "from gristmill_ui.app_pages import browse\nbrowse.render()", default_timeout=60
    )
    app.session_state["gm_reviewer"] = who
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_a_link_sets_the_filters_and_the_filters_set_the_link(store):
    app = started(q="rye dried", status="pending", min="0.2")
    assert not app.exception
    assert len(app.dataframe[0].value) == 2
    assert app.text_input(key="gm_browse_search").value == "rye dried"
    assert app.slider(key="gm_browse_score").value == (0.2, 1.0)
    app.multiselect(key="gm_browse_generator").select("qa").run()
    assert app.query_params["generator"] == "qa"
    app.text_input(key="gm_browse_view_name").input("Rye to do")
    next(b for b in app.button if b.label == "Save view").click().run()
    [view] = saved_views(store, "Ada")
    assert app.query_params["view"] == view.view_id
    assert "q" not in app.query_params
    app.text_input(key="gm_browse_search").input("").run()
    assert "view" not in app.query_params
    app.button(key=f"gm_browse_view_{view.view_id}").click().run()
    assert app.text_input(key="gm_browse_search").value == "rye dried"
    app.button(key=f"gm_browse_drop_{view.view_id}").click().run()
    assert saved_view(store, view.view_id) is None


def test_rows_like_one_are_shown_by_a_link_and_let_go(store):
    app = started(like=rye(store)[0], min="nonsense")
    page = "\n".join(block.proto.body for block in app.get("html"))
    assert "rows like “For how many days is rye dried" in page
    assert "min=nonsense" in page
    assert app.dataframe[0].value["Alike"].max() == 1.0
    app.button(key="gm_browse_unpin").click().run()
    assert len(app.dataframe[0].value) == 9
    assert "like" not in app.query_params


WINDOW = """
from gristmill_data.store import Filters
from gristmill_ui.views import bulk
bulk.window(Filters(status=(), search="rye dried"))
"""


def test_many_rows_are_decided_in_the_window_and_taken_back(store):
    app = AppTest.from_string(WINDOW, default_timeout=60)
    app.session_state["gm_reviewer"] = "Ada"
    app.session_state["gm_bulk_action"] = "reject"
    app.run()
    app.button(key=f"gm_bulk_do_{app.session_state['gm_bulk'].bulk_id}").click().run()
    assert "Choose at least one reason" in "".join(block.proto.body for block in app.get("html"))
    app.button_group(key="gm_bulk_reasons").select("trivial").run()
    app.button(key=f"gm_bulk_do_{app.session_state['gm_bulk'].bulk_id}").click().run()
    assert count(store, Filters(status=("rejected",))) == 3
    done = app.session_state["gm_bulk"].last
    app.button(key=f"gm_bulk_undo_window_{done.bulk_id}").click().run()
    assert not app.exception
    assert count(store, Filters(status=("rejected",))) == 0


def test_a_reviewer_has_no_button_for_many_rows(store):
    app = started("Bo")
    keys = {button.key for button in app.button}
    assert "gm_like" in keys
    assert "gm_bulk_open" not in keys
