"""The four judges of distilabel by name in a recipe: ``gristmill run`` over a server that answers wrongly."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from support.judge_server import JudgeServer
from support.projects import make_project, run_json
from support.scripted_ask import ScriptedAsk, item

from gristmill.registry import Scored, Unscored, load
from gristmill_data.store import Store

RATED = "#### Output for Text 1\nRating: {}\nRationale: It names the hour."
GRADED = "Feedback: The hour is right. [RESULT] {}"
# what a judge says, and what is stored of it: a value or a reason
SAYS: dict[str, list[tuple[str, float | str]]] = {
    "ultrafeedback_honesty": [
        (RATED.format(4), 0.75),
        (RATED.format(4) + "\n\nIt could say more.", "wrong-number-of-ratings"),
        (RATED.format(9), "rating-out-of-range"),
        (RATED.format("4 or 5"), "unreadable-rating"),
        ("I like it.", "missing-rating"),
        (RATED.format("N/A"), "not-applicable"),
        (RATED.format(4) + "\n" + RATED.format(2), "wrong-number-of-ratings"),
    ],
    "prometheus_helpfulness": [
        (GRADED.format(5), 1.0),
        (GRADED.format("3 [RESULT] 4"), "wrong-number-of-ratings"),
        (GRADED.format(6), "rating-out-of-range"),
        (GRADED.format("four"), "unreadable-rating"),
        ("Feedback: Fine.", "missing-rating"),
    ],
    "quality_scorer": [
        ("[1] Score: 1\n[2] Score: 3", 0.0),
        ("[1] Score: 3\n[2] Score: 1\n\nThe first names the hour.", 1.0),
        ("[1] Score: 2", "wrong-number-of-ratings"),
        ("[1] Score: 3\n[2] Score: 1\n[3] Score: 2", "wrong-number-of-ratings"),
        ("[1] Score: 4\n[2] Score: 1", "rating-out-of-range"),
        ("[1] Score: 3 [2] Score: 1", "unreadable-rating"),
        ("[1] Score: 3\nIt is good.\n\n[2] Score: 1", "misplaced-ratings"),
        ("The first is better.", "missing-rating"),
    ],
    "complexity_scorer": [
        ("[1] Score: 2", 1.0),
        ("[1] Score: 1\n[2] Score: 2", "wrong-number-of-ratings"),
        ("[1] Score: 3", "rating-out-of-range"),
        ("[1] Score: 1 or 2", "unreadable-rating"),
        ("Let us see.\n\n[1] Score: 1", "misplaced-ratings"),
        ("It is hard.", "missing-rating"),
    ],
}
MARKS = {
    "#### Output": "ultrafeedback_honesty",
    "[RESULT]": "prometheus_helpfulness",
    "#Response List#": "quality_scorer",
    "Ranking the following questions": "complexity_scorer",
}
PLACES = ("Alm", "Brook", "Cote", "Dale", "Elm", "Fell", "Glen", "Holt", "Isle", "Knoll", "Lea", "Moor")
RECIPE = """score:
  - {use: ultrafeedback, aspect: honesty, model: judge}
  - {use: prometheus, model: judge}
  - {use: quality_scorer, model: judge}
  - {use: complexity_scorer, model: judge}
"""


def project(folder: Path, url: str) -> Path:
    recipe = make_project(folder, extra=RECIPE)
    pages = [
        f"# The well of {name}\n\nThe well of {name} is a shaft that is dug {depth} metres down to water. "
        f"The people of {name} clean it every {depth} years because silt settles at its foot."
        for depth, name in enumerate(PLACES, 4)
    ]
    (folder / "documents" / "wells.md").write_text("\n\n".join(pages), encoding="utf-8")
    text = recipe.read_text(encoding="utf-8").replace("use: qa", "use: preference")
    judge = f'models:\n  judge: {{model: "openai:test-model", base_url: "{url}"}}\n'
    recipe.write_text(text.replace("models:\n", judge), encoding="utf-8")
    return recipe


def test_every_wrong_answer_of_the_four_judges_is_unscored_with_its_text(tmp_path: Path) -> None:
    replies = {label: cycle(says) for label, says in SAYS.items()}

    def say(body: dict[str, Any], earlier: int) -> str:
        prompt = "\n".join(message["content"] for message in body["messages"])
        (label,) = [label for mark, label in MARKS.items() if mark in prompt]
        return next(replies[label])[0]

    with JudgeServer(say) as server:
        summary = run_json(project(tmp_path, server.url))
    assert summary["balanced"]
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        rows = store.rows("SELECT scorer, value, unscored_reason, rationale FROM scores")
    for label, says in SAYS.items():
        found = {(raw if reason else None, reason or value) for s, value, reason, raw in rows if s == label}
        wanted = {(text if isinstance(word, str) else None, word) for text, word in says}
        assert found == wanted, label
    assert (len(server.said), summary["calls"]["repairs"]) == (len(rows), 0)


SCALES = [
    ("quality_scorer", "Never.", "[1] Score: 2\n[2] Score: 3", 0.5, [2, 3]),
    ("quality_scorer", None, "[1] Score: 2", 1.0, [2]),
    ("quality_scorer", None, "[1] Score: 1", 0.0, [1]),
    ("complexity_scorer", "Never.", "[1] score: 2 (too hard)", 1.0, [2]),
    ("complexity_scorer", None, "[1] Score: 1/2", 0.0, [1]),
]


@pytest.mark.parametrize(("use", "rejected", "text", "value", "ratings"), SCALES)
async def test_a_list_is_rated_up_to_one_more_than_its_length(
    use: str, rejected: str | None, text: str, value: float, ratings: list[int]
) -> None:
    ask = ScriptedAsk({use: text})
    row = item("At 6:40.", instruction="When does it {{ leave }}?", rejected=rejected)
    result = await load("scorers", use)(model="judge").score(row, ask)
    assert isinstance(result, Scored)
    assert (result.value, result.votes[0]["ratings"]) == (value, ratings)
    assert result.votes[0]["scale"] == f"1-{len(ratings) + 1}"
    assert "When does it {{ leave }}?" in ask.asked[0].prompt
    assert ("At 6:40." in ask.asked[0].prompt) is (use == "quality_scorer")
    assert ("Never." in ask.asked[0].prompt) is (use == "quality_scorer" and rejected is not None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[2] Score: 1\n[1] Score: 3", "misplaced-ratings"),  # distilabel would swap them
        ("[1] Score: 3\n\n[2] Score: 1", "misplaced-ratings"),
        ("[1] Score: 0\n[2] Score: 1", "rating-out-of-range"),
        ("[1] Score: -1\n[2] Score: 1", "rating-out-of-range"),
        ("[1] Score: 2.5\n[2] Score: 1", "unreadable-rating"),
        ("[1] Score: 2/5\n[2] Score: 1", "unreadable-rating"),
        ("[1] Score:\n[2] Score: 1", "unreadable-rating"),
        (f"[1] Score: {'9' * 6000}\n[2] Score: 1", "unreadable-rating"),
        ("[1] Score: 1\u2028[2] Score: 1", "misplaced-ratings"),
    ],
)
async def test_a_doubtful_list_is_unscored(text: str, reason: str) -> None:
    judge = load("scorers", "quality_scorer")(model="judge")
    row = item("At 6:40.", rejected="Never.")
    assert await judge.score(row, ScriptedAsk({"quality_scorer": text})) == Unscored(reason, text)


async def test_ratings_of_a_list_vote_and_empty_texts_are_not_sent() -> None:
    said = ["[1] Score: 3\n[2] Score: 1", "[1] Score: 1\n[2] Score: 1", "[1] Score: 2\n[2] Score: 3"]
    judge = load("scorers", "quality_scorer")(model="judge", samples=3)
    ask = ScriptedAsk({"quality_scorer": lambda _, sample: said[sample]})
    result = await judge.score(item("At 6:40.", rejected="Never."), ask)
    assert isinstance(result, Scored)
    assert (result.value, result.votes[0]["scale"]) == (0.5, "1-3")
    assert [vote["ratings"] for vote in result.votes[0]["votes"]] == [[3, 1], [1, 1], [2, 3]]
    assert await judge.score(item("At 6:40.", rejected=" "), ask) == Unscored("empty-response")
    hard = load("scorers", "complexity_scorer")(model="judge")
    assert await hard.score(item("At 6:40.", instruction=" "), ask) == Unscored("empty-instruction")
    assert len(ask.asked) == 1
