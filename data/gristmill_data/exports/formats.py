"""The formats: OpenAI chat, ShareGPT, Alpaca, DPO pairs, Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

from gristmill.registry import ExportRow
from gristmill_data.exports.lines import (
    CountingExport,
    LinesExport,
    Skip,
    instruction_turns,
    lineage,
    whole_file,
)

BATCH = 5000


class Chat(LinesExport):
    """OpenAI chat: one {"messages": [{role, content}, …]} a line."""

    kinds: ClassVar[tuple[str, ...]] = ("instruction", "conversation")

    def encode(self, row: ExportRow) -> dict[str, Any]:
        """All turns as they are."""
        return {"messages": [dict(message) for message in row.example.messages]}


class ShareGPT(LinesExport):
    """ShareGPT: one {"conversations": [{from, value}, …]} a line, from is system, human or gpt."""

    kinds: ClassVar[tuple[str, ...]] = ("instruction", "conversation")

    def encode(self, row: ExportRow) -> dict[str, Any]:
        """All turns under ShareGPT's names of the roles."""
        names = {"system": "system", "user": "human", "assistant": "gpt"}
        turns = [{"from": names[m["role"]], "value": m["content"]} for m in row.example.messages]
        return {"conversations": turns}


class Alpaca(LinesExport):
    """Alpaca: one {"instruction", "input", "output"} a line; single exchanges only."""

    kinds: ClassVar[tuple[str, ...]] = ("instruction", "conversation")

    def encode(self, row: ExportRow) -> dict[str, Any]:
        """The one question and its answer; ``input`` stays empty."""
        system, question, answer = instruction_turns(row)
        if system:
            raise Skip("a system prompt")
        return {"instruction": question, "input": "", "output": answer}


class DPO(LinesExport):
    """Preference pairs as TRL reads them: one {"prompt", "chosen", "rejected"} a line."""

    kinds: ClassVar[tuple[str, ...]] = ("preference",)
    style: Literal["conversational", "plain"] = "conversational"
    """``conversational``: lists of messages; ``plain``: text, for prompts of a single turn."""

    def encode(self, row: ExportRow) -> dict[str, Any]:
        """Prompt and the two responses."""
        example = row.example
        if not example.chosen or not example.rejected:
            raise Skip("one side is missing")
        if self.style == "conversational":
            sides = {"chosen": example.chosen, "rejected": example.rejected}
            answers = {name: [{"role": "assistant", "content": text}] for name, text in sides.items()}
            return {"prompt": [dict(message) for message in example.messages], **answers}
        if len(example.messages) != 1:
            raise Skip("several turns")
        prompt = example.messages[0]["content"]
        return {"prompt": prompt, "chosen": example.chosen, "rejected": example.rejected}


class ParquetExport(CountingExport):
    """Parquet: rows of all kinds with everything known about where they come from."""

    suffix: ClassVar[str] = ".parquet"

    def encode(self, row: ExportRow) -> dict[str, Any]:
        """All fields; arguments, calls and metadata as JSON text, because their shapes differ."""
        from gristmill_data.store.tables import to_json

        example = row.example
        return {
            **lineage(row),
            "messages": [dict(message) for message in example.messages],
            "chosen": example.chosen,
            "rejected": example.rejected,
            "generator_args": to_json(dict(example.generator.args)),
            "calls": list(example.calls),
            "metadata": to_json(dict(example.metadata)),
        }

    def write(self, rows: Iterable[ExportRow], path: Path) -> int:
        """Write all rows to ``path`` in row groups of 5,000."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema, written, encoded = _schema(), 0, self.encoded(rows)
        with whole_file(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            while batch := list(islice(encoded, BATCH)):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                written += len(batch)
        return written


def _schema() -> Any:
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    message = pa.struct({"role": text, "content": text})
    score = pa.struct({"scorer": text, "value": pa.float64()})
    return pa.schema(
        {
            "id": text,
            "kind": text,
            "status": text,
            "messages": pa.list_(message),
            "chosen": text,
            "rejected": text,
            "generator": text,
            "generator_version": text,
            "models": texts,
            "generator_args": text,
            "sources": texts,
            "chunk_ids": texts,
            "calls": texts,
            "scores": pa.list_(score),
            "metadata": text,
        }
    )
