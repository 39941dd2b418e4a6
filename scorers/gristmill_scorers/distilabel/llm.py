"""The LLM that distilabel's tasks are given: every chat goes through our door.

Importing this module imports distilabel.
"""

from __future__ import annotations

from typing import Any

from distilabel.models.llms.base import LLM
from pydantic import PrivateAttr

from gristmill.models.structured import without_thinking
from gristmill.records import Message
from gristmill_scorers.distilabel.bridge import Bridge


class DoorLLM(LLM):  # type: ignore[misc] # distilabel is untyped
    """distilabel's LLM on top of one judgement's bridge."""

    _bridge: Bridge | None = PrivateAttr(default=None)

    @classmethod
    def over(cls, bridge: Bridge) -> DoorLLM:
        """The LLM that asks through ``bridge``."""
        llm = cls()
        llm._bridge = bridge
        return llm

    @property
    def model_name(self) -> str:
        """What distilabel writes into its rows; the real name is with the call."""
        return "gristmill"

    def generate(
        self, inputs: list[list[Message]], num_generations: int = 1, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """``num_generations`` texts for each chat, with token counts, in distilabel's form."""
        if self._bridge is None:
            raise RuntimeError("this LLM has no bridge: make it with DoorLLM.over")
        return [
            {
                # a blank line at either end is a section without a rating to some parsers
                "generations": [
                    None if answer.error else without_thinking(answer.text).strip() for answer in answers
                ],
                "statistics": {
                    "input_tokens": [answer.usage.input_tokens for answer in answers],
                    "output_tokens": [answer.usage.output_tokens for answer in answers],
                },
            }
            for answers in self._bridge.draw(inputs, num_generations)
        ]
