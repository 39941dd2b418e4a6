"""Which stored answers a run asks again: those that could not be used, once each, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

from gristmill.errors import ModelAnswerError, UsageError
from gristmill.models.cache import Entry, now

RedoKind = Literal["truncated", "refused", "failed"]
REDO_KINDS: tuple[RedoKind, ...] = ("truncated", "refused", "failed")
_KIND_OF: dict[str, RedoKind] = {"truncated": "truncated", "refused": "refused", "content-filter": "refused"}


def redo_kinds(values: Iterable[str]) -> frozenset[RedoKind]:
    """Kinds out of what a user wrote: names, or lists of names with commas.

    Raises:
        UsageError: an unknown kind; the known ones are named.
    """
    names = {name.strip() for value in values for name in value.split(",") if name.strip()}
    unknown = sorted(names.difference(REDO_KINDS))
    if unknown:
        raise UsageError(f"--redo {unknown[0]}: no such kind", cure=f"known: {', '.join(REDO_KINDS)}")
    return cast("frozenset[RedoKind]", frozenset(names))


class Redo:
    """What one run asks again. An answer stored since the run began is new: it is never asked a second time.

    ``truncated``: cut off at the token limit; ``refused``: refusals and content filters; ``failed``:
    whatever could not be used, these two, empty answers and JSON that stayed broken included.
    """

    __slots__ = ("_keys", "kinds", "since")

    def __init__(self, kinds: frozenset[RedoKind]) -> None:
        self.kinds = kinds
        self.since = now()
        self._keys: set[str] = set()

    def wants(self, kind: str) -> bool:
        """Whether an answer that failed as ``kind`` (of a :class:`ModelError`) is to be asked again."""
        return "failed" in self.kinds or _KIND_OF.get(kind) in self.kinds

    def claim(self, error: ModelAnswerError, entry: Entry) -> bool:
        """Mark the calls behind ``error`` for asking again; whether that can change anything.

        ``entry`` is the first answer; the error may come from the repair of it, a call of its own.
        """
        if not self.wants(error.kind) or not self._is_old(entry):
            return False
        self.mark((entry.call.key, error.key))
        return True

    def mark(self, keys: Iterable[str]) -> None:
        """Ask these calls again when they are wanted next."""
        self._keys.update(keys)

    def drops(self, entry: Entry) -> bool:
        """Whether a stored answer is as good as none."""
        return entry.call.key in self._keys and self._is_old(entry)

    def replaces(self, key: str) -> str:
        """The time before which a new answer to ``key`` replaces even a complete one; empty: never."""
        return self.since if key in self._keys else ""

    def _is_old(self, entry: Entry) -> bool:
        return bool(entry.created) and entry.created < self.since
