"""The generators on the real offline backend, through the real door."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.scripted_ask import source

from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Example
from gristmill.registry import Generator
from gristmill_generators.preference import Preference
from gristmill_generators.qa import Qa
from gristmill_generators.rewrite import Rewrite
from gristmill_generators.summary import Summary

LOOM = """A heddle is a cord or wire with an eye in the middle through which a warp thread passes.
The shuttle carries the weft across the warp. A hand loom needs 12 heddles per centimetre because
fewer of them leave gaps in the cloth.

To dress the loom:

1. Wind the warp on the back beam.
2. Thread every end through its heddle.
3. Tie the ends to the front beam in groups of 20.

Linen thread breaks when it is dry, so weavers keep it damp. Wool stretches by up to 30 percent
before it breaks, which forgives an uneven tension."""


@pytest.mark.parametrize(
    "generator",
    [
        Qa(model="writer", per_chunk=3),
        Summary(model="writer"),
        Rewrite(model="writer", style="bullets"),
        Preference(model="writer", per_chunk=3),
    ],
    ids=lambda generator: type(generator).__name__,
)
async def test_rows_with_evidence(generator: Generator, tmp_path: Path) -> None:
    chunk, document = source(
        LOOM, "Weaving", "The loom", before="# Weaving\n\n## The loom\n\n", title="Weaving"
    )
    specs = {"writer": ModelSpec(model="offline:extractive")}
    async with Door(specs, cache=tmp_path / "calls.sqlite") as door:
        first = await generator.generate(chunk, document, door.ask_for(None))
        again = await generator.generate(chunk, document, door.ask_for(None))
    rows = [row for row in first if isinstance(row, Example)]
    assert rows
    assert [row.id for row in rows] == [row.id for row in again if isinstance(row, Example)]
    for row in rows:
        assert row.instruction.strip()
        assert row.response.strip()
        assert row.calls
        for proof in row.metadata["evidence"]:
            assert document.text[proof["start"] : proof["end"]] == proof["quote"]
        assert row.metadata["evidence"]
