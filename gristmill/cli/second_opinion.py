"""Options of a second opinion and of a calibration, and what is made of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill.models import ModelSpec
    from gristmill_evals.contamination import Benchmark
    from gristmill_evals.contamination.finish import Finish

KINDS = ("openai", "vllm", "offline", "local")


class EmbedRows(StrEnum):
    """For which rows without a match an embedding model looks for items."""

    foreign = "foreign"
    all = "all"


JudgeOption = Annotated[
    str | None,
    typer.Option(
        "--judge", help="A model that decides on uncertain matches: openai:NAME.", show_default=False
    ),
]
EmbedderOption = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        help="A model that weighs uncertain matches and finds translations: openai:NAME or local:NAME.",
        show_default=False,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="Where both models are (default: OPENAI_BASE_URL, else OpenAI).",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        help="Environment variable with the key (default: OPENAI_API_KEY; none on this machine).",
        show_default=False,
    ),
]
EmbedRowsOption = Annotated[
    EmbedRows,
    typer.Option(
        "--embed-rows", help="With --embedder: look for items of rows in other languages, or of all rows."
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        "--calibration", help="A file of gristmill recalibrate; scores follow it.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is done with matches after the scan. ``folder`` keeps vectors and the judge's answers."""

    judge: ModelSpec | None = None
    embedder: ModelSpec | None = None
    embed_rows: EmbedRows = EmbedRows.foreign
    calibration: Path | None = None
    folder: Path | None = None

    @property
    def asks(self) -> bool:
        """Whether a model is asked."""
        return self.judge is not None or self.embedder is not None

    @contextlib.contextmanager
    def finishing(
        self, benchmarks: Sequence[Benchmark], min_score: float, file: str
    ) -> Iterator[Finish | None]:
        """The last step of a scan, None when there is nothing to do; it names its counts when it is over.

        Raises:
            GristmillError: the calibration cannot be read, a model cannot be asked.
        """
        if not self.asks and self.calibration is None:
            yield None
            return
        from gristmill_evals.contamination.calibration import Recalibration
        from gristmill_evals.contamination.finish import Finish
        from gristmill_evals.contamination.second_opinion import BlockingOpinion, Models

        calibration = None if self.calibration is None else Recalibration.load(self.calibration)
        if not self.asks:
            yield Finish(benchmarks, min_score, file, calibration=calibration)
            return
        models = Models(self.judge, self.embedder, self.folder, search=self.embed_rows.value)
        with BlockingOpinion(benchmarks, models) as opinion:
            yield Finish(benchmarks, min_score, file, opinion=opinion, calibration=calibration)


NOTHING = Afterwards()


def in_words(value: Any) -> str:
    """What :attr:`gristmill_evals.contamination.finish.Finish.said` holds, for people."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{key} {one}" for key, one in value.items()) or "nothing was uncertain"


def afterwards(
    judge: str | None,
    embedder: str | None,
    base_url: str | None,
    api_key_env: str | None,
    embed_rows: EmbedRows,
    calibration: Path | None,
    folder: Path,
) -> Afterwards:
    """What the options ask for.

    Raises:
        UsageError: an option that belongs to another one is given alone, or a model's name is wrong.
    """
    for name, value, needs in (
        ("--base-url", base_url, judge or embedder),
        ("--api-key-env", api_key_env, judge or embedder),
        ("--embed-rows", embed_rows is not EmbedRows.foreign, embedder),
    ):
        if value and not needs:
            raise UsageError(
                f"{name} belongs to a second opinion", cure="name a model with --judge or --embedder"
            )
    return Afterwards(
        _spec(judge, base_url, api_key_env),
        _spec(embedder, base_url, api_key_env),
        embed_rows,
        calibration,
        folder if judge or embedder else None,
    )


def _spec(model: str | None, base_url: str | None, api_key_env: str | None) -> ModelSpec | None:
    """A bare name is one at an OpenAI-compatible endpoint."""
    if model is None:
        return None
    from gristmill.models import ModelSpec

    named = model if model.partition(":")[0] in KINDS else f"openai:{model}"
    own: dict[str, Any] = (
        {"base_url": base_url, "api_key_env": api_key_env} if named.startswith("openai:") else {}
    )
    return ModelSpec(model=named, **own)
