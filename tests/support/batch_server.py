"""The test server with OpenAI's batch API: files, batches that take their time, and all ways they can end.

Answers are those that the same server gives online. A batch advances by one step each time it is asked
after, so nothing here depends on a clock.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from support.openai_faults import error
from support.openai_server import OpenAIServer, body_hash

EXPIRED = "This request could not be executed before the completion window expired."
WORDS = {429: "Rate limit reached.", 500: "The server had an error.", 400: "Invalid value: 'temperature'."}


@dataclass(slots=True)
class Plan:
    """How one batch goes. Shares are of its lines; ``again`` fails them on later attempts too.

    ``polls`` looks pass before it ends. ``left`` lines are not executed when it expires or is cancelled,
    ``dropped`` ones are in no file. ``junk`` lines that nobody can read and ``strangers`` with unknown
    names are added to the output.
    """

    ends: str = "completed"
    polls: int = 0
    p429: float = 0.0
    p500: float = 0.0
    p400: float = 0.0
    again: bool = False
    left: float = 0.0
    dropped: float = 0.0
    junk: int = 0
    strangers: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class StoredBatch:
    """A batch as the server keeps it."""

    id: str
    input_file: str
    metadata: Mapping[str, str]
    plan: Plan
    window: str
    status: str = "validating"
    polls: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    output: list[bytes] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)
    created: int = field(default_factory=lambda: int(time.time()))


class BatchServer(OpenAIServer):
    """``plans`` are for the batches to come. ``hooks`` run once at a named moment, in the server's thread:
    ``files``, ``batches``, ``retrieve``, ``content`` and ``list``, each ``:before`` and ``:after``.

    ``fail`` holds statuses to answer with instead, by the same names; ``lose`` so many answers to creations
    get lost. ``submitted`` counts by custom_id how often a request stood in a batch that was created.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plans: deque[Plan] = deque()
        self.default = Plan()
        self.hooks: dict[str, Callable[[], None]] = {}
        self.fail: dict[str, deque[int]] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.batches: dict[str, StoredBatch] = {}
        self.submitted: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.max_lines = 50_000
        self.max_enqueued = 10**9
        self.executed = 0
        self.lose = 0

    def add_routes(self, app: web.Application) -> None:
        """The batch API."""
        app.router.add_post("/v1/files", self._guarded("files", self._upload))
        app.router.add_get("/v1/files/{id}/content", self._guarded("content", self._content))
        app.router.add_post("/v1/batches", self._guarded("batches", self._create))
        app.router.add_get("/v1/batches", self._guarded("list", self._list))
        app.router.add_get("/v1/batches/{id}", self._guarded("retrieve", self._retrieve))
        app.router.add_post("/v1/batches/{id}/cancel", self._guarded("cancel", self._cancel))

    def _guarded(self, name: str, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if (refused := self._unauthorised(request)) is not None:
                return refused
            self._hook(f"{name}:before")
            if self.fail.get(name):
                status = self.fail[name].popleft()
                self.faults[name] += 1
                return error(status, name, WORDS.get(status, "No."), {"retry-after-ms": "10"})
            response: web.StreamResponse = await handler(request)
            self._hook(f"{name}:after")
            return response

        return handle

    def _hook(self, name: str) -> None:
        hook = self.hooks.pop(name, None)
        if hook is not None:
            hook()

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        if form["purpose"] != "batch" or not isinstance(file, web.FileField):
            return self._error(400, "purpose", "A file of purpose 'batch' is needed.")
        number = f"file-{len(self.files):04}"
        self.files[number] = (file.filename, file.file.read())
        return web.json_response(
            {
                "id": number,
                "object": "file",
                "bytes": len(self.files[number][1]),
                "created_at": int(time.time()),
                "filename": file.filename,
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def _content(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        if found is None:
            return self._error(404, "file", "No such File object.")
        return web.Response(body=found[1], content_type="application/octet-stream")

    async def _create(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        if wanted["input_file_id"] not in self.files:
            return self._error(400, "file", "Input file not found.")
        plan = self.plans.popleft() if self.plans else self.default
        batch = StoredBatch(
            f"batch_{len(self.batches):04}",
            wanted["input_file_id"],
            wanted.get("metadata") or {},
            plan,
            wanted["completion_window"],
        )
        self._validate(batch, wanted["endpoint"])
        self.batches[batch.id] = batch
        self.submitted.update(line["custom_id"] for line in batch.lines)
        if self.lose and request.transport is not None:
            self.lose -= 1
            request.transport.abort()
        return web.json_response(self._shown(batch))

    def _validate(self, batch: StoredBatch, endpoint: str) -> None:
        rows = self.files[batch.input_file][1].splitlines()
        batch.errors = list(batch.plan.errors)
        names: set[str] = set()
        for number, raw in enumerate(rows, 1):
            line = orjson.loads(raw)
            batch.lines.append(line)
            if line["url"] != endpoint or line["method"] != "POST":
                batch.errors.append(_fault("invalid_url", "The URL does not match the endpoint.", number))
            if line["custom_id"] in names:
                batch.errors.append(_fault("duplicate_custom_id", "The custom_id is not unique.", number))
            if line["body"]["model"] not in self.behaviour.models:
                batch.errors.append(_fault("model_not_found", "The model does not exist.", number))
            names.add(line["custom_id"])
        if len(rows) > self.max_lines:
            batch.errors.append(_fault("too_many_tasks", f"More than {self.max_lines} requests.", None))
        queued = sum(len(b.lines) for b in self.batches.values() if b.status in {"validating", "in_progress"})
        if queued + len(rows) > self.max_enqueued:
            batch.errors.append(_fault("token_limit_exceeded", "Enqueued token limit reached.", None))

    async def _list(self, request: web.Request) -> web.Response:
        newest = list(reversed(self.batches.values()))
        after = request.query.get("after")
        start = next((i + 1 for i, b in enumerate(newest) if b.id == after), 0)
        page = newest[start : start + int(request.query.get("limit", 20))]
        more = start + len(page) < len(newest)
        return web.json_response({"object": "list", "data": [self._shown(b) for b in page], "has_more": more})

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._error(404, "batch", "No such Batch object.")
        if batch.status in {"validating", "in_progress"}:
            self._advance(batch)
        return web.json_response(self._shown(batch))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        batch.plan = Plan("cancelled", polls=0, left=1.0)
        batch.status = "cancelling"
        self._finish(batch)
        return web.json_response(self._shown(batch))

    def _advance(self, batch: StoredBatch) -> None:
        batch.polls += 1
        if batch.errors or batch.plan.ends == "failed":
            batch.status = "failed"
        elif batch.polls > batch.plan.polls:
            self._finish(batch)
        else:
            batch.status = "in_progress"

    def _finish(self, batch: StoredBatch) -> None:
        for line in batch.lines:
            self._execute(batch, line)
        for number in range(batch.plan.junk):
            batch.output.insert(number * 2, b'{"id": "batch_req_cut", "custom_id": "')
        for number in range(batch.plan.strangers):
            stranger = {"custom_id": f"stranger-{number}", "response": {"status_code": 200, "body": {}}}
            batch.output.append(orjson.dumps(stranger))
        batch.status = batch.plan.ends
        for kind, rows in (("output", batch.output), ("error", batch.failures)):
            if rows:
                self.files[f"{kind}-{batch.id}"] = (f"{kind}.jsonl", b"\n".join(rows) + b"\n")

    def _execute(self, batch: StoredBatch, line: dict[str, Any]) -> None:
        name, plan, key = line["custom_id"], batch.plan, body_hash(line["body"])
        # The name depends on the port, which is another one each time.
        roll = random.Random(f"{self.behaviour.seed}:{key}").random()
        self.attempts[name] += 1
        if plan.ends != "completed" and roll < plan.left:
            code = f"batch_{plan.ends}"
            batch.failures.append(_row(name, None, {"code": code, "message": EXPIRED}))
            return
        if roll < plan.dropped:
            return
        if self.attempts[name] == 1 or plan.again:
            edge = 0.0
            for status, share in ((429, plan.p429), (500, plan.p500), (400, plan.p400)):
                edge += share
                if roll < edge:
                    batch.failures.append(_row(name, _refusal(status, WORDS[status]), None))
                    return
        wanted = (line["body"].get("response_format") or {}).get("type")
        if wanted not in {None, "text", *self.behaviour.formats}:
            said = f"'response_format' of type '{wanted}' is not supported."
            batch.failures.append(_row(name, _refusal(400, said), None))
            return
        self.answered[key] += 1
        self.executed += 1
        body = orjson.loads(self._completion(line["body"], key))
        batch.output.append(_row(name, {"status_code": 200, "request_id": f"req-{key}", "body": body}, None))

    def _shown(self, batch: StoredBatch) -> dict[str, Any]:
        ended = batch.status not in {"validating", "in_progress", "cancelling"}
        output, errors = f"output-{batch.id}", f"error-{batch.id}"
        now = int(time.time())
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "errors": {"object": "list", "data": batch.errors} if batch.status == "failed" else None,
            "input_file_id": batch.input_file,
            "completion_window": batch.window,
            "status": batch.status,
            "output_file_id": output if ended and output in self.files else None,
            "error_file_id": errors if ended and errors in self.files else None,
            "created_at": batch.created,
            "completed_at": now if batch.status == "completed" else None,
            "request_counts": {
                "total": len(batch.lines),
                "completed": len(batch.output),
                "failed": len(batch.failures),
            },
            "metadata": dict(batch.metadata),
        }


def _row(name: str, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> bytes:
    return orjson.dumps({"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error})


def _refusal(status: int, said: str) -> dict[str, Any]:
    error = {"message": said, "type": "error", "param": None, "code": None}
    return {"status_code": status, "request_id": "req", "body": {"error": error}}


def _fault(code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"code": code, "message": message, "line": line, "param": None}
