"""One benchmark as arrays: its texts in one blob, and the hashes that the combined tables are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.decision.code import shape_words
from gristmill_evals.contamination.index.keys import options_key
from gristmill_evals.contamination.index.sides import answer_text
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.kernel.batch import Cut, Hashes, Places
from gristmill_evals.contamination.kernel.runs_numpy import first_runs, starts_of, telling_grams, whole_runs
from gristmill_evals.contamination.kernel.text import encode
from gristmill_evals.contamination.rows import GRAM

Arrays = dict[str, NDArray[Any]]
MIN_ANSWER = 13
"""Answers of fewer tokens are not looked for: ``42`` or ``return a + b`` prove nothing."""
CHUNK = 4096
"""Items whose texts are in memory as bytes at a time."""
_CODE = re.compile(
    r"[;{}][ \t]*$|\)[^()\n]*:[ \t]*$|^[ \t]*(?:return|import|from|def|class|fn|func|#include)\b", re.M
)


@dataclass(frozen=True, slots=True)
class Texts:
    """The bytes of an item's texts: question with choices, question, answer; ``code``: it is a program."""

    whole: bytes
    question: bytes
    answer: bytes
    code: bool


def is_code(item: BenchmarkItem) -> bool:
    """Whether question and answer together look like a program: two lines that no prose has."""
    return len(_CODE.findall(item.question + "\n" + item.answer)) > 1


def shard(benchmark: Benchmark) -> Arrays:
    """The arrays of a benchmark (see :func:`_chunk`); places and item numbers count from 0."""
    chunks = [
        _chunk(benchmark.items[start : start + CHUNK], start)
        for start in range(0, max(len(benchmark.items), 1), CHUNK)
    ]
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    for name in ("blob_ends", "gram_ends", "feature_ends"):
        joined[name] = _continued([chunk[name] for chunk in chunks])
    sides = np.cumsum([0, *(len(chunk["side_item"]) for chunk in chunks[:-1])])
    joined["doc_side"] = np.concatenate(
        [chunk["doc_side"] + start for chunk, start in zip(chunks, sides, strict=True)]
    ).astype(np.int32)
    return joined


def _continued(ends: list[Places]) -> Places:
    """Ends that count on from one chunk to the next."""
    starts = np.cumsum([0, *(int(part[-1]) if len(part) else 0 for part in ends[:-1])])
    return np.concatenate([part + start for part, start in zip(ends, starts, strict=True)])


def _chunk(items: tuple[BenchmarkItem, ...], first: int) -> Arrays:
    """Arrays of some items.

    ``blob`` and ``blob_ends``: items as JSON. By side: ``side_item``, ``side_kind`` (1: answer),
    ``side_head``, ``side_words`` (hash of all words), ``side_short`` with ``side_first`` (its first word) and
    ``side_options`` (hashes; 0: none), ``grams`` up to ``gram_ends``. By text to retrieve: ``doc_side``,
    ``features`` up to ``feature_ends``, ``fresh`` (not in an earlier text of the same side).
    """
    texts = [_texts(item) for item in items]
    blob = [json.dumps([i.id, i.question, i.answer, i.choices], ensure_ascii=False) for i in items]
    raw = [text.encode("utf-8", "surrogatepass") for text in blob]
    size = sum(len(text.whole) + len(text.answer) for text in texts)
    asked: Cut = backend(size).tokens([text.question for text in texts])
    return {
        "blob": np.frombuffer(b"".join(raw), dtype=np.uint8),
        "blob_ends": np.cumsum([len(text) for text in raw], dtype=np.int64),
        **_sides(items, texts, asked, first),
        **_docs(items, texts),
    }


def _texts(item: BenchmarkItem) -> Texts:
    question = encode(item.question)
    whole = encode(item.text) if item.choices else question
    return Texts(whole, question, encode(answer_text(item)), bool(item.answer) and is_code(item))


def _sides(items: tuple[BenchmarkItem, ...], texts: list[Texts], asked: Cut, first: int) -> Arrays:
    kernel = backend(0)
    whole: Cut = kernel.tokens([text.whole for text in texts])
    heads = np.diff(asked.ends, prepend=0)
    answers: Cut = kernel.tokens([text.answer for text in texts])
    used = np.flatnonzero(np.diff(answers.ends, prepend=0) >= MIN_ANSWER)
    long: Cut = kernel.tokens([texts[n].answer for n in used])
    numbers = np.arange(first, first + len(items), dtype=np.int32)
    options = [options_key(item.choices) if len(item.choices) > 1 else 0 for item in items]
    grams, gram_ends = _grams([whole, long])
    none = np.zeros(len(used), dtype=np.uint64)
    short, opening = _short(whole, heads)
    return {
        "side_item": np.concatenate([numbers, numbers[used]]),
        "side_kind": np.repeat(np.array([0, 1], dtype=np.uint8), [len(items), len(used)]),
        "side_head": np.concatenate([heads, np.diff(long.ends, prepend=0)]).astype(np.int32),
        "side_words": np.concatenate(
            [whole_runs(whole.words, whole.ends), whole_runs(long.words, long.ends)]
        ),
        "side_short": np.concatenate([short, none]),
        "side_first": np.concatenate([opening, none]),
        "side_options": np.concatenate([np.array(options, dtype=np.uint64), none]),
        "grams": grams,
        "gram_ends": gram_ends,
    }


def _short(whole: Cut, heads: Places) -> tuple[Hashes, Hashes]:
    """Hash of each question shorter than a run of words, and of its first word (0: longer, or none)."""
    sizes = np.minimum(heads, np.diff(whole.ends, prepend=0))
    sizes = np.where(sizes < GRAM, sizes, 0)
    found = first_runs(whole.masked, starts_of(whole.ends), sizes)
    opening = np.zeros(len(sizes), dtype=np.uint64)
    opening[sizes > 0] = whole.masked[starts_of(whole.ends)[sizes > 0]]
    return np.where(sizes > 0, found, np.uint64(0)), opening


def _grams(cuts: list[Cut]) -> tuple[Hashes, Places]:
    """Distinct telling runs of each text of all ``cuts``, sorted, and their ends."""
    pieces, ends, before = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)], 0
    for cut in cuts:
        hashes, places = telling_grams(cut.masked, cut.ends)
        text = np.searchsorted(cut.ends, places, side="right")
        order = np.lexsort((hashes, text))
        hashes, text = hashes[order], text[order]
        new = np.ones(len(hashes), dtype=bool)
        new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
        pieces.append(hashes[new])
        ends.append(before + np.cumsum(np.bincount(text[new], minlength=len(cut.ends))))
        before += len(pieces[-1])
    return np.concatenate(pieces), np.concatenate(ends)


def _docs(items: tuple[BenchmarkItem, ...], texts: list[Texts]) -> Arrays:
    variants = [list(_variants(item, text)) for item, text in zip(items, texts, strict=True)]
    owners = np.repeat(np.arange(len(items), dtype=np.int32), [len(own) for own in variants])
    keys, ends = backend(0).feature_keys([text for own in variants for text in own])
    return {"doc_side": owners, "features": keys, "feature_ends": ends, "fresh": _fresh(keys, ends, owners)}


def _fresh(keys: Hashes, ends: Places, owners: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Of the features of texts, 1 for those that no earlier text of the same owner has."""
    fresh = np.ones(len(keys), dtype=np.uint8)
    several = np.bincount(owners, minlength=1)[owners] > 1
    owner = np.repeat(owners, np.diff(ends, prepend=0))
    asked = np.flatnonzero(np.repeat(several, np.diff(ends, prepend=0)))
    order = asked[np.lexsort((keys[asked], owner[asked]))]  # stable: the earlier text comes first
    again = (keys[order[1:]] == keys[order[:-1]]) & (owner[order[1:]] == owner[order[:-1]])
    fresh[order[1:][again]] = 0
    return fresh


def _variants(item: BenchmarkItem, text: Texts) -> Iterator[bytes]:
    """The item as it may occur in a row: with its choices, without them, with its program."""
    shape = shape_words(item.question).encode()
    yield shape + b" " + text.whole if shape else text.whole
    if item.choices:
        yield text.question
    if text.code:
        yield shape + b" " + text.question + b"\n" + text.answer
