"""NVIDIA's Data Designer over the documents: one text column on a seed file, default settings."""

# Tried with data-designer 0.9.6, httpx 0.28.1, pandas 3.1.1, Python 3.11.

from __future__ import annotations

import os
import sys

from _prompt import MODEL, arguments, check, fenced

sys.path = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]
os.environ["NEMO_TELEMETRY_ENABLED"] = "false"  # read when it is imported

import data_designer.config as dd  # noqa: E402 - this script has its name
from data_designer.interface import DataDesigner  # noqa: E402


def main() -> None:
    """Run."""
    path, passages, url, width = arguments()
    writer = dd.ModelConfig(
        alias="writer",
        model=MODEL,
        provider="loopback",
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=width),
        skip_health_check=True,
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[writer])
    config.with_seed_dataset(dd.LocalFileSeedSource(path=str(path)))
    config.add_column(
        dd.LLMTextColumnConfig(name="answer", prompt=fenced("{{ text }}"), model_alias="writer")
    )
    provider = dd.ModelProvider(name="loopback", endpoint=url, api_key="OPENAI_API_KEY")
    designer = DataDesigner(artifact_path=path.parent / "artifacts", model_providers=[provider])
    result = designer.create(config, num_records=len(passages))
    check(int(result.load_dataset()["answer"].notna().sum()), len(passages))


if __name__ == "__main__":
    main()
