"""Reservations: one reviewer a slot, whatever comes at once; they run out, and no word is lost by that."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.store_rows import Dataset, fill, new_store, review

from gristmill.errors import StoreError
from gristmill_data.store import Store
from gristmill_data.store.leases import claim, decided_meanwhile, holders, release, renew
from gristmill_data.store.people import set_role
from gristmill_data.store.settings import reviewers_wanted, set_setting, setting, settings, settings_log
from gristmill_data.store.tables import now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        from gristmill_data.store.people import enter

        enter(opened, "lead", first_leads=True)
        yield opened


@pytest.fixture
def made(store: Store) -> Dataset:
    return fill(store)


def ids(made: Dataset) -> list[str]:
    return [example.id for example in made.examples]


def two_reviewers(store: Store) -> None:
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "lead")


def test_a_row_on_a_screen_is_kept_from_others(store: Store, made: Dataset) -> None:
    first, second, _ = ids(made)
    assert claim(store, "ann", ids(made)) == first
    assert claim(store, "ann", ids(made)) == first, "a reload"
    assert claim(store, "bob", ids(made)) == second
    assert (holders(store, first), holders(store, second)) == (["ann"], ["bob"])


def test_a_reservation_runs_out_and_is_prolonged_only_in_time(store: Store, made: Dataset) -> None:
    first = ids(made)[0]
    claim(store, "ann", [first])
    assert renew(store, "ann", first)
    assert claim(store, "bob", [first]) is None
    later = now() + timedelta(minutes=11)
    assert claim(store, "bob", [first], at=later) == first
    assert not renew(store, "ann", first)
    assert holders(store, first, at=later) == ["bob"]


def test_leaving_gives_the_row_up(store: Store, made: Dataset) -> None:
    first, second, third = ids(made)
    claim(store, "ann", [first])
    claim(store, "ann", [second], leaving=first)
    assert claim(store, "bob", ids(made)) == first
    release(store, "ann", second)
    assert claim(store, "cyd", ids(made)) == second
    release(store, "bob", first)
    assert claim(store, "dee", [first, third]) == first


def test_nobody_gets_a_row_twice_and_as_many_as_wanted_get_it(store: Store, made: Dataset) -> None:
    two_reviewers(store)
    first = ids(made)[0]
    store.decide(review(made.examples[0], "accept", by="ann"))
    assert claim(store, "ann", [first]) is None
    assert claim(store, "bob", [first]) == first
    assert claim(store, "cyd", [first]) is None, "one decided, one is looking"
    assert claim(store, "cyd", [first], fresh=False) == first, "asked for by a link"


def test_a_row_put_back_is_for_everybody_again(store: Store, made: Dataset) -> None:
    first = ids(made)[0]
    store.decide(review(made.examples[0], "reject", by="ann"))
    assert claim(store, "bob", [first]) is None
    store.decide(review(made.examples[0], "requeue", by="ann"))
    assert claim(store, "ann", [first]) == first


def test_after_a_last_word_nobody_is_asked(store: Store, made: Dataset) -> None:
    two_reviewers(store)
    store.decide(review(made.examples[0], "adjudicate", by="lead", verdict="accepted"))
    assert claim(store, "ann", ids(made)[:1]) is None


def test_who_decided_meanwhile_is_told_but_not_what(store: Store, made: Dataset) -> None:
    first = ids(made)[0]
    assert decided_meanwhile(store, "ann", first, 0) == []
    receipt = store.decide(review(made.examples[0], "reject", by="bob"))
    [told] = decided_meanwhile(store, "ann", first, 0)
    assert set(told) == {"reviewer", "time"}
    assert told["reviewer"] == "bob"
    assert decided_meanwhile(store, "ann", first, receipt.seq) == []
    two_reviewers(store)
    assert decided_meanwhile(store, "ann", first, 0) == [], "the row still wants a second word"


def test_four_hundred_claims_of_eight_threads_are_unique(store: Store) -> None:
    rows = [example.id for example in fill(store, examples=400, pairs=0).examples]
    found: list[str | None] = []

    def work(name: str) -> None:
        found.extend(claim(store, name, rows[start : start + 8]) for start in range(0, len(rows), 8))

    threads = [threading.Thread(target=work, args=(f"reviewer {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 400
    assert set(found) == set(rows)


CLAIMS = """
import sys
from gristmill_data.store import Store
from gristmill_data.store.leases import claim
path, name, *rows = sys.argv[1:]
for start in range(0, len(rows), 20):
    with Store.open(path, wait=60) as store:
        for at in range(start, start + 20, 2):
            print(claim(store, name, rows[at : at + 2]))
"""


def test_claims_of_two_processes_are_unique(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        rows = [example.id for example in fill(store, examples=80, pairs=0).examples]
    start = [sys.executable, "-c", CLAIMS, str(tmp_path / "data.duckdb")]
    both = [subprocess.Popen([*start, name, *rows], stdout=subprocess.PIPE, text=True) for name in ("a", "b")]
    found = [line for process in both for line in process.communicate()[0].split()]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(found) == sorted(rows)


SETTINGS = [
    ("overlap", {"reviewers": 0, "share": 1.0}),
    ("overlap", {"reviewers": 2, "share": 1.5}),
    ("overlap", {"reviewers": 2}),
    ("lease_minutes", 0),
    ("lease_minutes", True),
    ("goals", {"day": -1}),
    ("goals", {"day": 1, "people": {"ann": {"all": "many"}}}),
    ("hide_scores", "yes"),
]


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_a_setting_that_makes_no_sense_is_refused(store: Store, name: str, value: object) -> None:
    with pytest.raises(StoreError, match=r"setting|reviewers|share|minutes|goal|hidden"):
        set_setting(store, name, value, "lead")
    assert settings_log(store) == []


def test_settings_are_a_leads_and_every_change_has_an_author(store: Store, tmp_path: Path) -> None:
    set_role(store, "ann", "reviewer", "lead")
    with pytest.raises(StoreError, match="needs the role lead"):
        set_setting(store, "lease_minutes", 5, "ann")
    assert setting(store, "lease_minutes") == 10
    assert set_setting(store, "lease_minutes", 5, "lead")
    assert not set_setting(store, "lease_minutes", 5, "lead")
    assert (setting(store, "lease_minutes"), settings(store)["lease_minutes"]) == (5, 5)
    [change] = settings_log(store)
    assert (change["name"], change["before"], change["value"], change["author"]) == (
        "lease_minutes", None, 5, "lead",
    )  # fmt: skip


def test_a_share_of_the_rows_gets_several_reviewers_and_the_views_agree(store: Store, made: Dataset) -> None:
    half = {"reviewers": 3, "share": 0.5}
    drawn = {f"row {n}": reviewers_wanted(half, f"row {n}") for n in range(400)}
    assert 160 < sum(wanted == 3 for wanted in drawn.values()) < 240
    set_setting(store, "overlap", half, "lead")
    query = "SELECT id, wanted(id) FROM (SELECT unnest(?) AS id)"
    assert dict(store.rows(query, [list(drawn)])) == drawn
