# make demo: install and run the main job.   make test: install and run lint and tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test install clean

demo: install
	@$(BIN)/python examples/demo.py

test: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m pytest -n 2 --dist worksteal

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || \
		{ echo "hm2bp_brian needs Python 3.11, 3.12 or 3.13: install one, or name it: make PYTHON=python3.12 ..."; exit 1; }
	@command -v $${CXX:-c++} >/dev/null 2>&1 || \
		{ echo "hm2bp_brian needs a C++ compiler: install one (Debian, Ubuntu: g++; macOS: Xcode command line tools)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing (Debian, Ubuntu: python3-venv)"; exit 1; }
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
