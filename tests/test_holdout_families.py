"""Which documents are one text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.holdout_rows import Run, document, prose
from support.store_rows import new_store

from gristmill.records import Document
from gristmill_data.store import Store
from gristmill_data.store import families as module
from gristmill_data.store.families import families

BASE = prose("base", 200)
WORDS = BASE.split()
CHINESE = "磨坊的水轮在春天的洪水之后停了三天，村里的人用手推石磨磨面，直到木匠从城里回来修好了轴承和水闸。"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


def together(store: Store, one: str, other: str) -> bool:
    """Whether two texts under two names are one family."""
    Run([document("a", one), document("b", other)]).into(store)
    return len(families(store).members) == 1


SAME = {
    "equal": (BASE, BASE),
    "other case, marks and lines": (BASE, "# " + BASE.upper().replace(" ", "\n ").replace(".", "!")),
    "a word in twelve changed": (BASE, " ".join(w if n % 12 else "other" for n, w in enumerate(WORDS))),
    "a chapter of a book": (" ".join(WORDS[40:90]), BASE),
    "six tenths moved": (BASE, prose("new") + " ".join(WORDS[:120])),
    "a few words, equal": ("Closed on Mondays.", "closed on mondays"),
    "no blanks": (CHINESE * 2, CHINESE[3:] + prose("x", 20)),
}
OTHER = {
    "nothing shared": (BASE, prose("other", 200)),
    "four tenths shared": (BASE, " ".join(WORDS[:80]) + " " + prose("new", 120)),
    "the same words in another order": (BASE, " ".join(sorted(WORDS))),
    "a few words within another text": ("Closed on Mondays.", f"{BASE} Closed on Mondays."),
    "empty": ("", " \n"),
    "no blanks": (
        CHINESE,
        "河对岸的面包师傅每天清晨四点起来揉面，他的烤炉烧的是苹果木，所以整条街都有香味。",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_one_text(store: Store, case: str) -> None:
    assert together(store, *SAME[case])


@pytest.mark.parametrize("case", OTHER)
def test_two_texts(store: Store, case: str) -> None:
    assert not together(store, *OTHER[case])


def test_versions_copies_and_their_copies_are_one_family_named_by_the_first_uri(store: Store) -> None:
    old, new = Document.make("m.md", BASE, "text/plain"), document("m.md", prose("rewritten"))
    copy, other = document("copy.md", new.text + " More."), document("z.md")
    Run([other, copy, old, new]).into(store)
    found = families(store)
    assert found.key == {old.id: "copy.md", new.id: "copy.md", copy.id: "copy.md", other.id: "z.md"}
    assert set(found.members["copy.md"]) == {old.id, new.id, copy.id}


def test_many_near_copies_are_one_family_and_a_shared_licence_is_none(store: Store) -> None:
    copies = [document(f"copy-{n:02}", f"{BASE} Edition {n}.") for n in range(40)]
    licence = prose("licence", 60)
    licensed = [document(f"own-{n:02}", f"{prose(n, 120)}\n\n{licence}") for n in range(40)]
    Run([*copies, *licensed]).into(store)
    assert sorted(map(len, families(store).members.values())) == [1] * 40 + [40]


def test_large_datasets_are_sampled_and_read_in_batches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALL_CHARS", 20_000)
    monkeypatch.setattr(module, "BATCH_CHARS", 3_000)
    texts = [prose(n, 400) for n in range(20)]
    near = [" ".join(w for m, w in enumerate(text.split()) if m % 15) for text in texts]
    sides = {"original": texts, "copy": near}
    Run([document(f"{n:02}-{side}", all_[n]) for n in range(20) for side, all_ in sides.items()]).into(store)
    assert [len(members) for members in families(store).members.values()] == [2] * 20
