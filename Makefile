# Two commands do everything: `make ask` and `make test`. Both set up what is missing, once.
# `make slow` is what `make test` leaves out: sweeps of kills and signals, real clients, whole programs.
.DEFAULT_GOAL := help
# A command that fails must not pass for done because what its output goes to succeeds.
SHELL  := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
Q      ?= Where do language models recall facts such as the capital of a country, and how do I localise that causally?
export Q

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ask: $(VENV)/.interp  ## answer a question with receipts: make ask Q="What is activation patching?"
	@$(BIN)/gadfly ask "$$Q"

# One thread each: tiny models run slower on several, and every core has a worker already.
# The tests of the tools, which are those on measured numbers, run again as on another processor: torch's plainest
# instructions and two threads. What a test expects must not hang on the last bits of a sum.
test: $(VENV)/.dev  ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow"
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE \
	  $(BIN)/pytest tests/tools --ignore tests/tools/review --ignore tests/tools/kernel -n auto --maxprocesses 4 --dist worksteal -m "not slow"

slow: $(VENV)/.dev  ## the tests that take long: kills, signals, real clients and programs
	@$(BIN)/python -m gadfly.evals.real.weights --models smollm2 || echo "tests on real weights will be skipped"
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m slow -rs

real: $(VENV)/.dev  ## hold every tool to facts on three real models: fetches 0.9 GB, takes long
	$(BIN)/python -m gadfly.evals.real

bench: $(VENV)/.dev  ## measure speed beside peers: ratios within one run
	$(BIN)/python -m gadfly.evals.bench --peers

report: $(VENV)/.interp  ## one page from the latest results of the evals
	$(BIN)/python -m gadfly.evals.report

clean:  ## remove the virtual environment
	rm -rf $(VENV)

$(VENV)/.interp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gadfly needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once, a few minutes) ..."
	$(PYTHON) -m venv $(VENV)
	.ci/dependencies $(VENV) interp
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.interp
	.ci/dependencies $(VENV) interp evals formats dev
	@touch $@

# Versions that stand in constraints.txt are kept; for newer ones: make lock UPGRADE=--upgrade
lock:  ## write constraints.txt anew: versions of the whole tree with their hashes
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	@grep '^#' constraints.txt > $(VENV)-lock/constraints.txt
	printf 'pip\nsetuptools\n' | $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras $(UPGRADE) \
	  $(if $(UPGRADE),,-c constraints.txt) pyproject.toml - | \
	  awk '/^[a-z]/ {torch = /^torch==/; if (torch) sub(/ \\$$/, "")} !torch || /^torch/' >> $(VENV)-lock/constraints.txt
	mv $(VENV)-lock/constraints.txt constraints.txt && rm -rf $(VENV)-lock

.PHONY: help ask test slow real bench report lock clean
