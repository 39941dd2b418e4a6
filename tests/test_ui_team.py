"""The pages for a team, run headless: disputes and the team page, for leads and for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.review_rows import fill

from gristmill_data.store import Filters, Store
from gristmill_data.store.people import enter, role_of, set_role
from gristmill_data.store.settings import set_setting, setting
from gristmill_ui.owner import attachment
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.team import Goal, goal_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mill.duckdb") as opened, attachment(opened):
        fill(opened.path)
        opened.ingest()
        enter(opened, "Lea", first_leads=True)
        yield opened


def only(function: str, who: str) -> AppTest:
    """One page alone, without the navigation around it."""
    app = AppTest.from_string(f"from gristmill_ui.app_pages import {function}\n{function}.render()")
    app.default_timeout = 60
    app.session_state["gm_reviewer"] = who
    return app.run()


def page(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(block.proto.body for block in app.get("html"))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def disagree(store: Store) -> str:
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "Lea")
    for who, action, payload in (("Ada", "accept", {}), ("Bo", "reject", {"tags": ["incomplete"]})):
        desk = Desk(store, who, Filters(viewer=who, search="furrows cut"))
        desk.start()
        row = desk.look().example.id
        assert desk.decide(desk.decision_id, action, payload)
    return row


def test_a_lead_settles_a_disagreement_and_takes_it_back(store):
    row = disagree(store)
    app = only("disputes", "Lea")
    assert "<b>1</b> row in dispute" in page(app)
    assert "incomplete" in page(app)
    press(app, "Bo: rejected")
    assert "Saved: settled · rejected, as Bo said" in page(app)
    assert "No disagreements" in page(app)
    assert store.history(row)[-1]["payload"]["agrees_with"] == "Bo"
    press(app, "Undo")
    press(app, "Reject")
    press(press(app, "Too trivial"), "Save rejection")
    assert store.history(row)[-1]["payload"] == {
        "verdict": "rejected", "reason": "trivial", "tags": ["trivial"], "note": "",
    }  # fmt: skip
    assert store.item(row).status == "rejected"


def test_who_is_no_lead_settles_nothing_and_sees_their_own_progress(store):
    disagree(store)
    assert "For leads" in page(only("disputes", "Ada"))
    app = only("team", "Ada")
    assert 'scope="row">Ada' in page(app)
    assert 'scope="row">Bo' not in page(app)
    assert "100 % of the rows get 2 reviewers" in page(app)
    assert not app.number_input


def test_a_lead_sets_up_the_team(store):
    disagree(store)
    app = only("team", "Lea")
    assert all(f'scope="row">{name}' in page(app) for name in ("Ada", "Bo", "Lea"))
    app.number_input(key="gm_ways_minutes").set_value(25)
    app.number_input(key="gm_ways_day").set_value(40)
    press(app, "Save for the team")
    assert [message.value for message in app.success] == ["Saved for everybody: 2 settings."]
    assert (setting(store, "lease_minutes"), goal_of(store, "Ada")) == (25, Goal(40, 0))
    app.selectbox(key="gm_person").set_value("Ada").run()
    app.radio(key="gm_role_Ada").set_value("reader")
    app.checkbox(key="gm_own_Ada").set_value(True)
    app.number_input(key="gm_day_Ada").set_value(3)
    press(app, "Save for this person")
    assert (role_of(store, "Ada"), goal_of(store, "Ada")) == ("reader", Goal(3, 0))
    assert "Lea: minutes of a reservation is 25" in page(app)


def test_the_only_lead_stays_one(store):
    app = only("team", "Lea")
    app.selectbox(key="gm_person").set_value("Lea").run()
    app.radio(key="gm_role_Lea").set_value("reviewer")
    press(app, "Save for this person")
    assert "only lead" in app.error[0].value
    set_role(store, "Ada", "lead", "Lea")
    set_role(store, "Lea", "reviewer", "Ada")
    app.run()
    assert "How this team reviews" in [heading.value for heading in app.subheader]
    assert not app.number_input
