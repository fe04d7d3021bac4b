# RootTrading. `make` lists what can be done; `make demo` and `make test` set everything up by themselves.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; \
	done; echo python3)
VENV := .venv/bin
PY := $(VENV)/python
ROOTTRADING := $(PY) -m cli.main
TESTS ?= tests

# Variables of a target become options of the command.
DEMO_OPTIONS = $(if $(DURATION),--duration $(DURATION)) $(if $(SPEED),--speed $(SPEED)) $(if $(SEED),--seed $(SEED)) \
	$(if $(SYMBOLS),--symbols $(SYMBOLS)) $(if $(REPLAY),--replay $(REPLAY)) $(if $(KAFKA),--kafka $(KAFKA))
UP_OPTIONS = $(if $(TWIN),--twin) $(if $(KAFKA),--kafka $(KAFKA))
SHARED_OPTIONS = $(if $(JSON),--json) $(if $(DATA_DIR),--data-dir $(DATA_DIR))

.DEFAULT_GOAL := help
.PHONY: help demo test setup setup-dev dashboard env up down status simulate unit integration e2e simulation chaos hour \
	mutation oracles browser \
	check format lint types imports bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo DURATION=180 SPEED=60 SEED=7 SYMBOLS=BTCUSDC,ETHUSDC REPLAY=FILE KAFKA=apache JSON=1"

demo: dashboard ## the whole platform against the Binance twin: no key, no money, no internet
	@$(ROOTTRADING) demo $(DEMO_OPTIONS) $(SHARED_OPTIONS)

test: setup-dev dashboard chromium ## every test: unit, contract, integration, end to end, browser
	@$(PY) -m pytest $(TESTS) --ignore=tests/bench

env: setup ## write .env from .env.example, with generated secrets
	@$(PY) -m cli.setup.env_file

up: dashboard ## the platform as processes in the background (TWIN=1: against the twin)
	@$(ROOTTRADING) up $(UP_OPTIONS) $(SHARED_OPTIONS)

down: setup ## stop it
	@$(ROOTTRADING) down $(SHARED_OPTIONS)

status: setup ## what runs and how it is
	@$(ROOTTRADING) status $(SHARED_OPTIONS)

simulate: setup ## the Binance twin alone, on port 8400
	@$(ROOTTRADING) simulator serve

unit: setup-dev ## the fast tests
	@$(PY) -m pytest tests/unit tests/contract

integration: setup-dev ## tests on real databases and brokers
	@$(PY) -m pytest tests/integration

e2e: setup-dev dashboard ## the platform from market to ledger
	@$(PY) -m pytest tests/e2e

simulation: setup-dev ## adversarial simulation of the money path (SEEDS=10000 FROM=0)
	@$(PY) -m tests.simulation --seeds $(or $(SEEDS),10000) --from $(or $(FROM),0) --jobs $(or $(JOBS),2)

oracles: setup-dev ## what other libraries say of the same figures, written down again
	@$(PYTHON) -m venv .venv-oracles && .venv-oracles/bin/pip install --quiet ffn skfolio arch
	@.venv-oracles/bin/python -m tests.oracles.record

chaos: setup-dev ## kill -9 at every point of the order path (SAMPLE=40 for some), judged by the auditor
	@$(PY) -m tests.chaos --sample $(or $(SAMPLE),0) --seed $(or $(SEED),0)

hour: setup-dev ## everything at real speed, with faults, kills and an operator (MINUTES=60 SEED=7)
	@$(PY) -m tests.chaos.hour --minutes $(or $(MINUTES),60) --seed $(or $(SEED),7)

mutation: setup-dev ## mutation testing of order, risk, pockets and ledger code (MODULES=core/risk/sizing.py)
	@$(PY) -m tests.mutation $(MODULES)

browser: setup-dev dashboard chromium ## the dashboard in Chromium
	@$(PY) -m pytest tests/browser

check: lint types imports ## format, lint, types and import rules

format: setup-dev ## format the code
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

lint: setup-dev
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .

types: setup-dev
	@$(VENV)/mypy

imports: setup-dev
	@$(VENV)/lint-imports

bench: setup-dev ## the benchmarks
	@for file in tests/bench/bench_*.py; do name=$${file##*/}; echo "== $$name"; \
		$(PY) -m tests.bench.$${name%.py} || exit 1; done

setup: ## what the platform needs, in .venv
	@$(PYTHON) cli/setup/bootstrap.py embedded

setup-dev: ## what the tests need too
	@$(PYTHON) cli/setup/bootstrap.py dev

dashboard: setup ## build the dashboard if it changed
	@$(PY) -m cli.setup.dashboard_build

.PHONY: dashboard-types
dashboard-types: setup ## write the dashboard's types anew from the service's OpenAPI document
	@$(PY) -m cli.setup.dashboard_types

.PHONY: chromium
chromium: setup-dev
	@test ! -f tests/browser/chromium.py || $(PY) tests/browser/chromium.py

# The most constrained set is resolved first, so that every lock file holds the same versions.
COMPILE = $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate pyproject.toml

lock: setup-dev ## resolve the dependencies anew (the files name no registry)
	@echo 'setuptools>=77' | $(COMPILE) - --extra embedded --extra dev -o requirements-dev.lock
	@echo 'setuptools>=77' | $(COMPILE) - --extra embedded -c requirements-dev.lock -o requirements-embedded.lock
	@$(COMPILE) -c requirements-dev.lock -o requirements.lock

clean: ## stop what runs, then remove .venv, data, caches and everything built
	@test ! -x $(PY) || $(ROOTTRADING) down >/dev/null 2>&1 || true
	@rm -rf .venv .roottrading .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache artifacts \
		*.egg-info visualization/frontend/dist visualization/frontend/node_modules visualization/frontend/codegen/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
