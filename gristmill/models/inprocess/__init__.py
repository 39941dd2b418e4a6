"""Models in a vLLM engine of this process (``vllm:PATH_OR_NAME``); vLLM is imported when one starts."""
