"""The command line: one file per command. Heavy packages are imported by the command that needs them."""

from __future__ import annotations

import errno
import sys

import typer

from gristmill.cli import (
    backup,
    benchmark,
    cache,
    calibrate,
    compare,
    decontaminate,
    dedup,
    evaluate,
    export,
    init,
    listing,
    models,
    notices,
    recalibrate,
    report,
    review,
    run,
    status,
)
from gristmill.errors import GristmillError

app = typer.Typer(
    name="gristmill",
    help="Raw documents in, training data worth trusting out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_FILES = (init, run, review, report, export, decontaminate, dedup, status, backup, cache, listing, models)
for command in (*_FILES, benchmark, evaluate, compare, calibrate, recalibrate):
    command.register(app)

_CURES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room, then run again"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "check the rights, then run again"),
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP), "choose another path"
    ),
}


def main() -> None:
    """Entry point: errors of a user become one message and an exit code, never a traceback."""
    notices.tell()
    try:
        app()
    except GristmillError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != 130:  # typer makes 130 of Ctrl-C, without a word
            raise
        _say("stopped at once; what was answered is kept: run again to go on")
        sys.exit(1)
    except OSError as error:
        cure = _CURES.get(error.errno or 0)
        if cure is None:
            raise
        _say(f"{error.filename2 or error.filename or 'disk'}: {error.strerror}\n  → {cure}")
        sys.exit(1)


def _say(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
