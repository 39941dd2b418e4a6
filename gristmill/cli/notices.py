"""What is logged for people to see: a line on stderr."""

from __future__ import annotations

import logging
import sys

TOLD = ("gristmill.models.serving",)


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # Looked up anew each time: while a progress bar is shown it is another stream, which prints above it.
        print(self.format(record), file=sys.stderr)


def tell() -> None:
    """Show what these loggers say, from information on; of others only warnings are shown."""
    for name in TOLD:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(_Stderr())
            logger.setLevel(logging.INFO)
            logger.propagate = False
