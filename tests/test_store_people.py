"""Who may do what: roles in the store, and what the store refuses whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from support.review_rows import fill, match

from gristmill.errors import StoreError
from gristmill.records import Review
from gristmill_data.store import Store
from gristmill_data.store.matches import MatchVerdict, judge_match
from gristmill_data.store.people import (
    COMMAND,
    NotAllowedError,
    appoint,
    enter,
    listed_role,
    people,
    role_of,
    set_role,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mill.duckdb") as opened:
        yield opened


def event(example_id: str, reviewer: str, action: str, **payload: object) -> Review:
    return Review(uuid4().hex, example_id, 0, reviewer, action, payload, datetime.now(UTC))  # type: ignore[arg-type]


def test_the_first_to_come_in_leads_and_the_others_review(store):
    assert enter(store, "Ada", first_leads=True) == "lead"
    assert enter(store, " Bo ", first_leads=True) == "reviewer"
    assert enter(store, "Ada", "reader") == "lead"
    assert [(one.name, one.role, one.author) for one in people(store)] == [
        ("Ada", "lead", "Ada"),
        ("Bo", "reviewer", "Bo"),
    ]


def test_where_others_come_in_nobody_leads_by_being_first(store):
    assert enter(store, "ada@example.org", "reader") == "reader"
    appoint(store, "bo@example.org", "lead")
    assert [(one.role, one.author) for one in people(store)] == [
        ("reader", "ada@example.org"),
        ("lead", COMMAND),
    ]


def test_a_lead_gives_roles_and_every_change_is_kept_with_its_author(store):
    enter(store, "Ada", first_leads=True)
    set_role(store, "Bo", "lead", "Ada")
    set_role(store, "Ada", "reader", "Bo")
    set_role(store, "Ada", "reader", "Bo")
    assert role_of(store, "Ada") == "reader"
    assert listed_role(store, "Cy") is None
    kept = store.rows("SELECT name, role, author FROM people ORDER BY seq")
    assert kept == [("Ada", "lead", "Ada"), ("Bo", "lead", "Ada"), ("Ada", "reader", "Bo")]


@pytest.mark.parametrize(
    ("name", "role", "author", "kind", "said"),
    [
        ("Bo", "lead", "Bo", NotAllowedError, "needs the role lead"),
        ("Bo", "lead", "a stranger", NotAllowedError, "theirs is reviewer"),
        ("Bo", "lead", COMMAND, NotAllowedError, "theirs is reviewer"),
        ("Ada", "reviewer", "Ada", StoreError, "only lead"),
        ("Bo", "boss", "Ada", StoreError, "unknown role"),
        ("  ", "lead", "Ada", StoreError, "a name is needed"),
        (COMMAND, "lead", "Ada", StoreError, "nobody can work under"),
    ],
)
def test_roles_are_not_for_everybody_to_give(store, name, role, author, kind, said):
    enter(store, "Ada", first_leads=True)
    enter(store, "Bo")
    with pytest.raises(kind, match=said):
        set_role(store, name, role, author)
    assert len(people(store)) == 2


def test_readers_decide_nothing_whatever_is_asked_of_the_store(store):
    rows = fill(store.path)
    store.ingest()
    appoint(store, "Ada", "lead")
    store.decide(mine := event(rows[0].id, "Bo", "accept"))
    set_role(store, "Bo", "reader", "Ada")
    wanted = {"accept": {}, "reject": {"reason": "wrong"}, "skip": {}, "undo": {"event_id": mine.event_id}}
    for action, payload in wanted.items():
        with pytest.raises(NotAllowedError, match="Bo may not decide rows"):
            store.decide(event(rows[0].id, " Bo", action, **payload))
    assert len(store.history(rows[0].id)) == 1


def test_readers_judge_no_matches(store):
    found = match(fill(store.path)[3])
    store.ingest()
    appoint(store, "Bo", "reader")
    key = (found.example_id, found.benchmark, found.item_id)
    with pytest.raises(NotAllowedError, match="may not judge matches"):
        judge_match(store, MatchVerdict(uuid4().hex, key, found.label, True, "Bo", datetime.now(UTC)))
    assert store.rows("SELECT count(*) FROM match_verdicts") == [(0,)]


def test_the_last_word_and_the_rows_of_others_are_for_leads(store):
    rows = fill(store.path)
    store.ingest()
    store.decide(event(rows[0].id, "Bo", "accept"))
    for action, payload in (("requeue", {}), ("adjudicate", {"verdict": "rejected"})):
        with pytest.raises(NotAllowedError, match="Cy may not"):
            store.decide(event(rows[0].id, "Cy", action, **payload))
    appoint(store, "Cy", "lead")
    store.decide(event(rows[0].id, "Cy", "adjudicate", verdict="rejected"))
    assert store.item(rows[0].id).status == "rejected"
    store.decide(event(rows[0].id, "Cy", "requeue"))
    assert store.item(rows[0].id).status == "pending"
