# make run    opens the app on a sample        make test      every test, lint included
# make bench  prints ratios against peers      make test-all  the long checks too
# make fuzz   hostile files, new examples       make clean     what the others left
.DEFAULT_GOAL := run
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Two at a time, but browser tests one after the other: they wait for what a page shows.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

# Alone in a network that leads nowhere, where the machine allows one: nothing may leave.
ALONE := $(BIN)/python -m tests.e2e.alone $(BIN)/python

.PHONY: run test test-all fuzz lint format bench docs-images clean

run: $(VENV)/.installed
	$(BIN)/quantlens $(ARGS)

test: lint
	$(BIN)/python -m tests.e2e.browser
	$(PYTEST) -m "not e2e and not slow and not bench"
	$(ALONE) -m pytest -m "e2e and not slow and not bench"

test-all: lint
	$(BIN)/python -m tests.e2e.browser
	$(PYTEST) -m "not e2e and not bench"
	$(ALONE) -m pytest -m "e2e and not bench"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fuzz: $(VENV)/.installed-test
	$(BIN)/python -m tests.fuzz $(ARGS)
	-$(BIN)/python -m pip install --quiet --editable ".[fuzz]"
	$(BIN)/python -m tests.fuzz.guide
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m "not slow and not bench and not e2e" \
	  $$(grep -rl "^from hypothesis import" tests --include="test_*.py")

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m pytest -m bench -s -q

docs-images: $(VENV)/.installed-test
	$(BIN)/python -m tests.e2e.screenshots docs/images

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .bench dist build
	find quant analysis app sample_models tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m quant.kernels
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@
