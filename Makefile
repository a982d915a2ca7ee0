# Everything sets itself up: `make demo` needs Python 3.11 or newer, and nothing else; the benchmarks and
# their tests in `make test` need nginx and wrk too, and install them where apt-get is and they may.
PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: help demo test calls bench corpus methods servers check format clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml
	@echo "setting up $(VENV) (once; takes a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(INSTALLED)

demo: $(INSTALLED) ## Start the example's services and Weft in front of them (ARGS=--once to exit by itself)
	@$(BIN)/python -m examples.shop.demo $(ARGS)

test: $(INSTALLED) ## Run the whole suite (ARGS='-k name' for a part of it)
	$(BIN)/python -m pytest $(ARGS)

calls: $(INSTALLED) ## Call every operation of real documents and validate it (DIR=folder REPORT=file.json)
	@$(BIN)/python -m tests.corpus.calls $(DIR) $(if $(REPORT),--report $(REPORT)) $(ARGS)

bench: $(INSTALLED) ## Measure Weft beside the bare limit and its peers (ARGS=--help says how)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

corpus: $(INSTALLED) ## Convert every OpenAPI document of a folder (DIR=folder REPORT=report.json, ARGS=--help says more)
	@$(BIN)/python -m tests.corpus $(if $(DIR),--dir '$(DIR)') $(if $(REPORT),--report '$(REPORT)') $(ARGS)

methods: $(INSTALLED) ## Call every method of real gRPC APIs, served from their descriptors (ARGS=--help says more)
	@$(BIN)/python -m tests.corpus.grpc $(ARGS)

servers: ## Install gRPC servers of others' making from npm, for the tests that run if they are there
	@mkdir -p .cache/grpc-servers && cp tests/engine/transport/node/package.json .cache/grpc-servers/
	@npm install --silent --no-audit --no-fund --prefix .cache/grpc-servers

check: $(INSTALLED) ## Run formatter, linters, type checkers and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --no-incremental --explicit-package-bases tests examples
	$(BIN)/basedpyright --level error
	$(BIN)/lint-imports

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build dist
