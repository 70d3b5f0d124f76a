# Every target does its own set-up from a clean clone: it finds an interpreter, makes .venv and installs.
.PHONY: demo test test-slow check clean
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python

demo: $(VENV)/.runtime
	$(PYTHON) discoveries/main_job.py

# One thread a process: those of linear algebra would wait for each other. Who runs what, and what comes first, is
# said in test/conftest.py.
test: $(VENV)/.development
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

test-slow: $(VENV)/.development
	$(PYTHON) -m pytest -m slow

check: $(VENV)/.development
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

$(VENV)/.runtime: requirements.txt pyproject.toml
	python=$$(sh .ci/find-python) && "$$python" -m venv $(VENV)
	sh .ci/install $(PYTHON) -r requirements.txt
	touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-development.txt
	sh .ci/install $(PYTHON) -r requirements-development.txt
	touch $@

clean:
	rm -rf $(VENV)
