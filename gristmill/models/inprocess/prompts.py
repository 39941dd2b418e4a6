"""Chats as a model's tokens. By vLLM's renderer, or on a shorter way where that does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelAnswerError, ModelConfigError
from gristmill.models.scoring import form_of
from gristmill.models.spec import ModelSpec
from gristmill.records import Message

if TYPE_CHECKING:
    from vllm.inputs import EngineInput
    from vllm.v1.engine.async_llm import AsyncLLM


class Prompts:
    """Turns the messages of one role into prompts of a running engine.

    vLLM's renderer takes twice as long as template and tokenizer together: for Hugging Face tokenizers with
    templates that want plain text they are called directly, and give the same tokens.
    """

    def __init__(self, llm: AsyncLLM, spec: ModelSpec, template: str | None) -> None:
        self.llm, self._spec, self._template = llm, spec, template
        self.longest = llm.model_config.max_model_len
        # A base model has no template, and needs none for texts.
        self._direct = self._resolve() if spec.endpoint == "chat" else None

    async def of(self, messages: Sequence[Message], extra: Mapping[str, Any]) -> EngineInput:
        """The prompt of a chat; ``extra`` are arguments for the template.

        Raises:
            ModelAnswerError: longer than the model's context (``too-long``).
            ModelConfigError: the model has no chat template, or the template refuses the chat.
        """
        from vllm.exceptions import VLLMClientError
        from vllm.inputs.engine import tokens_input

        if form_of(messages) == "text":
            prompt = tokens_input(self._ids(messages[-1]["content"]))
        elif self._direct is None:
            try:
                prompt = await self._rendered(messages, extra)
            except VLLMClientError as error:
                raise self._refused(error) from error
        else:
            text = self._text(messages, extra)
            ids = self.llm.renderer.tokenizer(text, add_special_tokens=False)["input_ids"]
            prompt = tokens_input(ids)
        self._check_length(len(prompt.get("prompt_token_ids") or ()))
        return prompt

    def split(self, messages: Sequence[Message]) -> tuple[EngineInput, int]:
        """The prompt of a request for a score, and the token at which its continuation begins.

        As in lm-eval: the tokens of the whole, without as many as the context alone has. Without a context
        the model's first token (or, where it has none, its last) stands before the continuation.

        Raises:
            ModelAnswerError: longer than the model's context.
            ModelConfigError: the context is a chat, and the model's own code turns it into tokens.
        """
        from vllm.inputs.engine import tokens_input

        *before, last = messages
        raw = not before or form_of(before) == "text"
        context = before[0]["content"] if raw and before else "" if raw else self._chat_text(before)
        whole = self._ids(context + last["content"], special=raw)
        start = len(self._ids(context, special=raw)) if context else 0
        if not context:
            tokenizer: Any = self.llm.renderer.tokenizer
            first = [n for n in (tokenizer.bos_token_id, tokenizer.eos_token_id) if n is not None][:1]
            whole, start = (whole, 1) if whole[:1] == first else ([*first, *whole], len(first))
        self._check_length(len(whole))
        return tokens_input(whole), start

    def _ids(self, text: str, *, special: bool = True) -> list[int]:
        tokenizer: Any = self.llm.renderer.tokenizer
        ids: list[int] = tokenizer.encode(text, add_special_tokens=special)
        return ids

    def _chat_text(self, messages: Sequence[Message]) -> str:
        if self._direct is None:
            raise ModelConfigError(
                "log-likelihoods after a chat need a plain chat template",
                kind="chat-template",
                where=self._spec.model,
                cure="write apply_chat_template: false for the task, or give the model a chat_template",
            )
        return self._text(messages, {})

    def _text(self, messages: Sequence[Message], extra: Mapping[str, Any]) -> str:
        tokenizer: Any = self.llm.renderer.tokenizer
        try:
            text: str = tokenizer.apply_chat_template(
                list(messages),
                chat_template=self._direct,
                tokenize=False,
                **{"add_generation_prompt": True, **extra},
            )
        except Exception as error:
            raise self._refused(error) from error
        return text

    async def _rendered(self, messages: Sequence[Message], extra: Mapping[str, Any]) -> EngineInput:
        from vllm.renderers import ChatParams

        options = {"add_generation_prompt": True, "continue_final_message": False, **extra}
        params = ChatParams(chat_template=self._template, chat_template_kwargs=options)
        chats: Any = [list(messages)]
        _, [prompt] = await self.llm.renderer.render_chat_async(chats, params)
        return prompt

    def _resolve(self) -> str | None:
        """The template, where calling it directly is the same as vLLM's way."""
        from vllm.renderers.hf import HfRenderer, resolve_chat_template, resolve_chat_template_content_format

        renderer, config = self.llm.renderer, self.llm.model_config
        if not isinstance(renderer, HfRenderer) or renderer.mm_processor is not None:
            return None
        template = resolve_chat_template(renderer.tokenizer, self._template, None, model_config=config)
        if template is None:
            raise ModelConfigError(
                "the model has no chat template: it was not trained for chats",
                kind="no-chat-template",
                where=self._spec.model,
                cure="take an instruction-tuned model, or give one with chat_template: FILE.jinja",
            )
        wanted = resolve_chat_template_content_format(
            chat_template=self._template,
            tools=None,
            given_format="auto",
            tokenizer=renderer.tokenizer,
            model_config=config,
        )
        return template if wanted == "string" else None

    def _check_length(self, tokens: int) -> None:
        if tokens >= self.longest:
            raise ModelAnswerError(
                f"the prompt has {tokens} tokens, the model's context {self.longest} (max_model_len)",
                kind="too-long",
                where=self._spec.model,
                cure="make chunks smaller, or raise engine: {max_model_len: …}",
            )

    def _refused(self, error: Exception) -> ModelConfigError:
        return ModelConfigError(
            f"the chat template refuses the chat: {error}",
            kind="chat-template",
            where=self._spec.model,
            cure="give another one with chat_template: FILE.jinja",
        )
