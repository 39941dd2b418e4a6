"""The provider's side of batches, by the official client: files, batches, downloads; errors translated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gristmill.errors import ModelConfigError, ModelUnavailableError
from gristmill.models.backends.official import OfficialTransport
from gristmill.models.backends.openai_api import endpoint_of
from gristmill.models.retry import RetryPolicy
from gristmill.models.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openai.types import Batch

T = TypeVar("T")
CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
MARK = "gristmill_submission"
"""Metadata of every batch of ours: the id under which it was written down before it was created."""

CALL_SECONDS = 120.0
TRANSFER_SECONDS = 3600.0
PAGE = 100
ATTEMPTS = 4
# A batch looks older to its provider than to us by as much as the two clocks differ.
CLOCK_SKEW = 3600.0


class BatchClient:
    """One endpoint's files and batches. Whatever only reads is tried again after a temporary error."""

    def __init__(
        self, spec: ModelSpec, environ: Mapping[str, str] | None = None, retry: RetryPolicy | None = None
    ) -> None:
        self.place, key = endpoint_of(spec, os.environ if environ is None else environ)
        self._official = OfficialTransport(spec, self.place, key)
        self._retry = retry or RetryPolicy()

    async def close(self) -> None:
        """Release connections."""
        await self._official.close()

    async def upload(self, path: Path, name: str) -> str:
        """Store a file of requests there; its id. An upload that is repeated leaves an unused file behind."""

        async def send() -> Any:
            with path.open("rb") as file:
                return await self._official.client.files.create(
                    file=(name, file, "application/jsonl"), purpose="batch", timeout=TRANSFER_SECONDS
                )

        return str((await self._try(send, TRANSFER_SECONDS)).id)

    async def create(self, file_id: str, submission: str, window: str) -> Batch:
        """Start a batch. Sent once only: after an error, :meth:`find` says whether it exists."""
        creating = self._official.client.batches.create(
            input_file_id=file_id,
            endpoint=CHAT,
            completion_window=window,  # type: ignore[arg-type]  # other providers know other windows
            metadata={MARK: submission},
        )
        return await self._official.call(creating, CALL_SECONDS)

    async def find(self, submissions: Mapping[str, float]) -> dict[str, Batch]:
        """Batches that carry our marks, by submission; ``submissions`` gives the time each was made at."""
        oldest = min(submissions.values()) - CLOCK_SKEW
        found: dict[str, Batch] = {}
        after: str | None = None
        while True:
            page = await self._page(after)
            for batch in page:
                mark = (batch.metadata or {}).get(MARK, "")
                if mark in submissions:
                    found[mark] = batch
            # Newest first: what comes after this cannot be ours.
            if len(page) < PAGE or len(found) == len(submissions) or page[-1].created_at < oldest:
                return found
            after = page[-1].id

    async def retrieve(self, batch_id: str) -> Batch:
        """The state of a batch."""
        return await self._try(lambda: self._official.client.batches.retrieve(batch_id), CALL_SECONDS)

    async def download(self, file_id: str, to: Path) -> None:
        """Write a file's content to ``to``; it never is in memory as a whole."""

        async def receive() -> None:
            content = self._official.client.files.with_streaming_response.content(file_id)
            async with content as response:
                with to.open("wb") as file:
                    async for part in response.iter_bytes(1 << 20):
                        file.write(part)

        await self._try(receive, TRANSFER_SECONDS)

    async def _page(self, after: str | None) -> list[Batch]:
        async def read() -> list[Batch]:
            batches = self._official.client.batches
            listed = batches.list(limit=PAGE, after=after) if after else batches.list(limit=PAGE)
            return (await listed).data

        return await self._try(read, CALL_SECONDS)

    async def _try(self, sending: Callable[[], Awaitable[T]], seconds: float) -> T:
        attempt = 0
        while True:
            try:
                return await self._official.call(sending(), seconds)
            except ModelConfigError as error:
                if error.kind == "not-found":
                    error.cure = "this server may have no batch API: run without --batch, or set batch: false"
                raise
            except ModelUnavailableError as error:
                attempt += 1
                if attempt >= ATTEMPTS:
                    raise
                await asyncio.sleep(self._retry.wait(attempt, error.retry_after))
