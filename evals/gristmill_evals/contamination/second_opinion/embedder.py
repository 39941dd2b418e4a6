"""Vectors of texts: from an endpoint that speaks OpenAI's ``/v1/embeddings``, or a model on this machine."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.errors import (
    MissingExtraError,
    ModelAnswerError,
    ModelUnavailableError,
    UsageError,
)
from gristmill.models import ModelSpec, RetryPolicy
from gristmill.records import clean, to_json
from gristmill_evals.contamination.second_opinion.types import Embedder

if TYPE_CHECKING:
    from gristmill_evals.contamination.second_opinion.types import Vectors

LOCAL = "local"
BATCH_TEXTS, BATCH_CHARS = 128, 100_000
AT_ONCE = 4
LONGEST = 6000
SHORTEST = 200


def make_embedder(spec: ModelSpec, environ: Mapping[str, str] | None = None) -> Embedder:
    """The embedder that ``spec.model`` names: ``openai:NAME`` or ``local:NAME``.

    Raises:
        UsageError: another kind of model.
        MissingExtraError: ``local:`` without sentence-transformers.
        ModelConfigError: the environment variable with the key is not set.
    """
    if spec.backend == LOCAL and spec.name:
        return LocalEmbedder(spec.name)
    if spec.backend != "openai" or not spec.name:
        raise UsageError(
            f"{spec.model!r} is no embedding model",
            cure="write openai:NAME (any OpenAI-compatible endpoint) or local:NAME (sentence-transformers)",
        )
    return EndpointEmbedder(spec, os.environ if environ is None else environ)


class EndpointEmbedder:
    """One model at one endpoint: batches, a few at once, repeated as the recipe's models are."""

    def __init__(self, spec: ModelSpec, environ: Mapping[str, str], retry: RetryPolicy | None = None) -> None:
        from gristmill.models.backends.official import OfficialTransport
        from gristmill.models.backends.openai_api import endpoint_of

        self._spec, self._retry = spec, retry or RetryPolicy()
        self._place, key = endpoint_of(spec, environ)
        self.name = f"{spec.model} at {self._place.url}"
        self._transport = OfficialTransport(spec, self._place, key)
        self._gate = asyncio.Semaphore(min(AT_ONCE, spec.concurrency))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See :class:`Embedder`; texts are cut to what the server takes.

        Raises:
            ModelConfigError: wrong key, model or address.
            ModelUnavailableError: the endpoint cannot be reached, also after waiting.
            ModelAnswerError: a text is refused, however short it is cut.
        """
        import numpy as np

        parts = await asyncio.gather(*(self._batch(batch) for batch in _batches(texts)))
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    async def close(self) -> None:
        """Release connections."""
        await self._transport.close()

    async def _batch(self, texts: list[str]) -> Vectors:
        longest = LONGEST
        async with self._gate:
            while True:
                body = {"model": self._spec.name, "input": [text[:longest] for text in texts]}
                try:
                    answer = await self._sent({**body, "encoding_format": "float"})
                except ModelAnswerError as error:
                    # How many characters a model's context holds is only known by trying.
                    if error.kind != "too-long" or longest <= SHORTEST:
                        raise
                    longest //= 2
                    continue
                return _vectors(answer, len(texts), self._place.url, self._spec.model)

    async def _sent(self, body: Mapping[str, Any]) -> object:
        transport, began = self._transport, time.monotonic()
        for attempt in range(self._spec.retries + 1):
            sending = transport.client.post("/embeddings", cast_to=object, content=to_json(body))
            try:
                return await transport.call(sending, self._spec.timeout)
            except ModelUnavailableError as error:
                wait = self._retry.wait(attempt, error.retry_after)
                late = time.monotonic() + wait - began > self._spec.seconds_in_all
                if attempt == self._spec.retries or late:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


class LocalEmbedder:
    """A model of sentence-transformers in this process; loaded with the first text.

    Raises:
        MissingExtraError: the package is not installed.
    """

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(f"the embedding model {LOCAL}:{name}", "embed")
        self.name = f"{LOCAL}:{name}"
        self._path = name
        self._model: Any = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See :class:`Embedder`."""
        return await asyncio.to_thread(self._embedded, [clean(text) for text in texts])

    async def close(self) -> None:
        """Let the model go."""
        self._model = None

    def _embedded(self, texts: list[str]) -> Vectors:
        import numpy as np

        if self._model is None:
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(self._path)
        return _normalised(np.asarray(self._model.encode(texts, show_progress_bar=False), np.float32))


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for raw in texts:
        text = clean(raw[:LONGEST]) or " "  # endpoints refuse an empty text
        if batch and (len(batch) == BATCH_TEXTS or size + len(text) > BATCH_CHARS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _vectors(answer: object, wanted: int, url: str, model: str) -> Vectors:
    """The vectors of an answer in the order of the texts, whatever the order they came in."""
    import numpy as np

    rows = answer.get("data") if isinstance(answer, Mapping) else None
    try:
        if not isinstance(rows, list):
            raise ValueError("no list called data")
        found = {int(row.get("index", n)): row["embedding"] for n, row in enumerate(rows)}
        vectors = np.array([found[n] for n in range(wanted)], np.float32)
        if vectors.ndim != 2 or vectors.shape[1] == 0 or not np.isfinite(vectors).all():
            raise ValueError("vectors of different lengths, or not of numbers")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelAnswerError(
            f"{url} gave an answer that holds no {wanted} vectors: {error}",
            kind="bad-response",
            where=model,
            cure="check that the model is one for embeddings",
        ) from None
    return _normalised(vectors)


def _normalised(vectors: Vectors) -> Vectors:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return unit
