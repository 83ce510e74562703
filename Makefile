# What a developer and the CI run. Needs only Python 3.11 or newer with venv, and GNU make.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 3
MINUTES ?= 2
STEPS ?= 20000
ROWS ?= 1000000
ASSETS ?= 1000000
DIR ?=
ARGS ?=

READY := $(VENV)/.ready
RUN := $(VENV)/bin/

.PHONY: help venv demo drill media-matrix test crashpoints chaos mutants model schedules recovery throughput million bench bench-smoke bench-operations bench-transcode lint imports types migrations docs package check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv: $(READY) ## everything that is needed, in .venv

demo: $(READY) ## the example project in your browser (ARGS=--once: stop once a photo and a video are ready)
	$(RUN)python -m example_project.demo $(ARGS)

drill: $(READY) ## ten faults, each named by doctor or status and mended by the verb they name
	$(RUN)python -m tests.drill $(ARGS)

test: $(READY) ## the tests (ARGS="-k purge -x" and the like go to pytest)
	$(RUN)python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

media-matrix: $(READY) ## every media file of a folder through the pipeline (DIR=path; ours if not given)
	$(RUN)python -m tests.matrix $(DIR) $(ARGS)

crashpoints: $(READY) ## kill a worker at every boundary, and see that nothing is lost
	$(RUN)python -m tests.durability.crashpoints $(ARGS)

chaos: $(READY) ## kill, stop, restart and fail at random (MINUTES=2)
	$(RUN)python -m tests.durability.chaos --minutes $(MINUTES) $(ARGS)

mutants: $(READY) ## put known faults back in, and see that the tests catch each
	$(RUN)python -m tests.durability.mutants $(ARGS)

model: $(READY) ## random steps, compared with a model (STEPS=20000)
	$(RUN)python -m tests.durability.model --steps $(STEPS) $(ARGS)

schedules: $(READY) ## every pair of operations, the first held up at each of its boundaries
	$(RUN)python -m tests.durability.preemption $(ARGS)

recovery: $(READY) ## how long killed work waits, at the settings as shipped
	$(RUN)python -m tests.durability.chaos.recovery $(ARGS)

throughput: $(READY) ## what is left of it after a restart of Postgres and under kills
	$(RUN)python -m tests.durability.chaos.throughput $(ARGS)

million: $(READY) ## a storage of a million objects compared with its ledger (ROWS=1000000)
	$(RUN)python -m tests.verify_storage.million --rows $(ROWS) $(ARGS)

bench: $(READY) ## every figure beside what it is measured against (ARGS="--only images,latency")
	@$(RUN)python -m pip install --quiet --group bench
	$(RUN)python -m benchmarks $(ARGS)

bench-smoke: $(READY) ## whether all of that works, in minutes; the figures mean nothing
	@$(RUN)python -m pip install --quiet --group bench
	$(RUN)python -m benchmarks --smoke $(ARGS)

bench-operations: $(READY) ## what an operator waits for, at scale (ASSETS=1000000)
	$(RUN)python -m benchmarks.seed --assets $(ASSETS)
	$(RUN)python -m benchmarks.operations $(ARGS)

bench-transcode: $(READY) ## what making a video costs over bare FFmpeg (ARGS=--whole: a whole job)
	$(RUN)python -m benchmarks.transcode $(ARGS)

lint: $(READY) ## style and formatting
	$(RUN)ruff check .
	$(RUN)ruff format --check .

imports: $(READY) ## which room may import which
	$(RUN)lint-imports

types: $(READY) ## mypy --strict
	$(RUN)mypy

migrations: $(READY) ## models and migrations agree
	$(RUN)python -W error example_project/manage.py makemigrations --check --dry-run

docs: $(READY) ## documentation, in docs/_build/html
	$(RUN)sphinx-build -W --keep-going -q -b html docs docs/_build/html

package: $(READY) ## wheel and sdist in dist/, and the wheel tried in a bare environment
	rm -rf dist
	$(RUN)python -m build --no-isolation
	$(RUN)python .ci/try_wheel.py dist

check: lint imports types migrations docs package test ## all of the above but the demo

clean: ## back to a fresh clone
	@# As root in a private directory, Postgres keeps its data in a temporary one.
	cat var/*/postgres/moved-to 2>/dev/null | xargs rm -rf
	rm -rf $(VENV) .tox build dist docs/_build artifacts var
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; '$(PYTHON)' is not. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@# A killed run may have left a half-made environment, and pip < 25.1 knows no groups.
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (a minute or two, once)"
	@$(RUN)python -m pip install --quiet --upgrade --disable-pip-version-check 'pip>=25.1'
	@$(RUN)python -m pip install --quiet -e '.[all]' --group dev --group docs
	@touch $@
