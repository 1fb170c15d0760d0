# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer and make are all they need.
.DEFAULT_GOAL := help
.PHONY: help demo test serve lint bench pins clean
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP = .venv/bin/python -m pip --disable-pip-version-check install --quiet
OUT ?= recore-demo

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "make %-7s %s\n", $$1, $$2 }'

demo: .venv/installed ## run the whole chain on the bundled machine
	@.venv/bin/recore demo --out $(OUT)

test: .venv/installed-dev ## run every test, with branch coverage
	@.venv/bin/python tools/compile_kernels.py
	@.venv/bin/python -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=90

serve: .venv/installed ## serve the pages on http://127.0.0.1:8000
	@.venv/bin/recore serve

lint: .venv/installed-dev ## style, types, layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/recore rules check

bench: .venv/installed-dev ## benchmarks against the named peers
	@for script in benchmarks/bench_*.py; do echo "== $$script"; .venv/bin/python $$script || exit 1; done

pins: .venv/installed-dev ## renew the pinned versions and their hashes
	@uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade --output-file constraints.txt
	@uv pip compile pyproject.toml --group dev --constraint constraints.txt --universal --generate-hashes \
		--python-version 3.11 --no-header --no-annotate --quiet --upgrade --output-file constraints-dev.txt

clean: ## remove what the targets made
	@rm -rf .venv $(OUT) .pytest_cache .mypy_cache .ruff_cache .coverage*

.venv/installed: constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute) …" >&2
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r constraints.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-dev: .venv/installed constraints-dev.txt
	@echo "Adding what the tests need …" >&2
	@$(PIP) --require-hashes -r constraints-dev.txt
	@touch $@
