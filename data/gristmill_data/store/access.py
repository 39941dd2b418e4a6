"""Operations on a dataset that run the same in this process or in the one that owns the file.

An operation is a function ``fn(store, **arguments)`` with JSON-able arguments and result, made known by
:func:`operation`. :func:`call` runs it on the file itself when that is free; otherwise it sends it to the
owner (the review app) over loopback HTTP, with the token of the owner file.
"""

from __future__ import annotations

import hmac
import http.client
import inspect
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import orjson

import gristmill.errors
from gristmill.errors import GristmillError, StoreBusyError, StoreError, UsageError
from gristmill_data.store.connect import is_out_of_memory
from gristmill_data.store.core import Store
from gristmill_data.store.owner import (
    Owner,
    is_loopback,
    read_owner_file,
    remove_owner_file,
    write_owner_file,
)
from gristmill_data.store.people import NotAllowedError
from gristmill_data.store.review import StoreConflictError
from gristmill_data.store.segments import dataset_path

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

log = logging.getLogger("gristmill.store")

WAIT_S = 15.0
"""How long :func:`call` waits for a file that another command has open."""
ANSWER_S = 3600.0
"""How long it waits for the owner's answer: an export of millions of rows takes its time."""
CLOSING_S = 5.0
"""How long an owner that broke a connection off may take to end."""
MAX_BODY = 64 * 2**20

Function = TypeVar("Function", bound=Callable[..., Any])
_operations: dict[str, Callable[..., Any]] = {}
_creating: set[str] = set()
_light: set[str] = set()


def operation(name: str, *, creates: bool = False, light: bool = False) -> Callable[[Function], Function]:
    """Register ``fn(store, **arguments)`` as the operation ``name``.

    With ``creates`` it may be called for a dataset that does not exist yet. A ``light`` one, as a run asks
    for again and again, gets little memory at first whatever the size of the dataset, and is done again
    without that limit when it was not enough: doing it twice must be as good as once. Paths among the
    arguments must be absolute: the owner has another working directory.
    """

    def register(function: Function) -> Function:
        _operations[name] = function
        if creates:
            _creating.add(name)
        if light:
            _light.add(name)
        return function

    return register


def _operation(name: str) -> Callable[..., Any]:
    import gristmill_data.store.operations  # noqa: F401 - registers the built-in ones

    if name not in _operations:
        raise UsageError(f"unknown store operation {name!r}", cure=f"known: {', '.join(sorted(_operations))}")
    return _operations[name]


def call(db: Path | str, operation: str, **arguments: Any) -> Any:
    """Run ``operation`` on the dataset ``db``: here if the file is free, else in the process that owns it.

    ``Path`` arguments are made absolute. While another command has the file open for a moment this waits
    (up to 15 s).

    Raises:
        StoreBusyError: the file stays in use by a process that answers no operations.
        StoreError: the dataset cannot be used, or what the operation raised, wherever it ran.
    """
    path = dataset_path(db)
    function = _operation(operation)
    values = {k: str(v.absolute()) if isinstance(v, Path) else v for k, v in arguments.items()}
    mine = Store.opened(path)
    if mine is not None:
        return function(mine, **values)
    deadline, light = time.monotonic() + WAIT_S, operation in _light
    while True:
        try:
            store = Store.open(path, create=operation in _creating, light=light)
        except StoreBusyError as busy:
            answered, result = _ask_owner(path, operation, values)
            if answered:
                return result
            if time.monotonic() >= deadline:
                raise busy
            time.sleep(0.1)
            continue
        try:
            with store:
                return function(store, **values)
        except StoreError as error:
            if not light or not is_out_of_memory(error):
                raise
            light = False


def _ask_owner(path: Path, name: str, arguments: Mapping[str, Any]) -> tuple[bool, Any]:
    """Whether there is an owner that took the operation, and its result."""
    owner = read_owner_file(path)
    if owner is None:
        return False, None
    try:
        status, body = _post(owner, f"/api/op/{name}", orjson.dumps(arguments))
    except ConnectionRefusedError:
        return False, None  # it is starting or closing: nothing was sent, the caller tries again
    except ConnectionError as error:
        if _ended(path, owner):  # what it had not committed is undone: the caller does it again
            return False, None
        raise _silent(owner, name, path, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _silent(owner, name, path, error) from error
    if status == 200:
        return True, orjson.loads(body)["result"]
    raise _raised(body, status, path)


def _ended(path: Path, owner: Owner) -> bool:
    """Whether the owner that broke a connection off is gone, or goes within seconds."""
    deadline = time.monotonic() + CLOSING_S
    while read_owner_file(path) == owner:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def _silent(owner: Owner, name: str, path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"the owner of the dataset (process {owner.pid}) gave no answer to {name!r}: {error}",
        where=str(path),
        cure="look whether the review app still runs, then run the command again",
    )


def _post(owner: Owner, target: str, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(owner.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=ANSWER_S)
    headers = {"Authorization": f"Bearer {owner.token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", parts.path.rstrip("/") + target, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


_ERRORS: Mapping[str, type[GristmillError]] = {
    "StoreConflictError": StoreConflictError,
    "NotAllowedError": NotAllowedError,
    "StoreError": StoreError,
    "StoreBusyError": StoreBusyError,
    "UsageError": UsageError,
    "RecipeError": gristmill.errors.RecipeError,
}


def _raised(body: bytes, status: int, path: Path) -> GristmillError:
    """The error that the owner answered with."""
    try:
        error = orjson.loads(body)["error"]
        kind = _ERRORS.get(error["type"], StoreError)
        return kind(error["message"], where=error["where"], cure=error["cure"])
    except (ValueError, KeyError, TypeError):
        text = body[:200].decode("utf-8", "replace")
        cure = "restart the review app; it may be of another version"
        return StoreError(f"the owner answered with HTTP {status}: {text}", where=str(path), cure=cure)


def owner_routes(store: Store, token: str) -> list[Route]:
    """Routes for the process that owns ``store``: ``POST /api/op/{name}`` and ``GET /api/health``.

    Both answer loopback clients only. An operation needs ``Authorization: Bearer TOKEN``, takes its
    arguments as a JSON object and answers ``{"result": …}``, or ``{"error": {type, message, where, cure}}``
    with 400 (409 for a conflict).
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def run(request: Request) -> Response:
        refused = _refusal(request, token)
        if refused:
            return JSONResponse(_problem(StoreError(refused[1])), refused[0])
        body = await request.body()
        try:
            arguments = orjson.loads(body or b"{}")
            result = await run_in_threadpool(_perform, store, request.path_params["name"], arguments)
        except (GristmillError, orjson.JSONDecodeError) as error:
            status = 409 if isinstance(error, StoreConflictError) else 400
            return JSONResponse(_problem(error), status)
        return _json(result)

    async def health(request: Request) -> Response:
        if not _from_here(request):
            return JSONResponse(_problem(StoreError("loopback only")), 403)
        return JSONResponse({"status": "ok"})

    return [
        Route("/api/op/{name}", run, methods=["POST"]),
        Route("/api/health", health, methods=["GET"]),
    ]


def _perform(store: Store, name: str, arguments: Any) -> Any:
    function = _operation(name)
    if not isinstance(arguments, dict):
        raise UsageError("arguments must be a JSON object", where=name, cure="send {} for none")
    try:
        inspect.signature(function).bind(store, **arguments)
    except TypeError as error:
        raise UsageError(f"wrong arguments: {error}", where=name, cure="see docs/store.md") from error
    return function(store, **arguments)


def _json(result: Any) -> Response:
    from starlette.responses import Response

    return Response(orjson.dumps({"result": result}, default=str), media_type="application/json")


def _refusal(request: Request, token: str) -> tuple[int, str] | None:
    if not _from_here(request):
        return 403, "loopback only"
    sent = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(sent.encode(), token.encode()):
        return 401, "wrong or missing token"
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        return 413, f"arguments of more than {MAX_BODY >> 20} MiB"
    return None


def _from_here(request: Request) -> bool:
    return request.client is not None and is_loopback(request.client.host)


def _problem(error: Exception) -> dict[str, dict[str, str]]:
    if not isinstance(error, GristmillError):
        error = UsageError(f"arguments are not JSON: {error}")
    kind = type(error).__name__
    return {"error": {"type": kind, "message": error.message, "where": error.where, "cure": error.cure}}


__all__ = [
    "call",
    "operation",
    "owner_routes",
    "read_owner_file",
    "remove_owner_file",
    "write_owner_file",
]
