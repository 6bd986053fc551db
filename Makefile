# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
RUN := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo up down test check schemas bench lock product all

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

demo: product ## Photos in, enhanced photos, film, invoice and commission out (PHOTOS=dir for your own)
	@$(RUN) -m local.demo

up: product ## Run the whole product here until Ctrl-C; prints its addresses
	@$(RUN) -m local.up

down: product ## Stop what `make up` and the demo started
	@$(RUN) -m local.down

test: all ## Check everything: style, types, fences, rules, services, stories
	@$(RUN) -m tests.lanes

check: all ## Format, lint, types, import fences, schema drift
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports
	@$(RUN) -m local.schemas --check

schemas: all ## Rewrite contracts/schemas and the table of contracts/README.md
	@$(RUN) -m local.schemas

bench: all ## Ratios against what others would use, in one run (AREA=events for one area)
	@$(RUN) -m benchmarks $(AREA)

SERVICES := gateway identity imaging video billing affiliate notifications
COMPILE = uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header \
  --no-annotate --python-version 3.11 $(UPGRADE)

lock: ## Recompile requirements/ from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "uv is missing: python3 -m pip install uv, then retry." >&2; exit 1; }
	@$(COMPILE) $(SERVICES:%=--extra %) --extra local --extra test -o requirements/all.txt
	@$(COMPILE) $(SERVICES:%=--extra %) --extra local -c requirements/all.txt -o requirements/product.txt
	@$(COMPILE) $(SERVICES:%=--extra %) -c requirements/all.txt -o requirements/services.txt

product:
	@$(PYTHON) local/bootstrap.py product

all:
	@$(PYTHON) local/bootstrap.py all
