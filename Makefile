# `make run` tries it, `make test` tests it: both set themselves up. They need Python 3.11 or newer with its venv
# module, and nothing else that isn't here.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
TESTS ?=
# How many files of tests run side by side: one more than a small machine has cores, as many of them wait for terminals.
JOBS ?= 3

.PHONY: help setup run test soak check mutants bench lock docs pictures

help:
	@echo "make run     try it: the demo, in this terminal"
	@echo "make test    run the tests (TESTS=tests/cli runs some)"
	@echo "make soak    kill it at every step of the order path, with every fault of a broker; send it 50,000 odd calls,"
	@echo "             then a million to see whether it grows; beside it trade at a gateway of TWS whose lines break;"
	@echo "             twenty minutes in all"
	@echo "make check   style, types and the floors of the house"
	@echo "make mutants plant faults in risk checks, order path and paper engine; tell which no test notices (minutes)"
	@echo "make bench   measure the figures of the README"
	@echo "make docs    write the pages of docs/ that are made from the code"
	@echo "make pictures  draw the pictures of docs/ anew, and record the demo (two minutes)"
	@echo "make lock    resolve the dependencies anew and lock them by hash"

setup: $(DONE)

$(DONE): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV), once; each package is checked against its hash."
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt && \
		uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

run: $(DONE)
	@$(BIN)/cockpit demo

test: $(DONE)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

soak: $(DONE)
	@$(BIN)/python -m tests.ibkr.soak & beside=$$!; failed=0; \
	$(BIN)/python -m tests.outside.soak || failed=1; \
	$(BIN)/python -m tests.ibkr.deaths || failed=1; \
	$(BIN)/python -m tests.security.call_fuzz 50000 || failed=1; \
	$(BIN)/python -m bench.endurance --calls 1000000 || failed=1; \
	wait $$beside || failed=1; \
	exit $$failed

check: $(DONE)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

PAPER_ENGINE := $(patsubst %,cockpit/brokers/paper/%.py,\
	engine turn matching linking margin fees faults book bars events rules)
PAPER_TESTS := $(patsubst %,tests/brokers/paper/test_%.py,\
	engine_boundaries engine linked stops splits margin fees bars)
SENDING := $(patsubst %,cockpit/desk/%.py,sending last_look facts fact_queue resolving)
DECIDING := $(patsubst %,cockpit/desk/%.py,decisions waits approving)

mutants: $(DONE)
	@unnoticed=0; plant() { $(BIN)/python -m tests.mutants "$$@" || unnoticed=1; }; \
	plant cockpit/desk/risk -- \
		tests/desk/test_risk_boundaries.py tests/desk/test_risk.py tests/desk/test_risk_inputs.py; \
	plant cockpit/desk/life.py cockpit/desk/reconcile.py -- tests/desk/test_life.py; \
	plant $(SENDING) -- tests/desk/test_sending_boundaries.py tests/desk/test_called_off.py \
		tests/desk/test_late_fees.py tests/desk/test_corrections.py tests/desk/test_unsettled.py \
		tests/desk/test_live.py tests/desk/test_last_look.py; \
	plant $(DECIDING) -- \
		tests/desk/test_decisions_boundaries.py tests/desk/test_decisions.py tests/desk/test_called_off.py; \
	plant $(PAPER_ENGINE) -- $(PAPER_TESTS); \
	exit $$unnoticed

bench: $(DONE)
	@$(BIN)/python -m bench.calls
	@$(BIN)/python -m bench.endurance
	@$(BIN)/python -m bench.sessions
	@$(BIN)/python -m bench.store
	@$(BIN)/python -m bench.search
	@$(BIN)/python -m bench.gate
	@$(BIN)/python -m bench.order_path
	@$(BIN)/python -m bench.oauth
	@$(BIN)/python -m bench.engine
	@$(BIN)/python -m bench.attached
	@$(BIN)/python -m bench.ibkr
	@$(BIN)/python -m bench.screen

docs: $(DONE)
	@$(BIN)/python docs/make.py

pictures: $(DONE)
	@COCKPIT_PICTURES=write $(BIN)/python -m pytest tests/docs/test_pictures.py
	@$(BIN)/python -m tests.docs.recording

lock: $(DONE)
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml \
		-o requirements/runtime.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --extra web \
		--group dev \
		-o requirements/dev.txt
	@! grep -nE '^--|https?://|file:|^/|@ ' requirements/*.txt
