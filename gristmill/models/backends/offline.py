"""``offline:extractive``: answers tasks by rules, without a model and without a network."""

from __future__ import annotations

from gristmill.errors import ModelConfigError
from gristmill.models.extractive import RULES_VERSION
from gristmill.models.types import Reply, Request
from gristmill.records import Usage

_CHARS_PER_TOKEN = 4


def approximate_tokens(text: str) -> int:
    """Tokens of English text without a tokenizer: one for every four characters, rounded up.

    A convention, good to some 20 % on prose, used only to account for this backend, which costs nothing.
    """
    return -(-len(text) // _CHARS_PER_TOKEN)


class OfflineBackend:
    """The embedded default: works from ``request.task`` alone, always answers the same, in milliseconds."""

    name = f"offline:extractive@{RULES_VERSION}"

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the protocol of all backends
        """Answer by rules; ``request.sample`` selects the next-best alternative.

        Raises:
            ModelConfigError: the request has no task, or one that rules cannot do (``unsupported-task``).
        """
        from gristmill.models.extractive.tasks import TASKS

        task = request.task
        known = ", ".join(sorted(TASKS))
        if task is None or task.name not in TASKS:
            asked = f"the task {task.name!r}" if task else "a free prompt"
            raise ModelConfigError(
                f"offline:extractive works by rules and cannot do {asked}",
                kind="unsupported-task",
                cure=f"give this role a model (openai:NAME or vllm:NAME); rules do {known}",
            )
        text = TASKS[task.name](task.inputs, request.sample)
        prompt = sum(approximate_tokens(message["content"]) for message in request.messages)
        return Reply(text, "stop", Usage(prompt, approximate_tokens(text)))

    async def close(self) -> None:
        """Nothing to release."""
