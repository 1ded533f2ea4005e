# Two commands: `make run` trains every model on the files of RAW, `make test` runs every check. Both set up .venv first.

PYTHON ?= python3
# The build of PyTorch to install before everything else. PyPI's default on Linux may bring gigabytes of CUDA libraries;
# name another build or index here, for example TORCH="torch==2.13.0 --index-url <PyTorch's index of CPU wheels>".
TORCH ?= torch==2.13.0
PRESET ?= quick_start
RAW ?=
STATE ?=
PORT ?= 3000
MLFLOW_PORT ?= 5000

BIN := .venv/bin
ROOTS := $(if $(RAW),--raw "$(RAW)") $(if $(STATE),--state "$(STATE)")

.PHONY: run test test-cluster lint ui bench clean

run: .venv/.ready
	$(BIN)/unified-assets $(ROOTS) run --preset $(PRESET)

test: .venv/.ready lint
	$(BIN)/python -m pytest

test-cluster: .venv/.ready
	$(BIN)/pip install --quiet --editable ".[ray,objects,postgres,onnx]" --group test-cluster
	$(BIN)/python -m pytest -m cluster

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ui: .venv/.ready
	$(BIN)/unified-assets $(ROOTS) ui --port $(PORT) --mlflow-port $(MLFLOW_PORT)

bench: .venv/.ready
	$(BIN)/python benchmarks/road.py $(if $(RAW),"$(RAW)")

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable ".[video,tune,pretrained]" --group test
	touch $@

clean:
	rm -rf .venv data/sample data/sample.truth data/state data/state.sample
