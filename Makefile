# Everything one does with Shallows. `make` lists it.

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
BENCHMARKS := nncore_bench stream_bench page_bench store_bench load_bench class_bench second_way_bench servers_bench hostile_bench wheel_bench

.DEFAULT_GOAL := help
.PHONY: help run fix check test lint bench lock vendor wheel wheel-test docker-test cluster-test clean tools
.PHONY: lint-types lint-rest debian-packages tests

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run-installed ## Start the server (HOST, PORT; RELOAD=1 serves every edit at once)
	@exec $(VENV_PYTHON) -m app

fix: $(VENV)/.dev-installed tools ## Format, sort imports, and mend what the linters can mend
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format
	node_modules/.bin/biome check --write

check: lint ## The quick checks: lint, and the tests that need no server, database or browser
	$(VENV_PYTHON) -m pytest --numprocesses logical --maxprocesses 4 -m "not service"

# Types take a minute of one core: they are looked at beside the first tests too.
test: ## Every check: what lint does, then the tests, the page's in a real browser too
	@$(MAKE) --no-print-directory -j 3 lint-types tests

# What is installed waits for the network and the disk: Debian's packages come meanwhile, and linters begin.
# A test that runs make has its own jobs.
tests: lint-rest debian-packages
	@scripts/install_test_tools.sh chromium postgresql nginx
	MAKEFLAGS= $(VENV_PYTHON) -m pytest --numprocesses logical --maxprocesses 4

lint: ## Style, types and the order of the storeys
	@$(MAKE) --no-print-directory -j 2 lint-types lint-rest

# Beside the rest: it takes as long, on one core.
lint-types: $(VENV)/.dev-installed
	$(VENV)/bin/mypy

lint-rest: $(VENV)/.dev-installed tools
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/lint-imports
	node_modules/.bin/tsc
	node_modules/.bin/biome ci --error-on-warnings
	$(VENV_PYTHON) scripts/page_layers.py

debian-packages:
	@scripts/install_test_tools.sh --debian chromium postgresql nginx

bench: $(VENV)/.dev-installed ## Measure, side by side with peers where there are any (minutes)
	@scripts/install_test_tools.sh chromium
	@failed=; for name in $(BENCHMARKS); do $(VENV_PYTHON) -m benchmarks.$$name || failed="$$failed $$name"; done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

lock: $(VENV)/.dev-installed tools ## Lock the versions anew (ARGS=--upgrade takes the newest)
	scripts/lock_python.sh $(ARGS)
	scripts/lock_npm.sh

vendor: tools ## Copy the page's libraries from node_modules into static/vendor
	node scripts/vendor.mjs

wheel: $(VENV)/.dev-installed ## Build the wheel and the sdist into dist/
	$(VENV_PYTHON) -m hatchling build

wheel-test: $(VENV)/.dev-installed ## Build the wheel, install it where nothing else is, and use it (part of make test)
	@scripts/install_test_tools.sh chromium
	$(VENV_PYTHON) -m pytest tests/test_wheel.py

docker-test: ## Build the image, run it locked down, and use it (needs a Docker engine)
	python3 scripts/docker_test.py

cluster-test: $(VENV)/.dev-installed ## Load and break a cluster of machines in network namespaces (Linux, root)
	@scripts/install_test_tools.sh postgresql nginx
	$(VENV_PYTHON) -m benchmarks.cluster_bench --backend pool
	$(VENV_PYTHON) -m benchmarks.cluster_bench --backend ray

clean: ## Remove what make has installed and what the tools have cached
	rm -rf $(VENV) node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are as new as the locks that they were installed from; the dev lock holds all that the other does.
$(VENV)/.run-installed: requirements.lock
	@scripts/install_python.sh $< $@

$(VENV)/.dev-installed: requirements-dev.lock
	@scripts/install_python.sh $< $@ $(VENV)/.run-installed

tools: node_modules/.package-lock.json

node_modules/.package-lock.json: package-lock.json
	@scripts/install_test_tools.sh node
	npm ci
	@touch $@
