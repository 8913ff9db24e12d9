# Two commands matter: `make demo` and `make test`. Both do all their set-up by themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup check test artifacts demo serve

setup: $(READY)

$(READY): pyproject.toml tools/constraints.txt tools/hatch_build.py tools/web/package-lock.json
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python3-venv is missing; installing it"; apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint tools/constraints.txt --editable . --group dev
	@$(BIN)/python --version && $(BIN)/python -m pip --version | cut -d' ' -f1-2
	@touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/controlplane generate docs/examples/reference-fleet.yaml --check

test: check
	$(BIN)/python tools/real.py get
	$(BIN)/python tools/lanes.py
	$(BIN)/python -m pytest -m "bench or quiet" -s

artifacts: setup
	$(BIN)/controlplane generate docs/examples/reference-fleet.yaml
	$(BIN)/controlplane config schema > docs/fleet.schema.json
	$(BIN)/python -m tools.docs

demo: setup
	$(BIN)/controlplane demo

serve: setup
	$(BIN)/controlplane serve $(or $(FLEET),fleet.yaml)
