"""The scorer ``jury``: several models judge by one and the same scorer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gristmill import registry
from gristmill.errors import ModelConfigError, ModelError, UsageError
from gristmill.juries import NEAR
from gristmill.models.types import Answer, Ask
from gristmill.records import Item, Kind, Message
from gristmill.registry import Component, Scored, Scorer, Unscored
from gristmill_scorers.asking import together
from gristmill_scorers.calibration_file import load_calibration
from gristmill_scorers.jury.hearing import NOT_ASKED, Hearing, Said
from gristmill_scorers.jury.seats import Seat, doubts_about, is_pair, mode_of, seated

FEWEST = 2


class Jury(Scorer):
    """Several models judge with one scorer, weighted by measured accuracy; below an agreement it abstains.

    Weights are the log-odds of each judge's accuracy in a file of ``gristmill calibrate --save``
    (:mod:`gristmill.juries`). Judges of pairs vote once in each order; of scores the weighted mean holds, of
    calibrated probabilities where every judge has a calibration curve. A member without a score counts for
    nothing; more than half of the weight must have spoken.
    """

    of: str = Field(description="The scorer that all of them judge with, such as rubric or pair.")
    given: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="Arguments of that scorer, all but its model."
    )
    models: list[str] = Field(min_length=FEWEST, description="Roles of the recipe's models that judge.")
    calibration: str | None = Field(
        default=None, description="File of `gristmill calibrate --save`; without it all weigh the same."
    )
    judges: dict[str, str] = Field(
        default_factory=dict, description="Names of judges in that file, by role, where they differ."
    )
    min_agreement: float = Field(
        default=0.0, ge=0, le=1, description="Least share of the weight that must agree, else it abstains."
    )
    near: float = Field(
        default=NEAR, ge=0, le=1, description="Scores that are at most so far from each other agree."
    )
    _members: dict[str, Scorer] = PrivateAttr(default_factory=dict)
    _models: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _seats: tuple[Seat, ...] = PrivateAttr(default=())

    @model_validator(mode="before")
    @classmethod
    def _passed_on(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("of"), str):
            own = {info.alias or name for name, info in cls.model_fields.items()}
            for key in (data.keys() - own) & _kind_of(data["of"]).model_fields.keys():
                said = "the roles of a jury stand under `models`"
                if key != "model":
                    said = f"what {data['of']} is told stands under `with`"
                raise _wrong((key,), said, data[key])
        return data

    @model_validator(mode="after")
    def _seat_members(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise ValueError("models: a role is named twice")
        if strange := sorted(self.judges.keys() - set(self.models)):
            raise ValueError(f"judges: {strange[0]!r} is none of the roles under models")
        if self.judges and self.calibration is None:
            raise ValueError("judges are names in a calibration, and none is given")
        kind = _kind_of(self.of)
        self._members = {role: _member(kind, self.given, role) for role in self.models}
        if "near" in self.model_fields_set and is_pair(self._first):
            raise ValueError(f"near is about scores, and {self.of} gives verdicts")
        return self

    def meet(self, models: Mapping[str, str]) -> None:
        self._models = models
        for member in self._members.values():
            member.meet(models)

    def prepare(self, root: Path) -> None:
        for member in self._members.values():
            member.prepare(root)
        path = None if self.calibration is None else root / self.calibration
        known = None if path is None else load_calibration(path)
        self._seats = seated(self._members, self._models, known, self.judges, str(path or ""))

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The members; paths start at the current folder when the recipe did not prepare it."""
        if not self._seats:
            self.prepare(Path())
        return self._seats

    @property
    def _first(self) -> Scorer:
        return next(iter(self._members.values()))

    @property
    def label(self) -> str:
        """That of the scorer they judge with, so that accept rules read the same."""
        return self._first.label

    @property
    def tasks(self) -> tuple[str, ...]:  # type: ignore[override]  # it depends on what they judge with
        """Those of the scorer they judge with."""
        return self._first.tasks

    def applies_to(self, kind: Kind) -> bool:
        return self._first.applies_to(kind)

    def roles(self) -> Sequence[str]:
        return list(dict.fromkeys(role for member in self._members.values() for role in member.roles()))

    def parts(self) -> Sequence[Component]:
        return list(self._members.values())

    def doubts(self) -> Sequence[str]:
        return [*doubts_about(self.seats), *(said for member in self.parts() for said in member.doubts())]

    def fingerprint(self) -> Mapping[str, Any]:
        """What they judge with, and every weight and curve in use; not where the calibration is kept."""
        inner = {key: value for key, value in self._first.fingerprint().items() if key != "model"}
        mode = mode_of(self.seats)
        curves = {seat.role: seat.record.points for seat in self.seats if seat.record}
        return {
            "use": self.registered_name,
            "version": self.version,
            "of": inner,
            "weights": {seat.role: seat.weight for seat in self.seats},
            "min_agreement": self.min_agreement,
            "near": self.near,
            **({"curves": curves} if mode == "probabilities" else {}),
        }

    def calls_per_example(self) -> Mapping[str, float]:
        """Those of every member whose vote weighs something."""
        calls: dict[str, float] = {}
        for seat in self.seats:
            for role, count in seat.scorer.calls_per_example().items() if seat.weight else ():
                calls[role] = calls.get(role, 0.0) + count
        return calls

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """All members at the same time; one whose model does not answer is missing, the others go on."""
        said = await together([_heard(seat, item, ask) for seat in self.seats])
        chosen, rejected = item.example.chosen, item.example.rejected
        chars = None if chosen is None or rejected is None else (len(chosen), len(rejected))
        mode = mode_of(self.seats)
        return Hearing(self.label, said, mode, self.min_agreement, self.near, chars).result()


async def _heard(seat: Seat, item: Item, ask: Ask) -> Said:
    if not seat.weight:
        return Said(seat, Unscored(NOT_ASKED))
    try:
        return Said(seat, await seat.scorer.score(item, _RoleAsk(ask, seat.role)))
    except ModelConfigError:
        raise
    except ModelError as error:
        # "stopped" ends the run: no jury decides without those that would have been asked
        if error.kind == "stopped":
            raise
        return Said(seat, Unscored(error.kind, error.raw or error.message))


class _RoleAsk:
    """An ``ask`` whose own role is a member's."""

    def __init__(self, ask: Ask, role: str) -> None:
        self._ask, self._role = ask, role

    async def __call__(
        self, messages: Sequence[Message], *, model: str | None = None, **how: Any
    ) -> list[Answer]:
        return await self._ask(messages, model=model or self._role, **how)


def _kind_of(name: str) -> type[Scorer]:
    """The class of the scorer that they judge with."""
    try:
        kind = registry.load("scorers", name)
    except (UsageError, ImportError, AttributeError) as error:
        raise _wrong(("of",), f"{error}", name) from error
    if not (isinstance(kind, type) and issubclass(kind, Scorer) and "model" in kind.model_fields):
        raise _wrong(("of",), f"{name!r} asks no model, so there is nothing to vote on", name)
    return kind


def _member(kind: type[Scorer], given: Mapping[str, Any], role: str) -> Scorer:
    if "model" in given:
        raise _wrong(("with", "model"), "the roles of a jury stand under `models`", given["model"])
    try:
        return kind.model_validate({**given, "model": role})
    except ValidationError as error:
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        said = first["msg"]
        if first["type"] == "extra_forbidden":
            known = [field for field in kind.model_fields if field != "model"]
            close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
            hint = f", did you mean {close[0]!r}?" if close else ""
            said = f"no argument of {kind.registered_name}{hint or ';'} known: {', '.join(known)}"
        raise _wrong(("with", *first["loc"]), said, first["input"]) from error


def _wrong(loc: tuple[str | int, ...], said: str, value: object) -> ValidationError:
    # in the form of pydantic's own errors the recipe finds file and line
    kind = PydanticCustomError("jury", "{said}", {"said": said})
    return ValidationError.from_exception_data("jury", [InitErrorDetails(type=kind, loc=loc, input=value)])
