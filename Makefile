# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs.
# An environment that already has a torch can be used instead: make demo VENV=~/my-env

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz test-slurm lint bench coverage tour storm slurm-up slurm-down clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(BIN)/.attnctl ## train three small networks on the embedded digits and show the table (about 3 minutes)
	$(BIN)/attnctl --workspace demo sweep none,ela --kernel 5,7 --run-on local
	$(BIN)/attnctl --workspace demo report

# Two workers compute; a third has the tests of the real SLURM, which mostly wait. More threads would only take turns.
test: $(BIN)/.attnctl-dev lint ## every check and every test, on three workers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --no-loadscope-reorder --durations=25

SECONDS ?= 120
fuzz: $(BIN)/.attnctl-dev ## hostile input for each parser of others' files: make fuzz SECONDS=120 [PARSER=lock] [SEED=1]
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --seconds $(SECONDS) --keep tests/fuzz/cases $(if $(PARSER),--parser $(PARSER)) $(if $(SEED),--seed $(SEED))

lint: $(BIN)/.attnctl-dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py
	$(BIN)/lint-imports

BENCHMARKS := backbone_table coverage startup ingestion loader status commands report training detection detection_data detection_metrics modules checkpoint module_table joint_forward
bench: $(BIN)/.attnctl-dev ## speed, as ratios to peers and limits; to see that all of it runs: make bench QUICK=--quick
	@if [ -f .slurm/env.sh ]; then . .slurm/env.sh; more=submission; \
	else echo "submission: skipped, it needs the SLURM of make slurm-up"; fi; \
	if $(BIN)/python -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then more="$$more gpu"; \
	else echo "gpu: skipped, torch finds no GPU"; fi; \
	for one in $(BENCHMARKS) $$more; do \
	echo "== $$one"; $(BIN)/python benchmarks/$$one.py $(QUICK) || exit 1; done

coverage: $(BIN)/.attnctl-dev ## simulate how often the intervals of gains hold the truth, and put the table into docs/statistics.md
	$(BIN)/python benchmarks/coverage.py --write docs/statistics.md $(QUICK)

tour: $(BIN)/.attnctl-dev ## run the tour of README.md and put what it prints there
	ATTNCTL_GOLDEN=write $(BIN)/python -m pytest tests/documents tests/slurm/test_readme.py -k tour

# Without SLURM=, the release that this machine's packages have; with SLURM=22.05, 24.11 or 26.05, that release in a chroot.
ifdef SLURM
SLURM_UP := tests/slurm/release.sh $(SLURM) up
SLURM_DOWN := tests/slurm/release.sh $(SLURM) down
SLURM_PYTEST := PYTHON=$(BIN)/python tests/slurm/release.sh $(SLURM) test
else
SLURM_UP := tests/slurm/up.sh
SLURM_DOWN := tests/slurm/down.sh
SLURM_PYTEST := $(BIN)/python -m pytest
endif

slurm-up: ## a real SLURM of four virtual nodes on this machine (Debian; root); another release: SLURM=24.11
	$(SLURM_UP)

slurm-down: ## take it away again; another release: SLURM=24.11
	$(SLURM_DOWN)

TESTS ?= tests/slurm
test-slurm: $(BIN)/.attnctl-dev ## the tests on a real SLURM: make test-slurm SLURM=24.11 [TESTS="tests/slurm -k requeue"]
	export OMP_NUM_THREADS=1; $(SLURM_PYTEST) $(TESTS)

SEED ?= 1
storm: $(BIN)/.attnctl-dev ## faults over 40 runs on a real SLURM (half an hour and more): make storm SEED=1
	export SEED=$(SEED) STORM_REPORTS=$(CURDIR)/build/storm; $(SLURM_PYTEST) -m storm -s tests/slurm tests/storm

clean: ## remove what make made
	rm -rf .venv demo .slurm .slurm-* build src/*.egg-info

# The default environment gets the pinned versions; one that was given keeps the torch it has.
$(BIN)/.attnctl: pyproject.toml requirements.txt
ifeq ($(VENV),.venv)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
endif
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(BIN)/.attnctl-dev: $(BIN)/.attnctl requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@
