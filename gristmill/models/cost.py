"""Tokens before a call, dollars after it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from gristmill.models.spec import ModelSpec, Price
from gristmill.records import Message, Usage

CHARS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
DEFAULT_OUTPUT_TOKENS = 512


def text_tokens(text: str) -> int:
    """Tokens of a text without a tokenizer (which would be a download): a quarter of its characters."""
    return -(-len(text) // CHARS_PER_TOKEN)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Estimated tokens of a prompt."""
    return sum(text_tokens(message["content"]) + TOKENS_PER_MESSAGE for message in messages)


def estimate(messages: Sequence[Message], params: Mapping[str, Any], typical_output: int | None) -> Usage:
    """Expected tokens of one call: its ``max_tokens``, or less where answers so far were shorter.

    ``typical_output`` is the mean length of the model's answers so far, None before the first.
    """
    limit = params.get("max_completion_tokens") or params.get("max_tokens")
    output = typical_output if typical_output is not None else DEFAULT_OUTPUT_TOKENS
    return Usage(prompt_tokens(messages), min(output, limit) if limit else output)


def call_cost(usage: Usage, price: Price | None) -> float | None:
    """US dollars of a call, None when the price is unknown."""
    if price is None:
        return None
    return (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6


def price_of(spec: ModelSpec) -> Price | None:
    """Price per million tokens: the recipe's, else genai-prices' bundled table; None when unknown.

    A model behind a ``base_url`` is looked up under the provider of that address, so a local server
    that happens to serve a model of a well-known name is not billed.
    """
    if spec.price is not None:
        return spec.price
    if spec.backend in {"offline", "vllm"}:
        return Price(input=0.0, output=0.0)
    if spec.serve is not None:
        return None
    return _table_price(spec.name, spec.base_url or os.environ.get("OPENAI_BASE_URL") or None)


@cache
def _table_price(name: str, base_url: str | None) -> Price | None:
    from genai_prices import Usage as TableUsage
    from genai_prices import calc_price

    # One token each way: a price tier for long prompts must not be taken for the usual one.
    usage = TableUsage(input_tokens=1, output_tokens=1)
    try:
        if base_url is None:
            found = calc_price(usage, name, provider_id="openai")
        else:
            found = calc_price(usage, name, provider_api_url=base_url)
    except LookupError:
        return None
    million = Decimal(1_000_000)
    return Price(input=float(found.input_price * million), output=float(found.output_price * million))
