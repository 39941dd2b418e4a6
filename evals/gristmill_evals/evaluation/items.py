"""JSONL files of prompts and of questions with several turns, read whole; a mistake is named by line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill.records import Message
from gristmill_evals.jsonl import objects

_CURE = (
    "a line has id and question (or messages, or turns), and may have reference, context, category, cluster; "
    "see docs/evaluation.md"
)
_QUESTION = ("question", "prompt", "instruction", "turns")
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: what was ``said`` before, then the user's ``turns``, one after another.

    ``references`` has an answer known to be good for each turn, empty where there is none. ``context`` is the
    text that the question is about. ``cluster`` is shared by prompts that are not independent.
    """

    id: str
    turns: tuple[str, ...]
    references: tuple[str, ...]
    context: str = ""
    cluster: str = ""
    category: str = ""
    said: tuple[Message, ...] = ()

    @property
    def question(self) -> str:
        """All turns of the user, for people and for a search."""
        return "\n\n".join(self.turns)


def below(root: Path, path: str) -> Path:
    """A path of a plan, as the shell would read it; a relative one starts at ``root``."""
    return root / os.path.expanduser(path)


def read_prompts(path: Path, limit: int | None = None) -> list[Prompt]:
    """The first ``limit`` prompts of a file.

    ``question_id`` is as good as ``id``, ``answer`` as ``reference``; a line without an id is named by its
    number. ``messages`` end with a user's turn.

    Raises:
        UsageError: no such file, nothing in it, a line that is no prompt, an id twice.
    """
    if not path.is_file():
        raise UsageError("no such file", where=str(path), cure="paths start at the folder of the plan")
    found: dict[str, Prompt] = {}
    for where, row in objects(path, _CURE):
        prompt = _prompt(row, where)
        if prompt.id in found:
            raise UsageError(
                f"the id {prompt.id!r} stands twice", where=where, cure="give each line its own id"
            )
        found[prompt.id] = prompt
    if not found:
        raise UsageError("no line in it", where=str(path), cure=_CURE)
    return list(found.values())[:limit]


def _prompt(row: Mapping[str, Any], where: str) -> Prompt:
    said, turns = _asked(row, where)
    given = row.get("id", row.get("question_id"))
    key = f"line-{where.rpartition(':')[2]}" if given is None else str(given)
    return Prompt(
        key,
        turns,
        _references(row, len(turns), where),
        _text(row, "context", where) or _text(row, "passage", where),
        str(row.get("cluster") or row.get("document_id") or key),
        _text(row, "category", where),
        said,
    )


def _asked(row: Mapping[str, Any], where: str) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    if (messages := row.get("messages")) is not None:
        said = _messages(messages, where)
        return said[:-1], (said[-1]["content"],)
    asked = next((row[name] for name in _QUESTION if row.get(name)), None)
    turns = [asked] if isinstance(asked, str) else asked
    if not isinstance(turns, list) or not all(isinstance(turn, str) and turn.strip() for turn in turns):
        raise UsageError("no question in it", where=where, cure=_CURE)
    return (), tuple(turns)


def _messages(messages: Any, where: str) -> tuple[Message, ...]:
    said: list[Message] = []
    for turn in messages if isinstance(messages, list) else []:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if role not in _ROLES or not isinstance(content, str):
            raise UsageError("messages: a turn without role or content", where=where, cure=_CURE)
        said.append({"role": role, "content": content})
    if not said or said[-1]["role"] != "user":
        raise UsageError("messages: the last turn must be a user's", where=where, cure="leave the answer out")
    return tuple(said)


def _references(row: Mapping[str, Any], turns: int, where: str) -> tuple[str, ...]:
    given = row.get("reference", row.get("answer"))
    known = given if isinstance(given, list) else [given]
    if len(known) > turns or not all(one is None or isinstance(one, (str, int, float)) for one in known):
        raise UsageError(
            f"reference: {len(known)} for {turns} turns, or not texts",
            where=where,
            cure="give a text, or a list with one text (or null) for each turn",
        )
    texts = ["" if one is None else str(one) for one in known]
    return tuple(texts + [""] * (turns - len(texts)))


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} is no text", where=where, cure=_CURE)
    return value or ""
