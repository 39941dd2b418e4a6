"""Every call in flight holds a connection, and every connection an open file."""

from __future__ import annotations

from gristmill.errors import UsageError

OTHER_FILES = 200
"""Sources, store, segments, libraries."""


def allow_connections(wanted: int) -> None:
    """Raise the process's limit of open files so that ``wanted`` connections fit; never lowers it.

    Raises:
        UsageError: the system does not allow that many.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    needed = wanted + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{wanted} calls at once need {needed} open files, and this system allows {hard}",
            where="models: concurrency",
            cure="lower the concurrency, or raise the limit (ulimit -Hn)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
