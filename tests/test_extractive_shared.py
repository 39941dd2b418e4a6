"""The rules on real documents: what must hold for every pair they make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gristmill.models.extractive.corrupt import corrupt
from gristmill.models.extractive.judge import judge
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.rank import find_pairs

CHAPTERS = ("ch03-02", "ch04-01", "ch07-01", "ch08-01", "ch10-02")
DANGLING = re.compile(
    r"\b(?:it|they|we|us|our|this|these|those|here|above|below|following|Listing|Chapter)\b", re.I
)


def passages(shared: Path) -> list[Passage]:
    """The sections of some chapters."""
    found = []
    for file in sorted((shared / "documents" / "rust_book").glob("*.md")):
        if file.name.startswith(CHAPTERS):
            parts = re.split(r"(?m)^(?=#{2,4} )", file.read_text(encoding="utf-8"))
            found += [Passage(part, (part.split("\n")[0].strip("# "),)) for part in parts if part.strip()]
    return found


@pytest.mark.shared
def test_questions_on_a_book_stand_alone_and_quote_it(shared: Path) -> None:
    pairs = [(p, c) for p in passages(shared) for c in find_pairs(p)]
    assert len(pairs) >= 25
    for passage, candidate in pairs:
        assert not DANGLING.search(re.sub(r"`[^`]*`", "", candidate.question)), candidate.question
        assert re.fullmatch(r"[A-Z“].{8,220}\?", candidate.question)
        assert candidate.answer.evidence in passage.raw
        assert not re.search(r"\]\[|<!--|</?[a-z]+>|\{\{", candidate.answer.text)


@pytest.mark.shared
def test_corruption_on_a_book_is_seen_by_the_judge(shared: Path) -> None:
    verdicts = []
    for passage in passages(shared):
        for candidate in find_pairs(passage)[:2]:
            good = judge(passage, candidate.question, candidate.answer.text).score
            for fault in ("unsupported_claim", "omission", "off_topic"):
                response, _ = corrupt(passage, candidate.question, candidate.answer.text, fault)
                if response:
                    verdicts.append(judge(passage, candidate.question, response).score < good - 0.5)
    assert len(verdicts) >= 60
    assert sum(verdicts) / len(verdicts) >= 0.97
