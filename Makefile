# make demo: the whole chain, from wheels to an examined model and a page.   make test: the default suite.
# Needs Python 3.11 or later with pip, make, and a C compiler. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all check lock clean

demo: .venv/ready
	$(BIN)/hornbook run pocket

test: .venv/ready  # the longest file first, so that neither worker waits for it at the end
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/test_contracts.py tests

test-all: .venv/ready  # the slow tests and those that fetch from PyPI too; the GPU ones where there is a GPU
	$(BIN)/pytest -m "not gpu"

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Exact versions from the lock; on a machine with a GPU install torch first, for your CUDA, into .venv.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# After a change of dependencies in pyproject.toml: install them into .venv by hand, run the tests, then write them down.
lock:
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

clean:
	rm -rf .venv
