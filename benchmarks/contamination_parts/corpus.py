"""The corpus: rows of several sizes, some with a planted item, and the benchmark they come from.

A row's id names what was planted: ``NUMBER:KIND:ITEM`` (``ITEM`` empty for a clean row). No client reads ids.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Any

import orjson

from contamination_parts import changes
from contamination_parts.grammar import Grammar
from contamination_parts.items import Item, Maker
from contamination_parts.words import LICENCES, QUOTES, TEMPLATES

Row = dict[str, Any]
SHARDS = 8
TEMPLATE = "template (other numbers, names)"
PLANTED = (
    "verbatim, with the answer", "verbatim, no answer", "inside a long prompt", "in the response",
    "the answer alone", "choices, no answer", "choices left out", "options reordered",
    "case, punctuation, Unicode", "numbers changed", "reworded", TEMPLATE,
)  # fmt: skip
CLEAN = ("instruction", "chat", "document", "code", "not English", "boilerplate", "same kind, other item")
CLEAN_SHARES = (0.25, 0.42, 0.05, 0.12, 0.04, 0.04, 0.08)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of one corpus: rows as a user has them, the benchmark, and both as the other clients read them.

    ``plain`` is a folder of :data:`SHARDS` files, since decon gives a file to a thread; ``one`` is the like
    with one row.
    """

    rows: Path
    plain: Path
    benchmark: Path
    decon: Path
    one: Path
    counts: Counter[str]


def write(folder: Path, rows: int, items: int, seed: int, *, plain: bool) -> Corpus:
    """Make a corpus below ``folder``; ``plain``: also what clients that want one text a row read.

    One that stands there and was made of the same is used again.
    """
    corpus = Corpus(
        folder / "rows.jsonl", folder / "plain", folder / "made.jsonl", folder / "decon", folder / "one",
        Counter(),
    )  # fmt: skip
    made, told = folder / "made.json", {"rows": rows, "items": items, "seed": seed, "plain": plain}
    if made.exists():
        known = json.loads(made.read_text())
        if known["of"] != told:
            raise SystemExit(f"{folder} holds another corpus, made of {known['of']}")
        corpus.counts.update(known["counts"])
        return corpus
    for path in (corpus.plain, corpus.decon, corpus.one):
        path.mkdir()
    known = _benchmark(corpus, items, seed)
    with ExitStack() as stack:
        file = stack.enter_context(corpus.rows.open("wb"))
        shards = [
            stack.enter_context((corpus.plain / f"{n}.jsonl").open("wb")) for n in range(SHARDS * plain)
        ]
        for number, row in enumerate(Planter(known, seed + 1).rows(rows)):
            corpus.counts[row["id"].split(":")[1]] += 1
            file.write(orjson.dumps(row) + b"\n")
            if plain:
                shards[number % SHARDS].write(orjson.dumps({"id": row["id"], "text": text_of(row)}) + b"\n")
    (corpus.one / "0.jsonl").write_text(json.dumps({"id": "one", "text": "nothing to see here"}) + "\n")
    made.write_text(json.dumps({"of": told, "counts": corpus.counts}))
    return corpus


def text_of(row: Row) -> str:
    """All turns of a row as one text."""
    if "messages" in row:
        return "\n\n".join(message["content"] for message in row["messages"])
    return str(row["text"] if "text" in row else f"{row['instruction']}\n\n{row['response']}")


def _benchmark(corpus: Corpus, count: int, seed: int) -> list[Item]:
    different: dict[str, Item] = {}
    items = Maker(seed).items()
    while len(different) < count:
        item = next(items)
        different.setdefault(item.question, item)
    known = list(different.values())
    with corpus.benchmark.open("wb") as file, (corpus.decon / "made.jsonl").open("wb") as decon:
        for number, item in enumerate(known):
            row = {"id": str(number), "question": item.question, "answer": item.answer}
            file.write(orjson.dumps({**row, "choices": item.choices} if item.choices else row) + b"\n")
            _decon(decon, number, item)
    return known


def _decon(file: IO[bytes], number: int, item: Item) -> None:
    """One record a choice, as decon's guide to its format says; otherwise question and answer."""
    for answer in item.choices or (item.answer,):
        mark = hashlib.sha256(f"{item.question}\n{answer}".encode()).hexdigest()[:16]
        record = {
            "eval_key": "made", "split": "test", "doc_id": number, "eval_instance_index": number,
            "question": item.question, "answer": answer, "fingerprint": mark,
            "is_correct": not item.choices or "ABCD"[item.choices.index(answer)] == item.answer,
        }  # fmt: skip
        file.write(orjson.dumps(record) + b"\n")


class Planter:
    """Rows in random order, all drawn from one seed."""

    def __init__(self, items: list[Item], seed: int) -> None:
        self.chance = Random(seed)
        self.grammar = Grammar(self.chance)
        self.others = Maker(seed + 1)
        self.items = items
        self._known = {item.question for item in items}
        self._of_kind = {kind: [n for n, item in enumerate(items) if item.kind == kind] for kind in
                         {item.kind for item in items}}  # fmt: skip
        self._clean: dict[str, Callable[[], Row]] = {
            "instruction": self._instruction,
            "chat": self._chat,
            "document": self._document,
            "code": self._code,
            "not English": self._foreign,
            "boilerplate": self._boilerplate,
            "same kind, other item": self._neighbour,
        }

    def rows(self, count: int) -> Iterator[Row]:
        """``count`` rows; one of 500, and at least 150 where there are rows enough, for each planted kind."""
        each = max(count // 500, min(150, count // 40))
        share = each * len(PLANTED) / count
        for number in range(count):
            if self.chance.random() < share:
                kind = self.chance.choice(PLANTED)
                item, row = self._planted(kind)
                yield {"id": f"{number}:{kind}:{item}", **row}
            else:
                kind = self.chance.choices(CLEAN, CLEAN_SHARES)[0]
                yield {"id": f"{number}:{kind}:", **self._clean[kind]()}

    def _planted(self, kind: str) -> tuple[int, Row]:
        eligible = {
            "the answer alone": ("problem", "code"), "choices, no answer": ("choice",),
            "choices left out": ("choice",), "options reordered": ("choice",),
            "case, punctuation, Unicode": ("problem", "choice", "short"), "numbers changed": ("problem",),
            "reworded": ("problem", "choice"), TEMPLATE: ("problem",),
        }  # fmt: skip
        of_kind = self._of_kind
        number = self.chance.choice(of_kind[self.chance.choice(eligible.get(kind, tuple(sorted(of_kind))))])
        return number, self._plant(kind, self.items[number])

    def _plant(self, kind: str, item: Item) -> Row:
        prose, chance = self.grammar.prose, self.chance
        if kind == "verbatim, with the answer":
            return {"instruction": item.text, "response": item.answer}
        if kind == "inside a long prompt":
            text = f"{prose(600)}\n\n{item.text}\n\n{prose(600)}"
            return _messages(text, prose(500))
        if kind == "in the response":
            return {"instruction": prose(150), "response": f"{prose(200)}\n\n{item.text}\n\n{prose(100)}"}
        if kind == "the answer alone":
            return {"instruction": prose(150), "response": item.answer}
        texts = {
            "options reordered": lambda: changes.reordered(item, chance),
            "choices left out": lambda: item.question,
            "case, punctuation, Unicode": lambda: changes.rewritten(item.text, chance),
            "numbers changed": lambda: changes.numbers_changed(item.text, chance),
            "reworded": lambda: changes.reworded(item.text, chance),
            TEMPLATE: lambda: changes.template(item.text, chance),
        }
        text = texts.get(kind, lambda: item.text)()
        return {"instruction": text, "response": prose(200)} if chance.random() < 0.5 else {"text": text}

    def _instruction(self) -> Row:
        size = self.chance.randint(40, 300)
        return {"instruction": self.grammar.prose(size), "response": self.grammar.prose(2 * size)}

    def _chat(self) -> Row:
        turns = [
            self.grammar.prose(self.chance.randint(100, 700)) for _ in range(self.chance.choice((2, 4, 6)))
        ]
        return _messages(*turns)

    def _document(self) -> Row:
        return {"text": self.grammar.prose(self.chance.randint(5_000, 25_000))}

    def _code(self) -> Row:
        made = [self.others.make("code") for _ in range(self.chance.randint(1, 6))]
        head = f"{self.chance.choice(LICENCES)}\n\n" if self.chance.random() < 0.3 else ""
        return {"text": head + "\n\n\n".join(f"{item.question}\n{item.answer}" for item in made)}

    def _foreign(self) -> Row:
        if self.chance.random() < 0.3:
            return {"text": self.grammar.chinese(self.chance.randint(100, 1_500))}
        return {
            "text": self.grammar.prose(self.chance.randint(200, 2_000)).replace("e", "é").replace("o", "ö")
        }

    def _boilerplate(self) -> Row:
        shared = self.chance.choice((*TEMPLATES, *LICENCES, *(f"“{quote}”" for quote in QUOTES)))
        return {"instruction": f"{shared}\n\n{self.grammar.prose(150)}", "response": self.grammar.prose(200)}

    def _neighbour(self) -> Row:
        item = next(item for item in self.others.items() if item.question not in self._known)
        return {"instruction": item.text, "response": item.answer}


def _messages(*turns: str) -> Row:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]}
