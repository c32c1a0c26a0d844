# `make run` starts Loredesk, `make test` checks everything; both do their own set-up.
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

BOOTSTRAP := sh scripts/python.sh scripts/bootstrap.py
PYTHON := .venv/bin/python
BIN := .venv/bin
# Checks that load Django's settings without any service: these addresses refuse every connection.
NOWHERE := SECRET_KEY=checks DATABASE_URL=postgres://checks@127.0.0.1:9/checks \
	REDIS_URL=redis://127.0.0.1:9/0 MODEL_SERVER_URL=http://127.0.0.1:9

.PHONY: help setup run dev test check fmt lint types arch schema schema-check migrations-check \
	pages-check unit backend-tests e2e browser bench bench-llamafactory gpu-check

help:
	@sed -n 's/^## //p' Makefile

## make run      start Loredesk (PORT=8000), Ctrl-C stops it
run:
	@$(BOOTSTRAP) run
	@exec $(PYTHON) -m backend.config.embedded

## make test     every check and test, the browser tests last
test:
	@$(BOOTSTRAP) dev
	@sh scripts/browser.sh
	@$(MAKE) check
	@echo "== vitest"
	@cd frontend && npm run --silent test
	@echo "== packaged model"
	@test -f data/local/models/smollm2-135m-instruct/config.json || \
		TQDM_DISABLE=1 $(PYTHON) -m ml convert --base-model packaged:smollm2-135m-instruct --models-dir data/local/models
	@echo "== pytest"
	@sh scripts/tests.sh
	@echo "== browser tests"
	@$(BIN)/pytest tests/e2e

## make check    formatting, lint, types, boundaries, migrations, schema
check: setup fmt-check lint types arch migrations-check schema-check pages-check

## make setup    install what the checks and tests need
setup:
	@$(BOOTSTRAP) dev

## make dev      the pages with hot reload, beside a running `make run`
dev: setup
	@cd frontend && exec npm run dev

## make fmt      format Python
fmt: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

fmt-check:
	@echo "== ruff format"
	@$(BIN)/ruff format --check .

## make lint     ruff
lint:
	@echo "== ruff check"
	@$(BIN)/ruff check .

## make types    mypy --strict
types:
	@echo "== mypy"
	@$(NOWHERE) $(BIN)/mypy backend ml tests scripts

## make arch     import-linter
arch:
	@echo "== import-linter"
	@$(BIN)/lint-imports

migrations-check:
	@echo "== migrations"
	@$(NOWHERE) DJANGO_SETTINGS_MODULE=backend.config.settings $(PYTHON) -m scripts.migrations_check

## make schema   write docs/openapi.json and the types of the pages anew
schema: setup
	@$(NOWHERE) $(PYTHON) manage.py spectacular --validate --fail-on-warn --format openapi-json --file docs/openapi.json
	@cd frontend && npm run --silent schema

schema-check:
	@echo "== OpenAPI snapshot"
	@$(NOWHERE) sh scripts/schema_check.sh

pages-check:
	@echo "== eslint"
	@cd frontend && npm run --silent lint
	@echo "== vue-tsc"
	@cd frontend && npm run --silent typecheck

## make e2e      the browser tests alone
e2e: setup browser
	@$(BIN)/pytest tests/e2e

browser:
	@sh scripts/browser.sh

## make bench    start-up times, memory and speeds of this machine; 100,000 records
bench: setup
	@$(PYTHON) scripts/bench.py
	@$(PYTHON) scripts/bench_curation.py

ROUNDS ?= 5
STEPS ?= 10
## make bench-llamafactory   our trainer beside LLaMA-Factory 0.9.5 (ROUNDS=5 STEPS=10)
bench-llamafactory: setup
	@$(PYTHON) scripts/bench_llamafactory.py --rounds $(ROUNDS) --steps $(STEPS)

## make gpu-check   what this machine's graphics card can do for us, and how fast
gpu-check: setup
	@$(PYTHON) scripts/gpu_check.py
