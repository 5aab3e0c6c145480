# make demo: install and run the main job.   make test: install and run lint and tests.
# make test-pythons: the same in Python 3.11, 3.12 and 3.13, in an environment each (some 10 minutes each).
# make lint: the first half of it.   make package: sdist and wheel, in dist.
# make docs: documentation with the examples' pictures, in docs/_build/html (minutes).
# make test-docs: the same, then search, links, widths and notebooks are tested (minutes).
# make test-devices: Brian2's compiling devices (minutes).   make test-cuda: compile for a GPU (minutes, needs nvcc).
# make test-gpu: the fused engine on a GPU: its kernels are compiled (no GPU needed), and run where there is one.
# make test-reliability: damage files and kill runs, thousands of times (an hour).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# a Python of a version, such as $(call python,3.12): on the path, the one that was named, or among pyenv's
python = $(firstword $(shell for python in python$(1) $(PYTHON) $$HOME/.pyenv/versions/$(1).*/bin/python; do \
	$$python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(1)")' 2>/dev/null && echo $$python; done))

.PHONY: demo lint test test-pythons package docs test-docs test-devices test-reliability test-cuda test-gpu install clean

demo: install
	@$(BIN)/python examples/demo.py

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

test: lint
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-pythons: test-python3.11 test-python3.12 test-python3.13

test-python%:
	@test -n "$(call python,$*)" || { echo "there is no Python $*: install it (pyenv install $*)"; exit 1; }
	@$(MAKE) test PYTHON=$(call python,$*) VENV=.venv-$*

package: install
	@$(BIN)/python -m build --outdir dist .

docs: $(VENV)/installed-docs
	@$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
	@echo "docs/_build/html/index.html"

test-docs: docs
	@$(BIN)/python -m pytest -m docs tests/docs

test-devices: install
	@$(BIN)/python -m pytest -m "cython or standalone"

test-reliability: install
	@$(BIN)/python -m pytest -m reliability tests/reliability

GPU_VENV := .venv-gpu

test-gpu: $(GPU_VENV)/installed
	@$(GPU_VENV)/bin/python -m pytest -m "gpu or gpu_compile" -rs tests/gpu

$(GPU_VENV)/installed: pyproject.toml
	@echo "installing into $(GPU_VENV) ..."
	@test -x $(GPU_VENV)/bin/python || $(PYTHON) -m venv $(GPU_VENV)
	@$(GPU_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test,gpu]"
	@touch $@

# brian2cuda needs Python 3.12 or 3.13
CUDA_VENV := .venv-cuda
CUDA_PYTHON ?= $(firstword $(call python,3.12) $(call python,3.13))

test-cuda: $(CUDA_VENV)/installed
	@$(CUDA_VENV)/bin/python -m pytest -m cuda -rs tests/cuda

$(CUDA_VENV)/installed: pyproject.toml
	@test -n "$(CUDA_PYTHON)" || \
		{ echo "brian2cuda needs Python 3.12 or 3.13: install one, or name it: make test-cuda CUDA_PYTHON=..."; exit 1; }
	@echo "installing into $(CUDA_VENV) ..."
	@test -x $(CUDA_VENV)/bin/python || $(CUDA_PYTHON) -m venv $(CUDA_VENV)
	@$(CUDA_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test,cuda]"
	@touch $@

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

$(VENV)/installed-docs: $(VENV)/installed
	@echo "installing what the documentation needs ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

clean:
	rm -rf $(VENV) .venv-3.* $(CUDA_VENV) $(GPU_VENV) build dist *.egg-info docs/_build docs/examples docs/paper docs/api/generated
