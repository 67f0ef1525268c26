# Everything the project does by hand has a name here; .ci/run calls the same names.
PY := .venv/bin/python
READY := .venv/ready
PIP := .venv/bin/pip --disable-pip-version-check --quiet --quiet

.PHONY: help setup demo up test check bench soak catalogue clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/	/' | expand -t 12

setup: $(READY)  ## a virtual environment from the hash-locked list

$(READY): deploy/lock/requirements.lock pyproject.toml
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed: install python3"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "setting up .venv (once, about a minute)" >&2
	@test -x $(PY) || python3 -m venv .venv || { echo "python3 cannot make environments: install python3-venv"; exit 1; }
	@$(PIP) install --require-hashes --only-binary :all: -r deploy/lock/requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q events services
	@touch $(READY)

demo: setup  ## play a week of posts through the whole house and judge it; KEEP=1 leaves it running
	@.venv/bin/distribution demo

up: setup  ## the whole house in real time, with simulated channels; the page is on 127.0.0.1:8080
	@.venv/bin/distribution up

# Three files at a time on two cores: the long ones wait for servers and processes as much as they work. They come in
# the order `tests/conftest.py` gives them, and what measures seconds comes afterwards, with the machine to itself.
test: setup  ## the tests, three files at a time; ALL=1 makes an absent part red
	$(PY) -m pytest -m "not alone" --numprocesses 3 --dist loadfile --no-loadscope-reorder
	$(PY) -m pytest -m alone

check: setup  ## lint, types, house rules, catalogue up to date
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	$(PY) -m services.catalogue --check
	$(PY) -m pytest tests/test_tidy.py

bench: setup  ## the benchmark: ratios against the bare limit, measured in one run
	$(PY) -m tests.bench

soak: setup  ## every promise at its large size, one table; an hour and a quarter
	$(PY) -m tests.soak

catalogue: setup  ## write events/contract/ anew from the facts
	$(PY) -m services.catalogue

clean:  ## forget the environment and the data
	rm -rf .venv var
