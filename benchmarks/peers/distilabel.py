"""distilabel over the documents: a pipeline of one ``TextGeneration`` step, its cache as it is by default."""

# Tried with distilabel 1.5.3, openai 3.52.0, Python 3.11.

from __future__ import annotations

import os
import sys

from _prompt import MODEL, arguments, check, fenced

sys.path = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]
os.environ.update({"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})

from distilabel.models import OpenAILLM  # noqa: E402 - this script has its name
from distilabel.pipeline import Pipeline  # noqa: E402
from distilabel.steps.tasks import TextGeneration  # noqa: E402


def main() -> None:
    """Run."""
    _, passages, url, width = arguments()
    with Pipeline(name="peers") as pipeline:
        TextGeneration(llm=OpenAILLM(model=MODEL, base_url=url, api_key="benchmark"), input_batch_size=width)
    rows = [{"instruction": fenced(passage)} for passage in passages]
    result = pipeline.run(dataset=rows)
    answers = result["default"]["train"]["generation"]
    check(sum(answer is not None for answer in answers), len(passages))


if __name__ == "__main__":
    main()
