# make run        install the requirements and serve, in the foreground
# make install    only install the requirements, into .venv
# make test       install the test requirements and run all tests, on SQLite and on PostgreSQL
# make test-long  run the long tests, too: kills, networks, load, big tables
# make coverage   run the tests on SQLite and list the lines that they do not reach
# make lint       formatter, linter, types, import direction, migrations, deployment check
# make bench      measure, side by side with the baselines, and write docs/measured.md
# make bench-quick  measure only the requests of listeners, within two minutes; writes into var/bench
# make lock       write the three requirements*.txt anew from what stands in requirements*.in
# make audit      look for known weaknesses of the packages that the site runs on

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
TOOLS := $(VENV)/tools
# One list for all systems and all versions of Python from 3.11 on, with the hash of every file that pip may take.
LOCK = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --system-certs --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# Makes every worker measure itself from its start. This is slow.
MEASURED := COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml

# The tests start a hundred processes, so modules must be compiled only once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run install test test-long coverage lint bench bench-quick lock audit

run: $(VENV)/.installed
	@$(BIN)/python manage.py serve --end-with-parent

install: $(VENV)/.installed

test: $(VENV)/.installed-dev
	@echo "== The suite on SQLite" && $(PYTEST)
	@echo "== The suite on PostgreSQL" && TEST_DATABASE=postgres $(PYTEST)

test-long: export TEST_LONG = 1
test-long: test

coverage: $(VENV)/.installed-dev
	@$(BIN)/coverage erase
	@$(MEASURED) $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(50))") \
	  ALLOWED_HOSTS=example.org CSRF_TRUSTED_ORIGINS=https://example.org \
	  $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m bench --docs docs

bench-quick: $(VENV)/.installed-dev
	@$(BIN)/python -m bench --quick --docs var/bench

lock: $(TOOLS)/.installed
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --constraints requirements.txt --output-file requirements-dev.txt
	@$(LOCK) requirements-tools.in --output-file requirements-tools.txt

audit: $(TOOLS)/.installed
	@$(BIN)/python -m harness.audit $(TOOLS)/bin/pip-audit requirements.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -w . || { echo "The folder $(CURDIR) cannot be written, and $(VENV) has to be made in it." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(VENV) could not be made, for the reason above. Run this again once it is gone." >&2; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing the requirements (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# Compiling every module would take pip half a minute; Python compiles those that it loads.
$(VENV)/.installed-dev: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the development requirements (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(TOOLS)/.installed: requirements-tools.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@
