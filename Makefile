# One command for each thing a developer does; CI runs the same ones. Needs Python 3.10 to 3.13.
PYTHON ?= python
# Quotes the extra for every shell: `make install EXTRA=test,ocr`
EXTRA ?= test

.PHONY: help install format lint types test crash fuzz soak slow check reference constraints

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: ## install the project for development, in the versions that were tried
	$(PYTHON) -m pip install -c constraints.txt -e ".[$(EXTRA)]"

format: ## format and sort imports
	ruff check --fix .
	ruff format .

lint: ## what must hold before a commit
	ruff check .
	ruff format --check .

types: ## strict types
	mypy

test: ## the tests that CI runs: offline, under 15 minutes on two cores
	pytest -n 2 --dist loadfile

crash: ## the program is killed at random moments and a disk is full; minutes
	pytest -m slow tests/indexing/test_crash.py tests/indexing/test_kill_loop.py

fuzz: ## 5,000 broken files of every format are read; a quarter of an hour
	PYTHONPATH=. $(PYTHON) tests/support/fuzz.py 5000

soak: ## 3,000 questions from five threads beside an ingest; what is held must not grow
	PYTHONPATH=. $(PYTHON) tests/support/soak.py 3000

slow: ## the long tests: retrieval goals, kill loops, soak
	pytest -m slow

check: lint types test crash ## all that CI checks

reference: ## write docs/reference.md and reference.zh.md again: settings and commands
	$(PYTHON) docs/make_reference.py

constraints: ## write constraints.txt anew from a fresh environment
	$(PYTHON) .ci/make_constraints.py
