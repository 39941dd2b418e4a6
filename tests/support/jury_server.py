"""Several models behind one server, each with a mind of its own, for juries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from gristmill.calibration import JudgeCalibration, JudgeRecord
from gristmill.models.door import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Item
from gristmill.registry import Scored, Unscored
from gristmill_scorers.jury.scorer import Jury
from support.judge_server import JudgeServer, shown, verdict

RUBRIC = (
    "name: ferry\ncriteria:\n  - {id: one, text: One., points: 1}\n  - {id: two, text: Two., points: 3}\n"
)
QUOTE = "leaves at 6:40"
DOWN = "down"
Mind = str | int
"""Of a rubric: points of 4; of a pair ``1``, ``2`` or ``tie``, or one for each order joined by ``/``. Of
``down`` the model does not answer; any other text is said as it is."""


class JuryServer(JudgeServer):
    """``minds`` are what the models ``m-a``, ``m-b``, ``m-c`` … say, by their last letter.

    Where ``chosen`` is not known, ``1/2`` is a judge that takes what is shown first.
    """

    def __init__(self, minds: Mapping[str, Mind], chosen: str = "", quote: str = QUOTE) -> None:
        super().__init__(lambda body, number: self._said(body))
        self.minds, self.chosen, self.quote = minds, chosen, quote
        self.asked: Counter[str] = Counter()

    async def _reply(self, request: web.Request, body: dict[str, Any], key: str) -> web.StreamResponse:
        self.asked[body["model"]] += 1
        if self.minds[body["model"][-1]] == DOWN:
            return self._error(503, "down", "The model is not there.")
        return await super()._reply(request, body, key)

    def _said(self, body: dict[str, Any]) -> str:
        mind = self.minds[body["model"][-1]]
        if isinstance(mind, int):
            points = {"one": mind % 3 == 1, "two": mind >= 3}
            return verdict(points, self.quote)
        first, _, second = mind.partition("/")
        if first not in {"1", "2", "tie"}:
            return mind
        swapped = shown(body, "response_a") != self.chosen
        side = (second or first) if swapped else first
        places = {"1": "B", "2": "A"} if swapped else {"1": "A", "2": "B"}
        return json.dumps({"explanation": "so", "winner": places.get(side, "tie")})

    def specs(self) -> dict[str, ModelSpec]:
        """The roles ``a``, ``b``, ``c`` …"""
        return {
            role: ModelSpec(model=f"openai:m-{role}", base_url=self.url, api_key_env=None, retries=0)
            for role in self.minds
        }

    async def judge(self, jury: Jury, item: Item) -> Scored | Unscored:
        """One row before a jury, over HTTP, through the door, without a cache."""
        async with Door(self.specs(), cache=None) as door:
            return await jury.score(item, door.ask_for(jury.roles()[0]))


def jury(folder: Path, roles: Sequence[str] = "abc", of: str = "rubric", **options: Any) -> Jury:
    """A prepared jury over the rubric above, or ``of`` another scorer."""
    (folder / "ferry.yaml").write_text(RUBRIC, encoding="utf-8")
    given = options.pop("given", {"rubric": "ferry.yaml"} if of == "rubric" else {})
    made = Jury.model_validate({"of": of, "with": given, "models": list(roles), **options})
    made.meet({role: f"openai:m-{role}" for role in roles})
    made.prepare(folder)
    return made


def calibration(folder: Path, kind: str = "rating", **accuracies: float) -> str:
    """A calibration file over 200 rows; judges are called ``ferry/openai:m-a`` or ``pair/openai:m-a``."""
    scorer = "pair" if kind == "pair" else "ferry"
    judges = {
        f"{scorer}/openai:m-{role}": JudgeRecord.model_validate({"kind": kind, "accuracy": a, "n": 200})
        for role, a in accuracies.items()
    }
    JudgeCalibration(judges=judges).save(folder / "judges.json")
    return "judges.json"
