# Everything one does with Worldloom. Written for GNU make 3.81, which is what macOS has.
# Each target installs what it needs on its first run; needed beforehand: make and Python 3.11 or newer.
# Variables: CHECK=1 PORT=8001 (demo), ARGS="-k word" (test), ONLY=name (bench), UPGRADE=1 (pins), PYTHON=python3.12

PYTHON ?= $(shell command -v python3 || command -v python3.14 || command -v python3.13 || command -v python3.12 || command -v python3.11 || echo python3)
BIN := .venv/bin
# Ctrl-C belongs to the program: it cleans up, and make has nothing to complain about.
QUIETLY := trap 'exit 0' INT;
ANY_PYTHON = $$(test -x $(BIN)/python && echo $(BIN)/python || echo $(PYTHON))
FREE := import fcntl; fcntl.flock(open('.data/demo.lock'), fcntl.LOCK_EX | fcntl.LOCK_NB)
# What a production site would set, so that `check --deploy` judges that and not a laptop.
AS_IN_PRODUCTION := DJANGO_SETTINGS_MODULE=marketplace.settings WORLDLOOM_DATA=build/lint \
	WORLDLOOM_URL=https://worldloom.example WORLDLOOM_HOSTS=worldloom.example \
	WORLDLOOM_SECRET_KEY=only-lint-uses-this-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG \
	DATABASE_URL=postgresql://lint@127.0.0.1:9/lint

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-deep lint bench pins messages contracts contracts-check clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: .venv/.runtime-stamp build/vendor/.stamp ## Run Worldloom on 127.0.0.1:8000 with demo worlds; CHECK=1 proves the outcome and stops
	@exec $(BIN)/python -m demo --with-parent $(if $(CHECK),--check) $(if $(PORT),--port $(PORT))

test: .venv/.dev-stamp build/vendor/.stamp ## Run all tests (the browser tests need chromium and are skipped without it); ARGS="-k word"
	@$(QUIETLY) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not deep" $(ARGS)

test-deep: .venv/.dev-stamp build/vendor/.stamp ## Run the slow, exhaustive tests
	@$(QUIETLY) HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n 2 --dist worksteal -m deep $(ARGS) || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

lint: .venv/.dev-stamp ## Check style, imports, types, migrations, settings and translations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy --strict $$(find assets embedded ledger marketplace -name rules.py -o -path '*/rules/*.py' -o -name base.py -o -name pricing.py -o -path '*/terms/*.py' -o -path 'embedded/*.py')
	$(AS_IN_PRODUCTION) $(BIN)/python -W "ignore:Got an error checking" -m django makemigrations --check --dry-run
	$(AS_IN_PRODUCTION) $(BIN)/python -m django check --deploy
	$(AS_IN_PRODUCTION) $(BIN)/python -m django messages --check

bench: .venv/.dev-stamp build/vendor/.stamp ## Measure: name | value | unit | against | goal | ok; ONLY=name runs one
	@$(QUIETLY) $(BIN)/python -m benchmarks $(ONLY)

pins: .venv/.dev-stamp ## Write requirements*.txt again from requirements*.in; UPGRADE=1 takes newer versions
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		$(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		$(if $(UPGRADE),--upgrade) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	@if grep -nE '://|--(extra-)?index-url|--find-links' requirements.txt requirements-dev.txt; then \
		echo "The pins name a host; they must not." >&2; exit 1; fi
	@if grep -n '"resolved"' package-lock.json; then \
		echo "package-lock.json names a host; it must not: see .npmrc." >&2; exit 1; fi

messages: .venv/.runtime-stamp ## Write the texts to translate into locale/, and compile the translations
	$(AS_IN_PRODUCTION) $(BIN)/python -m django messages --update
	$(AS_IN_PRODUCTION) $(BIN)/python -m django messages --compile

contracts: .venv/.runtime-stamp ## Compile and test the contracts, and write contracts/abi/ again
	contracts/tools/build
	contracts/tools/test

contracts-check: .venv/.runtime-stamp ## Compile the contracts anew, compare with contracts/abi/ byte for byte, and test them
	contracts/tools/check
	contracts/tools/test

clean: ## Delete the demo's data, what was built, and all caches (.venv stays)
	@if [ -e .data/demo.lock ] && ! $(ANY_PYTHON) -c "$(FREE)" 2>/dev/null; then \
		echo "The demo is running: stop it with Ctrl-C, then run make clean again." >&2; exit 1; fi
	@$(ANY_PYTHON) -m embedded.postgres remove --folder .data/postgres
	rm -rf .data build node_modules contracts/node_modules contracts/out contracts/cache
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## The same, and .venv
	rm -rf .venv

.venv/.runtime-stamp: requirements.txt embedded/environment.py
	@$(PYTHON) embedded/environment.py requirements.txt $@

.venv/.dev-stamp: requirements-dev.txt .venv/.runtime-stamp
	@$(PYTHON) embedded/environment.py requirements-dev.txt $@

build/vendor/.stamp: package-lock.json embedded/frontend.py .venv/.runtime-stamp
	@$(BIN)/python -m embedded.frontend && touch $@
