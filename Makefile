# Two commands do everything: `make ask` and `make test`. Both set up what is missing, once.
# `make slow` is what `make test` leaves out: sweeps of kills and signals, real clients, whole programs.
.DEFAULT_GOAL := help
# An install that fails must not pass for done because what filters its output succeeds.
SHELL  := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BRIEF  := | { grep -v '^Requirement already' || true; }
Q      ?= Where do language models recall facts such as the capital of a country, and how do I localise that causally?
export Q

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ask: $(VENV)/.interp  ## answer a question with receipts: make ask Q="What is activation patching?"
	@$(BIN)/gadfly ask "$$Q"

# One thread each: tiny models run slower on several, and every core has a worker already.
test: $(VENV)/.dev  ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow"

slow: $(VENV)/.dev  ## the tests that take long: kills, signals, real clients and programs
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m slow

bench: $(VENV)/.dev  ## measure speed beside peers: ratios within one run
	$(BIN)/python -m gadfly.evals.bench --peers

report: $(VENV)/.interp  ## one page from the latest results of the evals
	$(BIN)/python -m gadfly.evals.report

clean:  ## remove the virtual environment
	rm -rf $(VENV)

# torch comes first and alone: a bare `pip install` resolves it to the build this platform offers.
$(VENV)/.interp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gadfly needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once, a few minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip setuptools
	$(BIN)/python -m pip install -c constraints.txt --progress-bar on "$$(grep '^torch==' constraints.txt)" $(BRIEF)
	$(BIN)/python -m pip install -c constraints.txt --progress-bar on -e '.[interp]' $(BRIEF)
	@touch $@

$(VENV)/.dev: $(VENV)/.interp
	$(BIN)/python -m pip install -c constraints.txt --progress-bar on -e '.[interp,evals,dev]' $(BRIEF)
	@touch $@

.PHONY: help ask test slow bench report clean
