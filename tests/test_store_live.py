"""The state of the rows in memory is that of the view ``rows_``, whatever happens to the dataset."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.store_rows import (
    Dataset,
    chunk,
    document,
    fill,
    instruction,
    match,
    new_store,
    outcome,
    preference,
    review,
    turns,
)

from gristmill.records import Call, Example, Message, Outcome, Score, Usage
from gristmill_data.store import Filters, SegmentWriter, Store, StoreConflictError
from gristmill_data.store.people import NotAllowedError, appoint
from gristmill_data.store.queue import matching
from gristmill_data.store.settings import set_setting

SAME = (
    "example_id, kind, generator, type, uri, document_id, chunk_id, chunk_start, run_id, run_name, created,"
    " judge_state, reason, review, reviewer, action, review_reason, reviewed, side, voices, reviewers, tags,"
    " status, queue_status, stale, revision"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        appoint(opened, "lea", "lead")
        yield opened


def difference(store: Store) -> list[Any]:
    """What the table in memory says otherwise than the view."""
    with store.live().reading() as cursor:
        mine, theirs = f"SELECT {SAME} FROM gm_live.rows", f"SELECT {SAME} FROM rows_"
        found = cursor.execute(
            f"({mine} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {mine})"
        ).fetchall()
        scores = "SELECT example_id, avg(value) FROM scores GROUP BY 1"
        marks = "SELECT example_id, score FROM gm_live.rows WHERE score IS NOT NULL"
        return found + cursor.execute(f"({scores}) EXCEPT ({marks})").fetchall()


class Team:
    """Does something at random to a dataset, again and again."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.drawn = store, random.Random(seed)
        self.made: Dataset = fill(store, examples=3, pairs=2)
        self.examples = [*self.made.examples, *self.made.pairs]
        self.runs = 1

    def act(self) -> None:
        """One event, one segment, or one change of how many people decide a row."""
        self.drawn.choices((self.decide, self.take_back, self.run, self.overlap), (10, 3, 3, 1))[0]()

    def decide(self) -> None:
        example, who = self.drawn.choice(self.examples), self.drawn.choice(("ann", "bob", "lea"))
        action, payload = self.drawn.choice(self.choices(example))
        revision = self.store.item(example.id).revision
        with contextlib.suppress(NotAllowedError):  # what only leads do
            self.store.decide(review(example, action, by=who, revision=revision, **payload))

    def choices(self, example: Example) -> list[tuple[Any, dict[str, Any]]]:
        edit: dict[str, Any] = {"messages": turns("Why?", f"Because {self.drawn.random()}.")}
        if example.kind == "preference":
            edit = {"chosen": f"Better {self.drawn.random()}."}
        made: list[tuple[Any, dict[str, Any]]] = [
            ("accept", {}), ("reject", {"reason": "wrong", "reasons": ["wrong", "short"]}),
            ("skip", {}), ("requeue", {}),
            ("regenerate", {"reason": "wrong", "tags": ["again"]}), ("edit", edit),
            ("adjudicate", {"verdict": "accepted"}), ("adjudicate", {"verdict": "rejected", **edit}),
        ]  # fmt: skip
        sides = ("chosen", "rejected", "tie", "both_bad") if example.kind == "preference" else ()
        return [*made, *(("prefer", {"side": side}) for side in sides)]

    def take_back(self) -> None:
        found = self.store.rows(
            "SELECT example_id, event_id, reviewer FROM review_events WHERE action <> 'undo'"
        )
        if found:
            example_id, event_id, who = self.drawn.choice(found)
            example = next(e for e in self.examples if e.id == example_id)
            with contextlib.suppress(StoreConflictError):  # it is undone already
                self.store.decide(review(example, "undo", by=who, event_id=event_id))

    def overlap(self) -> None:
        value = {"reviewers": self.drawn.choice((1, 2, 3)), "share": self.drawn.choice((0.5, 1.0))}
        set_setting(self.store, "overlap", value, "lea")

    def run(self) -> None:
        """A segment of some run: rows come again with other outcomes, new ones come, documents vanish."""
        self.runs += self.drawn.random() < 0.5
        writer = SegmentWriter(self.store.path, f"run-{self.runs}")
        settings = self.drawn.choice(("settings-1", "settings-2"))
        if self.drawn.random() < 0.6:
            writer.add_row("runs", {"name": "bakery", "started": datetime.now(UTC), "settings": [settings]})
        seen = (
            document()
            if self.drawn.random() < 0.7
            else document("mixers.md", "# Mixers\n\nholds its heat in stone")
        )
        if self.drawn.random() < 0.6:
            writer.add_row("run_documents", {"document_id": seen.id, "uri": seen.uri})
        source, number = chunk(document()), 10 + len(self.examples)
        new = self.drawn.choice((instruction, preference))(source, number)
        for example in self.drawn.sample(self.examples, 2):
            state = self.drawn.choice(("accepted", "rejected", "failed"))
            writer.add(
                Outcome(
                    f"slot-{example.id}", source.id, "qa", 0, settings, state, "low", example_id=example.id
                )
            )
            writer.add(Score(example.id, self.drawn.choice(("answer", "style")), "1", self.drawn.random()))
            writer.add(match(example))
        lost = self.drawn.choice(self.examples)  # its slot holds another row now
        writer.add(Outcome(f"slot-{lost.id}", source.id, "qa", 0, settings, "accepted", example_id=new.id))
        writer.add(review(lost, self.drawn.choice(("accept", "reject", "skip")), by="cyd"))
        writer.add(Call("call-1", "model", (Message(role="user", content="?"),), {}, "!", Usage(), None))
        for record in (source, new):
            writer.add(record)
        self.examples.append(new)
        writer.flush()
        self.store.ingest()


@pytest.mark.parametrize("seed", range(5))
def test_the_table_in_memory_is_the_view_after_anything(store: Store, seed: int) -> None:
    team = Team(store, seed)
    store.live()
    for _ in range(12):
        team.act()
        assert difference(store) == []
    store.forget_live()
    assert difference(store) == []


def test_counts_follow_single_decisions_and_whole_runs(store: Store) -> None:
    team = Team(store, 99)
    for _ in range(12):
        team.act()
        counted = {
            name: n
            for name, n in store.counts("ann").items()
            if name in ("pending", "disputed", "stale", "mine")
        }
        mine = "count(*) FILTER (list_contains(reviewers, 'ann'))"
        states = [
            f"count(*) FILTER (NOT stale AND queue_status = '{name}')" for name in ("pending", "disputed")
        ]
        [found] = store.rows(f"SELECT {', '.join(states)}, count(*) FILTER (stale), {mine} FROM rows_")
        assert tuple(counted[name] for name in ("pending", "disputed", "stale", "mine")) == found


def test_nothing_is_missed_while_segments_come_in(store: Store) -> None:
    team, failed = Team(store, 5), list[BaseException]()
    store.live()

    def segments() -> None:
        try:
            for _ in range(6):
                team.run()
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=segments)
    thread.start()
    for number in range(20):
        pair = team.made.pairs[number % 2]
        store.decide(review(pair, "accept", by=f"who-{number}"))
        assert store.item(pair.id).status == "accepted"  # as soon as it is saved
    thread.join()
    assert not failed
    assert difference(store) == []


TEAMWORK: list[tuple[list[tuple[Any, ...]], str, str]] = [
    ([("ann", "accept")], "pending", "accepted"),
    ([("ann", "accept"), ("bob", "accept")], "accepted", "accepted"),
    ([("ann", "accept"), ("bob", "edit")], "disputed", "disputed"),
    ([("ann", "accept"), ("bob", "reject")], "disputed", "disputed"),
    ([("ann", "reject"), ("bob", "regenerate")], "rejected", "rejected"),
    ([("ann", "accept"), ("ann", "reject")], "pending", "accepted"),
    ([("ann", "reject"), ("bob", "accept"), ("bob", "reject")], "rejected", "rejected"),
    ([("ann", "accept"), ("bob", "reject"), ("lea", "adjudicate")], "rejected", "rejected"),
    ([("lea", "adjudicate"), ("ann", "accept"), ("bob", "accept")], "rejected", "rejected"),
    ([("ann", "reject"), ("bob", "reject"), ("lea", "requeue")], "pending", "accepted"),
    ([("ann", "reject"), ("lea", "requeue"), ("cyd", "accept"), ("bob", "accept")], "accepted", "accepted"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "queue_status", "status"), TEAMWORK)
def test_two_people_decide_a_row(
    store: Store, said: list[tuple[Any, ...]], queue_status: str, status: str
) -> None:
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "lea")
    example = fill(store).examples[0]
    more: dict[str, dict[str, Any]] = {
        "edit": {"messages": turns("Why?", "So.")},
        "adjudicate": {"verdict": "rejected"},
    }
    for who, action in said:
        receipt = store.decide(review(example, action, by=who, **more.get(action, {})))
    [row] = store.queue_page(Filters(status=(), ids=(example.id,)))
    assert (receipt.status, row["queue_status"], row["status"]) == (queue_status, queue_status, status)


@pytest.mark.parametrize(("sides", "expected"), [
    (("chosen", "rejected"), "disputed"), (("tie", "both_bad"), "rejected"),
    (("rejected", "rejected"), "accepted"),
])  # fmt: skip
def test_people_who_prefer_other_sides_disagree(store: Store, sides: tuple[str, str], expected: str) -> None:
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "lea")
    pair = fill(store).pairs[0]
    for who, side in zip(("ann", "bob"), sides, strict=True):
        receipt = store.decide(review(pair, "prefer", by=who, side=side))
    assert receipt.status == expected


def test_what_one_decided_comes_last_while_others_have_yet_to(store: Store) -> None:
    set_setting(store, "overlap", {"reviewers": 2, "share": 1.0}, "lea")
    first = fill(store).examples[0]
    assert store.queue_page(Filters(viewer="ann"))[0]["example_id"] == first.id
    store.decide(review(first, "accept"))
    assert store.queue_page(Filters(viewer="ann"))[-1]["example_id"] == first.id
    assert store.queue_page(Filters(viewer="bob"))[0]["example_id"] == first.id


def test_a_search_is_kept_and_follows_what_changes(store: Store) -> None:
    made = fill(store)

    def found(text: str) -> int:
        return len(store.queue_page(Filters(status=(), search=text)))

    assert [found('say "stove"'), found("holds its heat in stone")] == [0, 4]  # all by their source
    store.decide(
        review(made.examples[0], "edit", event="e", messages=turns('Who\nmight say "stove"?', "Nobody."))
    )
    assert [found('say "stove"'), found("deck oven 0")] == [1, 0]
    store.decide(review(made.examples[0], "undo", event_id="e"))
    assert [found('say "stove"'), found("deck oven 0")] == [0, 1]
    for number in range(14):  # more than are kept
        assert found(f"nothing {number}") == 0
    assert found("deck oven 1") == 1


def test_the_doubtful_come_first(store: Store) -> None:
    made = fill(store, examples=4, pairs=0)
    jury = [{"judge": "a", "value": 0.2}, {"judge": "b", "value": 0.8}]
    split = [{"winner_forward": "1", "winner_swapped": "2"}]
    told: list[tuple[float, list[dict[str, Any]]]] = [(0.95, []), (0.72, []), (0.72, jury), (0.72, split)]
    writer = SegmentWriter(store.path, "run-1")
    writer.add_row("runs", {"recipe": {"accept": "answer >= 0.7 and not (other < 0.2)"}})
    for example, (value, votes) in zip(made.examples, told, strict=True):
        writer.add(Score(example.id, "answer", "1", value, votes=tuple(votes)))
        writer.add(Score(example.id, "style", "1", 0.5))  # which the rule does not ask about
    writer.flush()
    store.queue_page(Filters(order="uncertain"))
    store.ingest()
    order = [row["example_id"] for row in store.queue_page(Filters(order="uncertain"))]
    assert order == [made.examples[n].id for n in (3, 2, 1, 0)]


def test_like_rows_stand_together_and_each_source_comes_early(store: Store) -> None:
    first, second = document(), document("mixers.md")
    writer = SegmentWriter(store.path, "run-1")
    said = [
        "How hot is it?",
        "Who turns the mixer at night?",
        "How hot is it then?",
        "Who turns the mixer at night now?",
    ]
    for number, (doc, text) in enumerate(zip([first, first, first, second], said, strict=True)):
        example = Example.make("instruction", turns(text, "So."), chunk_ids=[chunk(doc).id],
                               generator=instruction(chunk(doc)).generator)  # fmt: skip
        for record in (doc, chunk(doc), example, outcome(example)):
            writer.add(record)
        assert number < 4
    writer.flush()
    store.ingest()
    rows = store.queue_page(Filters(order="cluster"))
    assert [row["instruction"][:3] for row in rows] in (
        ["How", "How", "Who", "Who"],
        ["Who", "Who", "How", "How"],
    )
    early = store.queue_page(Filters(order="source"))
    assert {row["uri"] for row in early[:2]} == {"ovens.md", "mixers.md"}


NARROWED: list[tuple[Callable[[Dataset], Filters], int]] = [
    (lambda made: Filters(status=(), ids=(made.pairs[0].id, "gone")), 1),
    (lambda made: Filters(status=(), model=("model",)), 3),
    (lambda made: Filters(status=(), model=("other",)), 0),
    (lambda made: Filters(status=(), label=("near",)), 1),
    (lambda made: Filters(status=(), tags=("short", "long")), 1),
    (lambda made: Filters(status=(), judge_reason=("low",)), 1),
    (lambda made: Filters(status=(), since=datetime(2999, 1, 1)), 0),
    (lambda made: Filters(status=(), since=datetime(2020, 1, 1)), 4),
    (lambda made: Filters(status=(), prompt=made.pairs[0].id), 1),
    (lambda made: Filters(status=("machine_rejected",)), 1),
    (lambda made: Filters(status=(), reviewer="ann"), 1),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Dataset]]:
    with new_store(tmp_path_factory.mktemp("shelf")) as store:
        made = fill(store)
        writer = SegmentWriter(store.path, "run-1")
        writer.add(outcome(made.examples[1], "rejected", "low"))
        writer.add(match(made.examples[0]))
        writer.add(Call("call-1", "model", (Message(role="user", content="?"),), {}, "!", Usage(), None))
        writer.flush()
        store.live()
        store.ingest()
        store.decide(review(made.examples[2], "reject", reason="short", reasons=["short"]))
        yield store, made


@pytest.mark.parametrize(("filters", "number"), NARROWED)
def test_more_filters(
    shelf: tuple[Store, Dataset], filters: Callable[[Dataset], Filters], number: int
) -> None:
    store, made = shelf
    wanted = filters(made)
    assert len(store.queue_page(wanted)) == number
    with store.live().reading() as cursor:
        assert len(cursor.execute(*matching(store, cursor, wanted)).fetchall()) == number
