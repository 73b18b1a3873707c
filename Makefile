# Cambista's commands. Python 3.11 or newer and make are all they need; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Stamps: what stands in the environment is as new as the files it was built from.
CORE := $(VENV)/.core
DEV := $(VENV)/.dev

ARGS ?=
JOBS ?= 2
SEEDS ?= 200
PYTEST_ARGS ?= -n $(JOBS) --dist loadfile --cov --cov-report=term
SOURCES := src tests tools $(wildcard benchmarks)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-22s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: $(DEV) ## Build .venv with everything for tests and checks (nothing is done when it is up to date)

.PHONY: run
run: $(CORE) ## Start the house on an embedded PostgreSQL, in the foreground (ARGS="..." goes to `cambista serve`)
	@exec $(BIN)/cambista serve $(ARGS)

.PHONY: demo
demo: $(CORE) ## Start the house with a paper market and simulated customers (ARGS="--seed 7 --customers 20")
	@exec $(BIN)/cambista demo $(ARGS)

.PHONY: test
test: $(DEV) ## Run every test, with coverage (PYTEST_ARGS replaces the options)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: $(DEV) ## Check style, types, imports and the shape of the house
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -qq tests/architecture

.PHONY: audit
audit: $(DEV) ## Look for weaknesses in the code (bandit) and in what is pinned (pip-audit, if it can reach its database)
	$(BIN)/bandit -q -c pyproject.toml -r src tools
	$(BIN)/python -m tools.audit

.PHONY: format
format: $(DEV) ## Let ruff mend what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: bench
bench: $(DEV) ## Measure the house against pgbench of the same PostgreSQL
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: simulate
simulate: $(DEV) ## Run the simulation for SEEDS seeds (default 200)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: requirements
requirements: $(DEV) ## Pin the dependencies again (UPGRADE=--upgrade for newer ones)
	$(COMPILE) $(UPGRADE) pyproject.toml --all-extras requirements/core.in requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(UPGRADE) pyproject.toml requirements/core.in -c requirements/dev.txt -o requirements/core.txt

.PHONY: clean
clean: ## Remove the environment, caches and figures (never the house's data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*

# The development environment holds the core's pins too, so it serves both.
$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/dev.txt pins into $(VENV); this takes about a minute."
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(CORE) $(DEV)

$(CORE): requirements/core.txt pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/core.txt pins into $(VENV); this takes under a minute."
	@$(PIP) install --quiet --require-hashes -r requirements/core.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(CORE)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Cambista needs Python 3.11 or newer; none was found (set PYTHON=/path/to/python3)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot create a virtual environment; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
