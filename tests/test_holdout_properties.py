"""Whatever documents there are and in which order things are done: no text is on both sides."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.holdout_rows import Run, document, export, hold_out, prose, row
from support.store_rows import new_store

from gristmill.records import Document
from gristmill_data.store import Store, call

TEXTS = 4
FORMS = 4
"""How a text may come: as it is, as a new version under the same name, as a copy, as a near copy."""

arrivals = st.tuples(st.just("arrive"), st.integers(0, TEXTS - 1), st.integers(0, FORMS - 1))
mixed = st.tuples(st.just("mixed"), st.integers(0, TEXTS - 1), st.integers(0, TEXTS - 1))
exports = st.tuples(st.just("export"), st.sampled_from(["accepted", "all"]))
shares = st.tuples(
    st.just("hold"), st.sampled_from(["a", "b"]), st.sampled_from([0.2, 0.5, 1.0]), st.integers(0, 3)
)
named = st.tuples(st.just("name"), st.sampled_from(["a", "b"]), st.integers(0, TEXTS - 1))
steps = st.lists(st.one_of(arrivals, mixed, exports, shares, named), min_size=3, max_size=9)


def arrived(text: int, form: int) -> Document:
    """The text in one of its forms; every form has the number in its name."""
    body = prose(text, 60)
    words = body.split()
    random.Random(text).shuffle(words)
    bodies = [body, " ".join(words), body.upper(), f"{prose((text, 'preface'), 20)} {body}"]
    names = [f"{text}.md", f"{text}.md", f"copies/{text}.md", f"near/{text}.md"]
    return document(names[form], bodies[form])


class World:
    """A dataset with what left it: texts (by number) in exports and in benchmarks."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.documents: dict[str, Document] = {}
        self.runs = 0
        self.trained: set[str] = set()
        self.tested: defaultdict[str, set[str]] = defaultdict(set)

    def do(self, step: tuple[Any, ...]) -> None:
        what, *args = step
        getattr(self, what)(*args)

    def arrive(self, text: int, form: int) -> None:
        made = arrived(text, form)
        self._run([made], [row(f"What is {made.id}?", f"It is {made.id}.", made)])

    def mixed(self, one: int, other: int) -> None:
        both = [arrived(one, 0), arrived(other, 0)]
        self._run(both, [row(f"Which is it, {one} or {other}?", "Neither.", *both)])

    def _run(self, documents: list[Document], rows: list[Any]) -> None:
        self.runs += 1
        fresh = list({one.id: one for one in documents}.values())
        Run(fresh, rows, f"run-{self.runs}", list(self.documents.values())).into(self.store)
        self.documents |= {one.id: one for one in fresh}

    def export(self, statuses: str) -> None:
        self.trained |= {_text(uri) for uri in export(self.store, statuses=statuses)[1]}

    def hold(self, name: str, share: float, seed: int) -> None:
        self._made(name, {"share": share, "seed": seed})

    def name(self, name: str, text: int) -> None:
        self._made(name, {"uris": [f"{text}.md"]})

    def _made(self, name: str, how: dict[str, Any]) -> None:
        chosen = hold_out(self.store, name, **how)
        out = self.store.path.with_name("rows.jsonl")
        call(self.store.path, "benchmark_rows", out=out, documents=list(chosen["documents"]))
        lines = map(orjson.loads, out.read_bytes().splitlines())
        items = [line for line in lines if set(line["documents"]) <= chosen["documents"].keys()]
        self.tested[name] = {
            _text(uri) for line in items for uri in line["sources"] if line["side"] == "held"
        }


def _text(uri: str) -> str:
    return uri.rpartition("/")[2].partition(".")[0]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_no_text_is_in_an_export_and_in_a_benchmark(plan: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, new_store(Path(folder)) as store:
        world = World(store)
        for step in plan:
            world.do(step)
            for tested in world.tested.values():
                assert not world.trained & tested
