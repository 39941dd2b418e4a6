"""Corpora of many different one-chunk documents, for runs against the test server."""

from __future__ import annotations

import json
import random
from pathlib import Path

TOPICS = ("water", "paper", "stone")
WORDS = [
    "mill",
    "well",
    "lock",
    "quarry",
    "barrel",
    "sluice",
    "lever",
    "press",
    "kiln",
    "wheel",
    "vat",
    "mould",
    "rope",
    "pump",
    "basin",
    "cart",
    "forge",
    "lathe",
    "anvil",
    "trough",
    "hinge",
    "beam",
    "cellar",
    "granary",
    "furnace",
    "bellows",
    "spindle",
    "shuttle",
    "loom",
    "dye",
    "tanner",
    "cooper",
]


def make_corpus(
    folder: Path, url: str, documents: int, extra: str = "", spec: str = "", seed: int = 0, per_chunk: int = 2
) -> Path:
    """A recipe over ``documents`` JSONL rows with a topic each; every sentence is another one."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    rows = [
        {"id": f"d{n}", "text": _text(rng, n), "topic": TOPICS[n % len(TOPICS)]} for n in range(documents)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "name: corpus\ndocuments: [rows.jsonl]\n"
        f'models:\n  writer: {{model: "openai:test-model", base_url: "{url}"{spec}}}\n'
        f"generate:\n  - {{use: qa, model: writer, per_chunk: {per_chunk}}}\ngates: []\n"
        f"max_failed_share: 1\n{extra}",
        encoding="utf-8",
    )
    return recipe


def _text(rng: random.Random, number: int) -> str:
    return " ".join(_sentence(rng, f"{number}-{i}") for i in range(rng.randint(3, 8)))


def _sentence(rng: random.Random, mark: str) -> str:
    words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(7, 20)))
    return f"On day {mark} the {words} was mended."
