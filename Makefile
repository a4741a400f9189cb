# make demo: the whole chain, from wheels to an examined model and a page.   make test: the default tests.
# Needs Python 3.11 or later with pip, make, and a C compiler. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
API_MODULES := $(addprefix hornbook.,collect curate generate scrub train verify writeup llm exams sandbox \
	frame.stage frame.run frame.run_folder frame.recipe models.embedder models.transformer models.generate \
	intervals records)

.PHONY: demo test test-all api check lock clean

demo: .venv/ready
	$(BIN)/hornbook run pocket

# The longest file comes first, so that neither worker waits for it at the end.
test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/test_contracts.py tests hornbook tools

# All tests: the slow ones and those that fetch from PyPI too. The GPU tests skip themselves without a GPU.
test-all: .venv/ready
	$(BIN)/pytest -m "" tests hornbook tools

# The reference of the public classes and functions, from their docstrings, as HTML in build/api.
api: .venv/ready
	$(BIN)/pdoc --docformat google --output-directory build/api $(API_MODULES)

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
