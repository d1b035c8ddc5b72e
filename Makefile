# Every command of the project, for people and CI; `make` alone lists them.
# Python 3.11 to 3.13 is all they need: the first one makes .venv from requirements.lock.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run live ui proof test test-all test-fast check bench bench-engine bench-sizes bench-server bench-parity bench-freshness bench-damage bench-faults bench-kills bench-logged audit compile format lock clean

bin := .venv/bin
stamp := .venv/.stamp
manifest := dbt_project/target/manifest.json
dbt_files := $(shell find dbt_project -mindepth 1 \( -name target -o -name logs -o -name '.*' \) -prune -o -print)

# Absolute, because dbt and Dagster start processes in other directories; `abspath` would take a
# path with a space for two.
absolute = $(if $(filter /%,$(firstword $(1))),$(1),$(CURDIR)/$(1))
data := $(call absolute,$(or $(SLATE_DATA),data))
run live ui proof bench bench-parity bench-freshness bench-faults: override export SLATE_DATA := $(data)
run ui proof bench bench-parity bench-freshness bench-faults: export DAGSTER_HOME := $(data)/dagster

# Dagster looks for dbt here.
export PATH := $(CURDIR)/$(bin):$(PATH)

export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

# Where it is set, every import compiles again: two to three times slower.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "Commands (ARGS=... is passed on to run, live, ui, proof, tests, bench and lock):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(stamp) ## Simulate the marketplace, run the whole pipeline and serve a request
	$(bin)/slate run $(ARGS)

live: $(stamp) ## Watch simulated viewers act and a feed follow, on what run has published
	$(bin)/slate live $(ARGS)

ui: $(manifest) ## Open Dagster on the same data
	$(bin)/slate ui $(ARGS)

# One process more than there are cores, as each waits now and then for what it started.
workers = $$(( $$(getconf _NPROCESSORS_ONLN) + 1 ))
pytest = $(bin)/pytest --numprocesses $(workers) --dist loadfile --no-loadscope-reorder

test: $(manifest) ## Run the tests, but for those that go deeper (ARGS="-k window" runs some of them)
	$(pytest) $(ARGS)

test-all: $(manifest) ## Run all tests, also those that go deeper: before a release
	$(pytest) --thorough $(ARGS)

test-fast: $(stamp) ## Run the tests that start no process: no store, no dbt, no Dagster
	$(pytest) -m "not process" $(ARGS)

check: $(stamp) ## Check format, lint, types, architecture, compiled SQL and locks
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/mypy
	$(bin)/pytest --quiet tests/test_architecture.py
	$(bin)/slate check

bench: $(stamp) ## Measure speed and say what was measured
	$(bin)/python -m benchmarks $(ARGS)

bench-server: $(stamp) ## Measure features served over HTTP
	$(bin)/python -m benchmarks.server $(ARGS)

bench-parity: $(stamp) ## Hold 10 million streamed values against the oracle
	$(bin)/python -m benchmarks.parity $(ARGS)

bench-engine: $(stamp) ## Measure a feed request in process, beside others' ways to the same numbers
	$(bin)/python -m benchmarks.engine $(ARGS)

bench-sizes: $(stamp) ## Measure cost against candidates, features, rows, processes and rates, and plot it
	$(bin)/python -m benchmarks.sizes $(ARGS)

bench-freshness: $(stamp) ## Measure the time from an event to its being served
	$(bin)/python -m benchmarks.freshness $(ARGS)

bench-faults: $(stamp) ## Break things for half an hour under load, and judge every answer
	$(bin)/python -m benchmarks.faults $(ARGS)

bench-kills: $(manifest) ## Kill runs of the whole chain, and their dbt, at random, and judge what they leave
	$(bin)/python -m benchmarks.faults.runs $(ARGS)

bench-logged: $(stamp) ## Measure what logging a tenth of the answers costs a feed request
	$(bin)/python -m benchmarks.logged $(ARGS)

bench-damage: $(stamp) ## Damage what the store holds 100,000 times, and see that nothing wrong is served
	$(bin)/python -m benchmarks.damage $(ARGS)

proof: $(stamp) ## Measure what fresh features pay, on what run has built, and write docs/proof.md
	$(bin)/python -m live_shopping.proof $(ARGS)

compile: $(stamp) ## Write the SQL that the definitions stand for
	$(bin)/slate compile

format: $(stamp) ## Format the code and fix what lint can fix
	$(bin)/ruff check --fix-only
	$(bin)/ruff format

# One version of a package on every Python: the newest NumPy's types are unreadable for 3.11.
lock: $(stamp) ## Resolve pyproject.toml into requirements.lock (ARGS=--upgrade renews all)
	$(bin)/uv pip compile pyproject.toml --extra platform --group dev --output-file requirements.lock \
	    --universal --python-version 3.11 --fork-strategy fewest \
	    --generate-hashes --no-header --no-annotate --quiet $(ARGS)

audit: $(stamp) ## Ask osv.dev which pinned packages have known vulnerabilities (ARGS=--service-url ... asks another)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	printf '[project]\nname = "audited"\nversion = "0"\nrequires-python = ">=3.11,<3.14"\n' \
	    > "$$folder/pyproject.toml" && \
	$(bin)/uv add --project "$$folder" --no-sync --no-config --quiet --requirements requirements.lock && \
	$(bin)/uv audit --project "$$folder" --frozen --preview $(ARGS)

clean: ## Remove ./data, caches and build leftovers (.venv stays)
	rm -rf data dbt_project/target dbt_project/logs logs build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name __pycache__ -prune -exec rm -rf {} +

# Without its stamp an environment was never finished, and is made anew.
$(stamp): requirements.lock pyproject.toml
	@test -e $@ || rm -rf .venv
	@rm -f $@
	@test -e .venv || { \
	    for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	        "$$python" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	            2>/dev/null && break; \
	        python=; \
	    done; \
	    test -n "$$python" || { \
	        echo "Slate needs Python 3.11, 3.12 or 3.13 with its venv module, and found none." \
	            "Install one, or name yours: make PYTHON=<its path>" >&2; exit 1; }; \
	    echo "Making .venv with $$python: about a minute"; \
	    "$$python" -m venv .venv; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock | $(bin)/python -m pip install -qq \
	    --disable-pip-version-check --require-hashes --requirement /dev/stdin
	@$(bin)/uv pip sync --quiet --python $(bin)/python \
	    --require-hashes --compile-bytecode requirements.lock
	@$(bin)/uv pip install --quiet --python $(bin)/python \
	    --no-deps --no-build-isolation --editable .
	@touch $@

# Parsed for the same warehouse as it runs with, in the same words, or dbt would parse all of it again.
$(manifest): export SLATE_WAREHOUSE = $(shell $(bin)/python -c 'import os, sys; \
    print(os.path.relpath(sys.argv[1], "dbt_project"))' '$(data)/warehouse.duckdb')
$(manifest): $(stamp) $(dbt_files)
	$(bin)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project
