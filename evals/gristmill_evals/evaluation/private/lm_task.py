"""Loads and scores the benchmark whose name this file has; written beside it by gristmill.

lm-eval imports it by its path. It needs nothing of gristmill and finds its data by its own place, so the
folder may be moved. Answers are compared as in SQuAD (Rajpurkar et al. 2016): case, punctuation, articles
and blanks do not count; commas within numbers do not either.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

METRICS = ("exact_match", "contains", "token_f1")
_IN_NUMBER = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SIGN = "\u3040-\u30ff\u3400-\u9fff"  # scripts without blanks: every letter counts as a word
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_SIGN}]|[^\W\d_{_SIGN}]+|[$€£¥%]")
_ARTICLES = frozenset({"a", "an", "the"})


def load(**_: Any) -> dict[str, Any]:
    """The items as lm-eval wants them: a data set under the name of its only split."""
    from datasets import Dataset

    lines = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").split("\n")
    return {"test": Dataset.from_list([json.loads(line) for line in lines if line.strip()])}


def score(doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
    """The metrics of the first answer, each from 0 to 1."""
    wanted, given = tokens(str(doc["answer"])), tokens(str(results[0] or ""))
    values = {
        "exact_match": float(given == wanted),
        "contains": float(_within(wanted, given)),
        "token_f1": _f1(wanted, given),
    }
    return {metric: values[metric] for metric in METRICS}


def tokens(text: str) -> list[str]:
    """What counts of an answer; of one that is nothing but articles or signs, everything."""
    text = _IN_NUMBER.sub("", unicodedata.normalize("NFKC", text).casefold())
    found = [token for token in _TOKEN.findall(text) if token not in _ARTICLES]
    return found or text.split()


def _within(wanted: list[str], given: list[str]) -> bool:
    size = len(wanted)
    return any(given[at : at + size] == wanted for at in range(len(given) - size + 1)) and size > 0


def _f1(wanted: list[str], given: list[str]) -> float:
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given)) if shared else 0.0
