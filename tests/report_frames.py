"""Frames as the store makes them, for the tests of charts and report: a small river-mill handbook."""

from __future__ import annotations

import json
import random

import pandas as pd

SENTENCES = [
    "The sluice gate is opened a hand's width before the wheel is freed.",
    "Rye is ground cooler than wheat, so the runner stone is raised by one notch.",
    "The hopper is refilled when a third of the grain is left, never later.",
    "Every spring the furrows are dressed with a mill bill until they catch a fingernail.",
    "A damp sack weighs more and grinds worse: it is dried on the upper floor for two days.",
    "The miller keeps a sixteenth of the meal as toll unless another share was agreed.",
]
TOPICS = ["sluice", "stones", "grain", "toll", "dressing", "storage", "flood", "safety"]
RECIPE = {
    "name": "mill handbook",
    "documents": ["documents/**/*.md", "letters.pdf"],
    "models": {"writer": {"model": "offline:extractive"}, "judge": {"model": "offline:extractive"}},
    "generate": [
        {"use": "qa", "model": "writer", "per_chunk": 2},
        {"use": "preference", "model": "writer"},
    ],
    "gates": [{"use": "quality_rules"}, {"use": "contamination", "benchmarks": ["mill_quiz.jsonl"]}],
    "score": [{"use": "rubric", "model": "judge"}, {"use": "groundedness"}],
    "accept": "answer >= 0.7",
}
REJECTS = {
    "nothing-to-ask": 61,
    "below-threshold": 88,
    "too-short": 17,
    "near-duplicate": 23,
    "contaminated": 6,
}
UNREAD = [("scan.pdf", "no-text", "12 pages, no text layer"), ("ledger.xlsx", "encrypted", "password needed")]
EVENTS = [
    ("ada", "accept", "", 31),
    ("ada", "reject", "not grounded", 5),
    ("ada", "edit", "", 4),
    ("bo", "accept", "", 18),
    ("bo", "reject", "unclear question", 7),
    ("bo", "undo", "", 1),
]
FAILS = {"answer-not-json": 5, "unscored": 4}


def make(rows: int = 400, seed: int = 1, model: str = "offline:extractive") -> dict[str, pd.DataFrame]:
    """All frames of a dataset with ``rows`` rows from 24 documents."""
    chance = random.Random(seed)
    table = pd.DataFrame([_row(n, chance) for n in range(rows)])
    return {
        "runs": _runs(rows, model),
        "outcomes": _outcomes(rows),
        "rows": table,
        "scores": _scores(table, chance),
        "coverage": _coverage(table, chance),
        "failures": pd.DataFrame(UNREAD, columns=["uri", "reason", "detail"]),
        "matches": _matches(table),
        "reviews": pd.DataFrame(EVENTS, columns=["reviewer", "action", "reason", "n"]),
        "calls": pd.DataFrame(
            [(model, 900, 310_000, 64_000, 0.0 if model.startswith("offline") else 1.84)],
            columns=["model", "n", "input_tokens", "output_tokens", "cost"],
        ),
        "samples": _samples(table.head(120), chance),
        **_texts(table, chance),
        **_judged(table, chance),
        **_costs(model),
    }  # fmt: skip


def _row(n: int, chance: random.Random) -> dict[str, object]:
    document = chance.randrange(24)
    kind = "preference" if n % 5 == 0 else "instruction"
    status = "accepted" if chance.random() < 0.7 else "rejected"
    review = status if n % 6 == 0 else None
    chosen = round(chance.lognormvariate(5.6, 0.4))
    return {
        "example_id": f"{n:032x}",
        "kind": kind,
        "generator": "preference" if kind == "preference" else chance.choice(["qa", "qa", "summary"]),
        "type": chance.choice(["factual", "definition", "procedure"]),
        "uri": f"documents/{TOPICS[document % 8]}-{document:02}.md",
        "document_id": f"d{document}",
        "status": status,
        "stale": False,
        "instruction_chars": round(chance.lognormvariate(4.3, 0.35)),
        "response_chars": chosen,
        "total_chars": chosen + 60,
        "turns": 2,
        "review": review,
        "judge_state": "accepted" if chance.random() < 0.72 else "rejected",
    }


def _runs(rows: int, model: str) -> pd.DataFrame:
    lost = sum(REJECTS.values()) + sum(FAILS.values())
    summary = {
        "planned": rows + lost,
        "accepted": rows,
        "rejected": REJECTS,
        "failed": FAILS,
        "pending": 0,
        "files": {"found": 26, "read": 24, "failed": {"no-text": 1, "encrypted": 1}},
        "seconds": 41.0,
    }
    recipe = {**RECIPE, "models": {role: {"model": model} for role in ("writer", "judge")}}
    started = pd.Timestamp("2026-11-20 09:14:00", tz="UTC")
    run = {
        "run_id": "20261120-091400-ab12",
        "name": "mill handbook",
        "started": started,
        "finished": started + pd.Timedelta("41s"),
        "status": "done",
        "summary": json.dumps(summary),
        "recipe": json.dumps(recipe),
        "version": "0.1.0",
    }
    return pd.DataFrame([run])


def _outcomes(rows: int) -> pd.DataFrame:
    kept = [("qa", "accepted", "", rows * 4 // 5), ("preference", "accepted", "", rows - rows * 4 // 5)]
    rejected = [(task, "rejected", reason, n - n // 3 if task == "qa" else n // 3)
                for reason, n in REJECTS.items() for task in ("qa", "preference")]  # fmt: skip
    failed = [("qa", "failed", reason, n) for reason, n in FAILS.items()]
    return pd.DataFrame([*kept, *rejected, *failed], columns=["task", "state", "reason", "n"])


def _scores(table: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    lines = []
    for row in table.to_dict("records"):
        for scorer, mode in (("answer", 5.0), ("groundedness", 9.0)):
            value = None if chance.random() < 0.02 else round(chance.betavariate(mode, 1.8), 2)
            why = "timeout" if value is None else None
            lines.append((row["example_id"], scorer, value, why, row["generator"], row["document_id"]))
    columns = ["example_id", "scorer", "value", "unscored_reason", "generator", "document_id"]
    return pd.DataFrame(lines, columns=columns)


def _coverage(table: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    lines = []
    for uri, part in table.groupby("uri"):
        chars, accepted = chance.randint(4_000, 40_000), int((part["status"] == "accepted").sum())
        chunks = chars // 2000
        used = min(chunks, accepted)
        covered = round(chars * used / chunks)
        lines.append((uri, "text/markdown", chars, chunks, used, covered, accepted, len(part) - accepted, 0))
    lines.append(("documents/cover.html", "text/html", 180, 1, 0, 0, 0, 2, 0))
    columns = [
        "uri",
        "media_type",
        "chars",
        "chunks",
        "chunks_used",
        "covered_chars",
        "accepted",
        "rejected",
        "failed",
    ]
    return pd.DataFrame(lines, columns=columns)


def _matches(table: pd.DataFrame) -> pd.DataFrame:
    question = "A mill grinds 120 sacks of rye in 8 hours. How many sacks does it grind in 3 hours?"
    other = question.replace("120", "360").replace("8", "6")
    share, toll = "What share of the meal does a miller keep?", "Which part of the flour is the toll?"
    found = [
        ("q7", "verbatim", 1.0, "Solve: ", question, question, "rejected"),
        ("q7", "number-perturbed", 0.97, "", other, question, "rejected"),
        ("q2", "paraphrase", 0.61, "", share, toll, "accepted"),
    ]
    lines = []
    for n, (item, label, score, before, text, item_text, status) in enumerate(found):
        match = {
            "example_id": table["example_id"][n],
            "benchmark": "mill_quiz",
            "item_id": item,
            "label": label,
        }
        match |= {"score": score, "example_text": f"{before}{text}\n\n45", "item_text": item_text}
        match |= {"example_start": len(before), "example_end": len(before + text), "status": status}
        match |= {"tier": "fuzzy" if label == "paraphrase" else "exact", "side": "question"}
        lines.append({**match, "item_start": 0, "item_end": len(item_text)})
    return pd.DataFrame(lines)


def _samples(table: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    lines = []
    for row in table.to_dict("records"):
        quote = chance.choice(SENTENCES)
        pair = row["kind"] == "preference"
        response = f"{quote} {chance.choice(SENTENCES)}"
        lines.append(
            {
                **{key: row[key] for key in ("example_id", "kind", "generator", "type", "status", "uri")},
                "reason": ""
                if row["status"] == "accepted"
                else chance.choice(["below-threshold", "near-duplicate"]),
                "heading_path": ["The working year", chance.choice(TOPICS).capitalize()],
                "instruction": f"What does the handbook say about the {chance.choice(TOPICS)}?",
                "response": response,
                "chosen": response if pair else None,
                "rejected": "It is best left to the miller." if pair else None,
                "evidence": json.dumps([{"chunk_id": "c", "start": 0, "end": len(quote), "quote": quote}]),
                "scores": json.dumps({"answer": 0.82, "groundedness": 1.0}),
            }
        )
    return pd.DataFrame(lines)


LEAKS = ["I cannot help with that request.", "According to the passage, rye is ground cooler than wheat."]
PROMPT = "You write questions about a passage for people who will never see the passage itself."


def _texts(table: pd.DataFrame, chance: random.Random) -> dict[str, pd.DataFrame]:
    """Accepted rows with their texts: some repeat each other, some hold what should not be there."""
    lines = []
    for n, row in enumerate(table[table["status"] == "accepted"].to_dict("records")):
        passage, pair = " ".join(SENTENCES), row["kind"] == "preference"
        response = f"{chance.choice(SENTENCES)} {chance.choice(SENTENCES)} Note {chance.randrange(9999)}."
        response = LEAKS[n // 40 % 2] if n % 40 == 7 else PROMPT if n == 20 else response
        question = (
            f"{chance.choice(('What', 'Why', 'How'))} is written of the {chance.choice(TOPICS)} in {n}?"
        )
        lines.append(
            {
                **{name: row[name] for name in ("example_id", "kind", "generator", "type", "document_id")},
                "system": "",
                "instruction": "What is a sluice?" if n % 25 == 3 else question,
                "response": SENTENCES[0] if n % 25 == 3 else response,
                "rejected": f"- {chance.choice(SENTENCES)}\n- nothing" if pair else None,
                "passage": passage,
                "spans": 2,
                "spans_found": 1 if n % 30 == 0 else 2,
            }
        )
    texts = pd.DataFrame(lines)
    copies = [("row", len(lines), 4, 2, 3), ("instruction", len(lines), 9, 1, 10)]
    return {
        "texts": texts,
        "prompts": pd.DataFrame(
            [(name, PROMPT, 2) for name in ("preference", "qa", "summary")],
            columns=["generator", "text", "n"],
        ),
        "copies": pd.DataFrame(copies, columns=["of_", "rows", "repeated", "groups", "largest"]),
    }


def _judged(table: pd.DataFrame, chance: random.Random) -> dict[str, pd.DataFrame]:
    """Judges of pairs, criteria of a rubric, members of a jury."""
    verdicts, seats, criteria = [], [], []
    for row in table.to_dict("records"):
        sides = [chance.choice("1112") for _ in range(2)]
        value = {"11": 1.0, "22": 0.0}.get("".join(sides), 0.5)
        place = "first" if sides == ["1", "2"] else "second" if sides == ["2", "1"] else ""
        lead = (row["example_id"], "pair", row["generator"], row["document_id"])
        if row["kind"] == "preference":
            verdicts.append((*lead, value, *sides, True, place, 120, 110))
        truth = chance.random()
        for judge in ("lab/small", "lab/large"):
            seen = min(1.0, max(0.0, truth + chance.gauss(0, 0.2)))
            seats.append((row["example_id"], "jury", row["document_id"], judge, round(seen, 3)))
    for document, part in table.groupby("document_id"):
        for name, points, share in (("grounded", 3.0, 0.9), ("clear", 1.0, 0.6)):
            n, met = len(part), round(len(part) * share)
            criteria.append(("answer", name, points, document, n, met, met // 8, n, 0.9 * n))
    columns = ["example_id", "scorer", "generator", "document_id", "value", "forward", "swapped", "both",
               "position", "chosen_chars", "rejected_chars"]  # fmt: skip
    named = ["scorer", "criterion", "points", "document_id", "n", "met", "void_", "voted", "agreement"]
    return {
        "verdicts": pd.DataFrame(verdicts, columns=columns),
        "criteria": pd.DataFrame(criteria, columns=named),
        "seats": pd.DataFrame(seats, columns=["example_id", "scorer", "document_id", "judge", "value"]),
    }


def _costs(model: str) -> dict[str, pd.DataFrame]:
    """What generators cost, how long calls took, and what a server counted."""
    paid = None if model.startswith("offline") else 1.2
    makers = [
        ("qa", 260, 190, 400, 200_000, 40_000, paid, 0),
        ("preference", 80, 55, 200, 90_000, 20_000, paid, 3),
    ]
    speed = [("20261120-091400-ab12", "writer", model, 600, 3, 40, 5, 0.8, 2.4, 0.1, 55.0)]
    counted = [(model, 200, 400_000.0, 105_000.0, 8.2e8, 2.15e8, 5.7e7)]
    names = ["generator", "rows", "accepted", "calls", "input_tokens", "output_tokens", "cost", "unpriced"]
    timed = ["run_id", "role", "model", "answered", "failed", "cached", "retries", "p50", "p95", "waited_p95",
             "output_tokens_per_second"]  # fmt: skip
    return {
        "makers": pd.DataFrame(makers, columns=names),
        "speed": pd.DataFrame(speed, columns=timed),
        "counted": pd.DataFrame(counted, columns=["model", "n", "chars", "tokens", "cc", "ct", "tt"]),
    }
