# Everything the project does by hand has a name here; .ci/run calls the same names.
PY := .venv/bin/python
READY := .venv/ready

.PHONY: setup check test catalogue clean

setup: $(READY)  ## a virtual environment from the hash-locked list

$(READY): deploy/lock/requirements.lock pyproject.toml
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed: install python3"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "setting up .venv (once)"
	@test -x $(PY) || python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/lock/requirements.lock
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

check: setup  ## lint, types, house rules, catalogue up to date
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PY) -m services.catalogue --check
	$(PY) -m pytest tests/test_tidy.py

catalogue: setup  ## write events/contract/ anew from the facts
	$(PY) -m services.catalogue

test: setup  ## the tests; ALL=1 makes an absent part red
	$(PY) -m pytest

clean:  ## forget the environment and the data
	rm -rf .venv var
