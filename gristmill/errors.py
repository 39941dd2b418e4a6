"""Every error a user can meet. The root carries cause, place and cure, and the exit code.

GristmillError (exit 1)
├── UsageError (exit 2)            wrong arguments
│   └── RecipeError                the recipe is wrong; knows file and line
├── StoreError                     the dataset file cannot be used
│   └── StoreBusyError             another process owns it
├── ReadError                      a source file cannot be read (becomes a failure row)
├── MissingExtraError              an optional package is missing; names the pip install
├── BudgetError (exit 3)           the budget is spent
├── StoppedError                   the run is stopping: the call was not sent, its row stays pending
│   └── DeferredError              the call waits for its batch
└── ModelError                     a model could not answer
    ├── ModelConfigError           400/401/403/404: no retry can help, the run stops
    ├── ModelUnavailableError      time-outs, 429, 5xx, connection: retried, then a failure row
    └── ModelAnswerError           the answer is unusable: refused, truncated, broken JSON; keeps it raw
"""

from __future__ import annotations

from typing import TypeVar


class GristmillError(Exception):
    """Root of all errors meant for a user.

    ``message`` says what was wrong, ``where`` the place (file:line, row id), ``cure`` what to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.cure = message, where, cure

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f"\n  → {self.cure}" if self.cure else ""
        return f"{place}{self.message}{cure}"


class UsageError(GristmillError):
    exit_code = 2


class RecipeError(UsageError):
    pass


class StoreError(GristmillError):
    pass


class StoreBusyError(StoreError):
    pass


class ReadError(GristmillError):
    """A file that cannot be read. ``reason`` is a short stable slug such as ``encrypted`` or ``empty``."""

    def __init__(self, reason: str, message: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(message, where=where, cure=cure)
        self.reason = reason


class MissingExtraError(GristmillError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the optional packages of gristmill[{extra}]",
            cure=f"pip install 'gristmill[{extra}]'",
        )


class BudgetError(GristmillError):
    exit_code = 3


class StoppedError(GristmillError):
    """A call that was not sent because the run is stopping."""

    def __init__(self) -> None:
        super().__init__("the run is stopping: the call was not sent", cure="run again to go on")


class DeferredError(StoppedError):
    """Not a failure: in batch mode, the answer to the call ``key`` comes with a later run."""

    def __init__(self, key: str) -> None:
        super(StoppedError, self).__init__("the call waits for its batch", cure="run again with --batch")
        self.key = key


class ModelError(GristmillError):
    """``kind`` is a short stable slug for the accounting, ``raw`` the model's text if there was one."""

    def __init__(
        self, message: str, *, kind: str, raw: str = "", where: str = "", cure: str = "", key: str = ""
    ) -> None:
        super().__init__(message, where=where, cure=cure)
        self.kind, self.raw, self.key = kind, raw, key


class ModelConfigError(ModelError):
    pass


class ModelUnavailableError(ModelError):
    """``retry_after`` is in seconds when the server named a wait."""

    def __init__(self, message: str, *, kind: str, retry_after: float | None = None, where: str = "") -> None:
        super().__init__(message, kind=kind, where=where)
        self.retry_after = retry_after


class ModelAnswerError(ModelError):
    pass


E = TypeVar("E", bound=GristmillError)


def copied(error: E) -> E:
    """A fresh exception that says the same: one instance raised in many tasks piles up its traceback."""
    fresh = type(error).__new__(type(error), *error.args)
    fresh.__dict__.update(error.__dict__)
    return fresh
