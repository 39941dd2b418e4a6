"""A plan out of a few options of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill.yaml_lines import Source
from gristmill_evals.evaluation.folder import safe_name
from gristmill_evals.evaluation.plan import LoadedPlan, plan_of

_LM_EVAL = "lm-eval:"


@dataclass(frozen=True, slots=True)
class _Options(Source):
    """What stands on the command line has no lines."""

    def where(self, loc: Sequence[str | int]) -> str:
        return "command line"


def quick_plan(
    models: Sequence[str],
    tasks: Sequence[str],
    given: Mapping[str, str | None],
    root: Path,
    *,
    check_keys: bool = True,
) -> LoadedPlan:
    """``models`` are specs such as ``openai:NAME``, ``tasks`` are ``lm-eval:NAME[@FOLDER]`` or JSONL files.

    ``given`` are further keys of every model. Relative paths start at ``root``.

    Raises:
        UsageError: as :func:`gristmill_evals.evaluation.plan.load_plan`.
    """
    shared = {key: value for key, value in given.items() if value is not None}
    roles: dict[str, dict[str, str]] = {}
    for spec in models:
        role = safe_name(spec.partition(":")[2].rpartition("/")[2] or spec)
        same = sum(known.partition("#")[0] == role for known in roles)
        roles[f"{role}#{same + 1}" if same else role] = {"model": spec, **shared}
    data = {"name": "eval", "models": roles, "evaluate": [*roles], "tasks": [_task(task) for task in tasks]}
    # paths of tasks and scorers start where the plan would stand
    return plan_of(_Options(root / "command line", data, {}), root, check_keys=check_keys)


def _task(text: str) -> dict[str, Any]:
    if not text.startswith(_LM_EVAL):
        if not text.endswith(".jsonl"):
            raise UsageError(
                f"{text!r} is no task", where="--task", cure="write lm-eval:NAME[@FOLDER], or a .jsonl file"
            )
        return {"use": "jsonl", "path": text}
    name, _, folder = text.removeprefix(_LM_EVAL).partition("@")
    return {"use": "lm-eval", "task": name, **({"folder": folder} if folder else {})}
