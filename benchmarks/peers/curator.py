"""Bespoke Curator over the documents: its OpenAI backend, cache and parsing as they are by default."""

# Tried with bespokelabs-curator 0.1.31, litellm 1.83.7, datasets 3.6.0, Python 3.11.

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from _prompt import MODEL, arguments, check, fenced, forget_earlier_requests

litellm = find_spec("litellm")
assert litellm is not None
assert litellm.origin is not None
SETTINGS = {
    # The tokenizer that tiktoken would download lies there.
    "TIKTOKEN_CACHE_DIR": str(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"),
    "TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
}
os.environ.update(SETTINGS)  # read when it is imported

from bespokelabs import curator  # noqa: E402
from datasets import Dataset  # noqa: E402

NO_LIMIT = 1_000_000_000


class Ask(curator.LLM):
    """One prompt a document, the answer kept as it is."""

    def prompt(self, row: dict[str, str]) -> str:
        """What is asked."""
        return fenced(row["text"])

    def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
        """The row of the result."""
        return {"text": row["text"], "answer": response}


def main() -> None:
    """Run."""
    _, passages, url, width = arguments()
    limits = {
        "base_url": url,
        "max_concurrent_requests": width,
        "max_requests_per_minute": NO_LIMIT,
        "max_tokens_per_minute": NO_LIMIT,
    }
    ask = Ask(model_name=MODEL, backend="openai", backend_params=limits)
    forget_earlier_requests(url)  # it asks for the rate limits first
    result = ask(Dataset.from_dict({"text": passages}))
    check(len(result.dataset), len(passages))


if __name__ == "__main__":
    main()
