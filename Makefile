# Everything a newcomer and a developer runs. Needs Python 3.11 or newer and nothing else: see README.md.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
JOBS ?= 2
# Hypothesis draws the same examples every time, and none fails for being slow on a busy machine.
SEEDED := --hypothesis-profile=ci
# A terminal is shown what pip does; a log is not.
QUIET := $(shell [ -t 1 ] || echo --quiet)

.PHONY: demo test lint layers soak bench lock clean help

help:  ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 16

demo: $(VENV)/.with-local  ## Hold a conversation with a local agent; CALLER=file.wav for a recorded question
	@$(BIN)/antiphon demo $(if $(CALLER),--caller "$(CALLER)")

test: $(VENV)/.with-dev  ## Run the tests; ARGS="-k barge" passes options on
	@$(BIN)/antiphon models pull || echo "Tests that need the missing weights will be skipped." >&2
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak and not live" $(SEEDED) $(ARGS)

lint: $(VENV)/.with-dev layers  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

layers: $(VENV)/.with-dev
	$(BIN)/python -m pytest tests/test_layers.py

soak: $(VENV)/.with-dev  ## Run the long searches in full
	@$(BIN)/antiphon models pull
	$(BIN)/python -m pytest -n $(JOBS) -m soak $(ARGS)
	$(BIN)/antiphon bench resume
	$(BIN)/antiphon bench fuzz
	$(BIN)/antiphon bench leaks

bench: $(VENV)/.with-local  ## Measure this machine
	@$(BIN)/antiphon models pull
	$(BIN)/antiphon bench overhead
	$(BIN)/antiphon bench density
	$(BIN)/antiphon bench heard

lock:  ## Renew constraints.txt from the newest versions
	rm -rf build/lock
	$(or $(PYTHON),python3) -m venv build/lock
	build/lock/bin/pip install $(QUIET) -e '.[local,talk,whisper,dev]'
	{ head -n 1 constraints.txt; build/lock/bin/pip freeze --exclude-editable; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:  ## Remove what make made
	rm -rf $(VENV) build dist demo.wav demo.json

# An install is done once for each state of the files it depends on. The package itself is installed in place, so a
# change of the source needs none.
$(VENV)/.with-local: $(BIN)/pip pyproject.toml constraints.txt
	@echo "Installing Antiphon with its local models' libraries into $(VENV) ..."
	@$(PIP) install $(QUIET) -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/.with-dev: $(BIN)/pip pyproject.toml constraints.txt
	@echo "Installing Antiphon with everything its tests need into $(VENV) ..."
	@$(PIP) install $(QUIET) -c constraints.txt -e '.[local,dev]'
	@$(PIP) install $(QUIET) --no-deps openai-agents==0.24.0 griffelib==2.4.1  # asks for an older websockets than it needs
	@touch $@ $(VENV)/.with-local

# python3 if it is new enough, else whichever is; PYTHON=… chooses. Where the system left out what makes an environment
# with pip in it (Debian's python3 without python3-venv), the system's pip can put one there.
$(BIN)/pip:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Antiphon needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not; try: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if $$found -c 'import ensurepip' 2>/dev/null; then $$found -m venv $(VENV); else \
	  $$found -m venv --without-pip $(VENV) && $$found -m pip --python $(BIN)/python install --quiet pip; \
	fi || { \
	  rm -rf $(VENV); \
	  echo "$$found cannot make a virtual environment; on Debian and Ubuntu run: apt install python3-venv" >&2; exit 1; \
	}
