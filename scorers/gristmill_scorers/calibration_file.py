"""Reading the file of ``gristmill calibrate``: what is known of a judge's accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
from pydantic import ValidationError

from gristmill.calibration import JudgeCalibration
from gristmill.errors import UsageError
from gristmill.yaml_lines import read_yaml

_CURE = "make it with `gristmill calibrate VOTES.jsonl --save FILE`"


def load_calibration(path: Path) -> JudgeCalibration:
    """Read a calibration file.

    Raises:
        UsageError: no such file, no JSON, or not what the format says; with file and line.
    """
    try:
        raw = path.read_bytes()
        data = orjson.loads(raw)
    except OSError as error:
        said = f"no calibration can be read: {error.strerror}"
        raise UsageError(said, where=str(path), cure=_CURE) from error
    except orjson.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise UsageError(f"the calibration is not JSON: {error.msg}", where=where, cure=_CURE) from error
    try:
        return JudgeCalibration.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        where = _where(path, data, first["loc"])
        raise UsageError(f"{place}: {first['msg']}", where=where, cure=_CURE) from error


def _where(path: Path, data: object, loc: Sequence[str | int]) -> str:
    """``file:line`` of the value at ``loc``; JSON is YAML, whose reader knows the lines."""
    return read_yaml(path).where(loc) if isinstance(data, dict) else f"{path}:1"
