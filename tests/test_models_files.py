"""Concurrency and the limit of open files, in processes of their own: a limit once lowered stays low."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource
from gristmill.errors import GristmillError
from gristmill.models import Door, ModelSpec
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
try:
    spec = ModelSpec(model="openai:m", base_url="http://127.0.0.1:1", concurrency=1024)
    Door({{"writer": spec}}, cache=None)
except GristmillError as error:
    print(error)
else:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def run(soft: int, hard: int) -> str:
    command = [sys.executable, "-c", SCRIPT.format(soft=soft, hard=hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_low_soft_limit_is_raised_to_what_the_connections_need() -> None:
    assert int(run(256, 4096)) == 1024 + 200


def test_a_high_limit_is_left_alone() -> None:
    assert int(run(3000, 4096)) == 3000


def test_a_hard_limit_below_the_concurrency_is_said_before_anything_is_sent() -> None:
    said = run(256, 512)
    assert "1024 calls at once need 1224 open files" in said
    assert "allows 512" in said
    assert "lower the concurrency" in said
