# Two commands: `make demo` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
SOURCES := python tests examples specs benches tools

.DEFAULT_GOAL := help
.PHONY: help
help:  ## show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.stamps/env: requirements.lock
	@mkdir -p .stamps
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "npuspec needs Python 3.11 or later: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.stamps/native: .stamps/env pyproject.toml $(RUST)
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	$(BIN)/python -m compileall -q python
	@touch $@

.PHONY: setup
setup: .stamps/native  ## create .venv from the lock and build the extension

.PHONY: demo
demo: setup  ## apply specs/asr.toml and transcribe real clips
	$(BIN)/npuspec apply specs/asr.toml --locked --output build/asr
	$(BIN)/python examples/transcribe.py build/asr

.PHONY: test
test: setup lint types layers rust pytest  ## everything that CI runs

.PHONY: lint
lint: setup  ## ruff
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

.PHONY: types
types: setup  ## mypy, strict
	$(BIN)/mypy

.PHONY: layers
layers: setup  ## who may import whom
	$(BIN)/lint-imports

.PHONY: rust
rust: setup  ## rustfmt, clippy, cargo test
	cargo fmt --check
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --locked --all-targets --quiet -- -D warnings
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo test --locked --quiet

.PHONY: pytest
pytest: setup  ## the Python tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25

.PHONY: npu-compiler
npu-compiler:  ## install Intel's NPU compiler outside of this folder, so that models compile for NPUs that aren't there
	tools/npu-compiler/setup

.PHONY: every-variant
every-variant: setup  ## compile every size and batch of every spec for NPUs; the tests compile one of each
	$(BIN)/python -m pytest --numprocesses 2 --every-variant tests/integration/test_platforms.py

.PHONY: bench
bench: setup  ## check and plan; choosing buckets; loading against a bare import, and as a whole process; bench against benchmark_app, and a bundle against itself; session.infer against plain NumPy; buckets on sentences; finding a mix; padding; layouts and pictures; preprocessing in the model; tokens; opening a report; Rust against memcpy
	$(BIN)/python benches/cli.py specs/*.toml
	$(BIN)/python benches/buckets.py
	$(BIN)/python benches/load.py build/asr
	$(BIN)/python benches/start.py build/text
	$(BIN)/python benches/bench.py build/text
	$(BIN)/python benches/infer.py build/asr
	$(BIN)/python benches/sentences.py build/sentences
	$(BIN)/python benches/mixed.py
	$(BIN)/python benches/kernels_pad.py
	$(BIN)/python benches/kernels_layout.py
	$(BIN)/python benches/preprocess.py
	$(BIN)/python benches/tokens.py
	$(BIN)/python benches/opening.py build/asr
	cargo bench --locked --package npuspec-core

.PHONY: lock
lock: .stamps/env  ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --upgrade --quiet --output-file requirements.lock

.PHONY: clean
clean:  ## remove what was built here
	rm -rf .venv .stamps build target python/npuspec/*.so
