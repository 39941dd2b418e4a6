"""Sampling parameters: OpenAI's names, and vLLM's own, as vLLM's engine takes them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.errors import ModelConfigError, UsageError
from gristmill.models.types import Request

if TYPE_CHECKING:
    from vllm import SamplingParams

OPENAI = frozenset(
    [
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "presence_penalty",
        "seed",
        "stop",
        "temperature",
        "top_logprobs",
        "top_p",
    ]
)
VLLM = frozenset(
    [
        "allowed_token_ids",
        "bad_words",
        "ignore_eos",
        "include_stop_str_in_output",
        "min_p",
        "min_tokens",
        "repetition_penalty",
        "skip_special_tokens",
        "spaces_between_special_tokens",
        "stop_token_ids",
        "thinking_token_budget",
        "top_k",
    ]
)
TEMPLATE = "chat_template_kwargs"
KNOWN = OPENAI | VLLM | {TEMPLATE}

_SCHEMAS: dict[int, tuple[Mapping[str, Any], str]] = {}
MAX_SCHEMAS = 256


def check_names(params: Mapping[str, Any], where: str) -> None:
    """Make sure that vLLM knows every parameter.

    Raises:
        UsageError: an unknown one; the nearest known one is named.
    """
    for name in params.keys() - KNOWN:
        close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"vLLM has no sampling parameter {name!r}",
            where=where,
            cure=f"{hint}known: {', '.join(sorted(KNOWN))}",
        )


def for_engine(requests: Sequence[Request], defaults: Mapping[str, Any]) -> SamplingParams:
    """vLLM's parameters for requests that differ in ``sample`` only.

    ``defaults`` are the model's own (its generation_config); what the request says comes first. With a
    seed, each sample has a seed of its own, the same as when it is drawn alone.

    Raises:
        ModelConfigError: a value that vLLM does not take.
    """
    from vllm import SamplingParams
    from vllm.exceptions import VLLMError
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    first = requests[0]
    wanted = _in_vllms_words({**defaults, **first.params})
    if isinstance(wanted.get("seed"), int):
        wanted["seed"] += first.sample
    if first.schema is not None:
        wanted["structured_outputs"] = StructuredOutputsParams(json=_as_text(first.schema))
    try:
        # Nobody else holds these: the engine need not copy them, schema and all, for every call.
        return SamplingParams(
            n=len(requests), output_kind=RequestOutputKind.FINAL_ONLY, skip_clone=True, **wanted
        )
    except (VLLMError, TypeError, ValueError) as error:
        check_names(first.params, first.model)
        raise bad_value(error, first.model) from error


def for_score() -> SamplingParams:
    """vLLM's parameters for the log probabilities of a prompt's tokens; it always writes one token more."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=1,
        temperature=0,
        prompt_logprobs=1,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def can_share(requests: Sequence[Request]) -> bool:
    """Whether these samples can be drawn in one request: with a seed only those that follow each other."""
    if not isinstance(requests[0].params.get("seed"), int):
        return True
    start = requests[0].sample
    return all(request.sample == start + place for place, request in enumerate(requests))


def bad_value(error: Exception, model: str) -> ModelConfigError:
    """Our error for parameters that vLLM refused."""
    return ModelConfigError(
        f"vLLM does not take the sampling parameters: {error}",
        kind="bad-request",
        where=model,
        cure="check the model's params",
    )


def _in_vllms_words(params: dict[str, Any]) -> dict[str, Any]:
    params.pop(TEMPLATE, None)
    limit = params.pop("max_completion_tokens", None)
    params.setdefault("max_tokens", limit)  # vLLM's own default is 16 tokens; None: as long as there is room
    best = likeliest(params)
    params.pop("top_logprobs", None)
    params.pop("logprobs", None)
    return params if best is None else {**params, "logprobs": best}


def likeliest(params: Mapping[str, Any]) -> int | None:
    """How many log probabilities a token gets beside its own, None for none at all.

    OpenAI's words (``logprobs: true, top_logprobs: 5``) or vLLM's (``logprobs: 5``).
    """
    wanted = params.get("logprobs")
    if wanted is None or wanted is False:
        return None
    return (params.get("top_logprobs") or 0) if wanted is True else int(wanted)


def _as_text(schema: Mapping[str, Any]) -> str:
    """A schema as JSON; a component's schema is one object for all its calls."""
    known = _SCHEMAS.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    if len(_SCHEMAS) >= MAX_SCHEMAS:
        _SCHEMAS.clear()
    text = json.dumps(schema)
    _SCHEMAS[id(schema)] = (schema, text)  # holding it keeps its id from being given to another
    return text
