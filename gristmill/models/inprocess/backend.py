"""``vllm:PATH_OR_NAME``: every call goes into the engine by itself, as soon as it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.models.inprocess import faults
from gristmill.models.inprocess.places import adapter_folder, identity, template_text
from gristmill.models.inprocess.prompts import Prompts
from gristmill.models.inprocess.sampling import TEMPLATE, can_share, for_engine, for_score, likeliest
from gristmill.models.scoring import form_of, score_reply
from gristmill.models.spec import ModelSpec
from gristmill.models.types import FinishReason, Reply, Request, TokenLogprob
from gristmill.records import Usage

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.outputs import CompletionOutput, RequestOutput

    from gristmill.models.inprocess.engines import Engines

_FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length"}


class VllmBackend:
    """One role's model in an engine that it may share with other roles."""

    uses_task = False
    many = True

    def __init__(self, spec: ModelSpec, engines: Engines, *, owns: bool = False) -> None:
        self.name = identity(spec)
        self._spec, self._engines, self._owns = spec, engines, owns
        self._engine = engines.of(spec)
        self._template = template_text(spec) if spec.chat_template is not None else None
        self._adapter = str(adapter_folder(spec)) if spec.lora is not None else None
        self._prompts: Prompts | None = None
        self._lora: LoRARequest | None = None
        self._defaults: Mapping[str, Any] = {}

    @property
    def ready(self) -> bool:
        """Whether a call would be answered without loading the model first."""
        return self._prompts is not None and self._prompts.llm is self._engine.llm

    async def prepare(self) -> None:
        """Have the model loaded.

        Raises:
            ModelConfigError: it cannot be; the message says why.
        """
        await self._engines.turn(self._engine)
        llm = self._engine.llm
        if llm is not None and not self.ready:
            self._prompts = await asyncio.to_thread(Prompts, llm, self._spec, self._template)
            self._defaults = llm.model_config.get_diff_sampling_param()
            if self._adapter is not None and self._spec.lora is not None:
                from vllm.lora.request import LoRARequest

                number = self._engines.adapter_number(self._spec)
                self._lora = LoRARequest(self._spec.lora.name, number, self._adapter)

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the contract
        """Answer one request; see :class:`gristmill.models.types.Backend`."""
        if form_of(request.messages) == "score":
            return await self._score(request, timeout)
        return (await self._draw((request,), timeout))[0]

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109
        """Draw several samples of one prompt: in one request, which computes the prompt once."""
        if can_share(requests):
            return await self._draw(requests, timeout)
        drawn = await asyncio.gather(*(self._draw((request,), timeout) for request in requests))
        return [replies[0] for replies in drawn]

    async def close(self) -> None:
        """Let go of the engine; stop it, when it is this role's own."""
        self._prompts = None
        if self._owns:
            await self._engines.close()

    async def _score(self, request: Request, seconds: float) -> Reply:
        prompt, start = (await self._ready_prompts()).split(request.messages)
        output = await self._engine.generate(prompt, for_score(), self._lora, seconds)
        tokens, given = list(output.prompt_token_ids or ()), list(output.prompt_logprobs or ())
        self._engine.report.prompt_tokens += len(tokens)
        own = [at[token].logprob if at else None for token, at in zip(tokens, given, strict=True)]
        best = [max(option.logprob for option in at.values()) if at else None for at in given]
        return score_reply(own, best, start, Usage(len(tokens), 1))

    async def _ready_prompts(self) -> Prompts:
        if not self.ready:
            await self.prepare()
        prompts = self._prompts
        if prompts is None or prompts.llm is not self._engine.llm:
            raise faults.died(self._spec)
        return prompts

    async def _draw(self, requests: Sequence[Request], seconds: float) -> list[Reply]:
        prompts, first = await self._ready_prompts(), requests[0]
        prompt = await prompts.of(first.messages, first.params.get(TEMPLATE) or {})
        output = await self._engine.generate(
            prompt, for_engine(requests, self._defaults), self._lora, seconds
        )
        return self._replies(output, first)

    def _replies(self, output: RequestOutput, request: Request) -> list[Reply]:
        tokens = len(output.prompt_token_ids or ())
        report = self._engine.report
        report.prompt_tokens += tokens
        report.cached_tokens += output.num_cached_tokens or 0
        best = likeliest(request.params)
        return [_reply(one, tokens if place == 0 else 0, best) for place, one in enumerate(output.outputs)]


def _reply(output: CompletionOutput, prompt_tokens: int, best: int | None) -> Reply:
    usage = Usage(prompt_tokens, len(output.token_ids))
    found = None if best is None else _logprobs(output, best)
    return Reply(output.text, _FINISH.get(output.finish_reason, "unknown"), usage, found)


def _logprobs(output: CompletionOutput, best: int) -> list[TokenLogprob]:
    """By token: its own log probability, and those of the ``best`` likeliest ones, the likeliest first."""
    found = []
    for token, options in zip(output.token_ids, output.logprobs or (), strict=False):
        if options is None:
            continue
        # vLLM adds the token drawn where it is not among them.
        ranked = sorted(options.values(), key=lambda option: -option.logprob)[:best]
        own = options[token]
        top = [(option.decoded_token or "", option.logprob) for option in ranked]
        found.append(TokenLogprob(own.decoded_token or "", own.logprob, top))
    return found
