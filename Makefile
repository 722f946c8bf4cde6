# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV   := .venv
comma  := ,
BIN    := $(VENV)/bin
# Card readers: pyscard is compiled here, where the PC/SC headers are (Debian: libpcsclite-dev).
CARDS  := $(if $(wildcard /usr/include/PCSC/winscard.h),-cards)
STAMP  := $(VENV)/.installed$(CARDS)

.PHONY: demo test check bench kill-long till-long dist service-check windows-check setup clean

demo: $(STAMP)
	@$(BIN)/his-agent demo

test: check
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32
	@$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python -m bench

kill-long: $(STAMP)
	@$(BIN)/pytest -m long -o timeout=0 tests/acceptance

# A thousand payments under faults and kills; HIS_AGENT_TILL_PAYMENTS and HIS_AGENT_TILL_SEED change them.
till-long: $(STAMP)
	@$(BIN)/pytest -m long -o timeout=0 tests/acceptance/test_till.py

service-check:
	@$(PYTHON) .ci/service_check.py

# The wheel, and what is in it.
dist: $(STAMP)
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist .
	@$(BIN)/python .ci/sbom.py dist/his-agent.cdx.json

windows-check: $(STAMP)
	@$(BIN)/python .ci/windows_check.py

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) .ci/preflight.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev$(subst -,$(comma),$(CARDS))]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
