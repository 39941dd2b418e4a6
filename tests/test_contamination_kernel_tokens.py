"""The kernel cuts texts exactly as the Python tokeniser does."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill_evals.contamination.kernel import backend, plain
from gristmill_evals.contamination.kernel.hashing import run_hash, word_hash
from gristmill_evals.contamination.kernel.runs_numpy import telling_grams, whole_runs
from gristmill_evals.contamination.kernel.text import encode
from gristmill_evals.contamination.normalise import tokenise
from gristmill_evals.contamination.rows import masked_grams

BACKENDS = [pytest.param(backend(), id="default"), pytest.param(plain, id="numpy")]
ODD = [
    "1,2345 1.2.3 00.50 0 007 1,234,56 1.50. 0.0 12,000.00",
    "½ ① ３，０００ ٣٤ ٠٥ Ⅷ",
    "İstanbul ß ﬁn ΑΣ ς Straße cafe\u0301",
    "HTTPServer nearbyElementsX aB a_b__c x2y",
    "卖2美元，第十五袋 각 한국어 ｶﾞ",
    "∫ ? …",
    "\ud800 lone",
    "three Twenty HUNDRED hundreds",
    "",
    " \n\t",
]
MIXED = st.text(st.sampled_from("aAzZbB tTeEnN 0123.,,..  _-\n½éİß卖ｶﾞ\u0301Σ٣∫"), max_size=60) | st.text(
    max_size=40
)


def _agrees(kernel: ModuleType, text: str) -> None:
    found, expected = kernel.tokens([encode(text)]), tokenise(text)
    assert found.words.tolist() == [word_hash(word) for word in expected.words]
    assert found.masked.tolist() == [word_hash(word) for word in expected.masked]
    if text.isascii():
        assert found.starts.tolist() == expected.starts
        assert found.stops.tolist() == expected.ends


@pytest.mark.parametrize("kernel", BACKENDS)
@pytest.mark.parametrize("text", ODD)
def test_odd_texts(kernel: ModuleType, text: str) -> None:
    _agrees(kernel, text)


@given(MIXED)
@settings(max_examples=400, deadline=None)
def test_any_text(text: str) -> None:
    _agrees(backend(), text)
    raw = encode(text)
    ours, theirs = backend().feature_keys([raw, raw]), plain.feature_keys([raw, raw])
    assert ours[0].tolist() == theirs[0].tolist()
    assert ours[1].tolist() == theirs[1].tolist()


@pytest.mark.shared
def test_real_texts(shared: Path) -> None:
    lines = [
        line for path in sorted(shared.glob("contamination/*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    texts = [json.loads(line)["text"] for line in lines[::3]]
    found, at = backend().tokens([encode(text) for text in texts]), 0
    for text, end in zip(texts, found.ends.tolist(), strict=True):
        assert found.words[at:end].tolist() == [word_hash(word) for word in tokenise(text).words]
        at = end


def test_runs_are_those_of_the_row() -> None:
    texts = ["one two six big red mills on the old river and 3 more", "short one", "1 2 3 4 5 6 mills 8 9 a"]
    found = backend().tokens([encode(text) for text in texts])
    hashes, places = telling_grams(found.masked, found.ends)
    expected = [run_hash(gram) for text in texts for _, gram in masked_grams(tokenise(text))]
    assert hashes.tolist() == expected
    assert np.all(np.diff(places) > 0)


def test_hashes_are_the_same_everywhere() -> None:
    assert word_hash("mill") == 0xBBBF13754D071571
    assert run_hash(["a", "b"]) == 0xFF34F3A9489F498C
    words = np.array([1, 2, 1, 2, 2, 1], dtype=np.uint64)
    whole = whole_runs(words, np.array([2, 4, 6])).tolist()
    assert whole[0] == whole[1] != whole[2]
