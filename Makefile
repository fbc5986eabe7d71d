# Set-up is one target: a second call costs nothing.
.DEFAULT_GOAL := help
SABENCH := .venv/bin/sabench
export PYTHON ?= python3
# Containers often set it; then each of the tests' many processes would compile torch's sources anew.
unexport PYTHONDONTWRITEBYTECODE
# Those of the files with a serial test, so that 10,000 others are not collected once more.
WITH_SERIAL := grep -rl 'mark\.serial' --include='test_*.py' tests
WITH_ALONE := echo tests/gpu; grep -rl 'mark\.alone' --include='test_*.py' --exclude-dir=gpu tests

# Twice the cores that CI has: a worker waits for children and for the disk a good part of
# its time.
WORKERS := 4
# Serial tests measure: one worker a core, and each kept to its own.
MEASURING := $(if $(filter 1,$(shell nproc 2>/dev/null)),1,2)

.PHONY: help profile test together triton test-all lint check fix gpu peers

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/stamp: pyproject.toml constraints.txt tools/set_up.sh
	@bash tools/set_up.sh

profile: .venv/stamp ## set up and run the main job: the quick suite on this machine
	@$(SABENCH) profile --suite quick

test: .venv/stamp ## set up and run the tests
	@$(MAKE) --no-print-directory -j2 together triton
	@.venv/bin/python -m pytest -q -n $(MEASURING) --dist loadscope -m "serial and not slow and not alone" --durations=12 $$($(WITH_SERIAL))
	@.venv/bin/python -m pytest -q -m "alone and not slow" $$($(WITH_ALONE))

together: .venv/stamp
	@.venv/bin/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder --ignore=tests/gpu -m "not slow and not serial and not alone" --durations=12

triton: .venv/stamp
	@! .venv/bin/python -c 'import triton' 2>/dev/null || \
		TRITON_INTERPRET=1 .venv/bin/python -m pytest -q tests/unit/layers/test_triton.py

test-all: test ## the tests, and those that take long besides
	@.venv/bin/python -m pytest -q -n 2 --dist loadscope -m "slow and not serial and not alone"
	@.venv/bin/python -m pytest -q -m "slow and serial" $$($(WITH_SERIAL))
	@.venv/bin/python -m pytest -q -m "slow and alone" tests/gpu; code=$$?; [ $$code = 5 ] || exit $$code
	@! .venv/bin/python -c 'import triton' 2>/dev/null || \
		TRITON_INTERPRET=1 .venv/bin/python -m pytest -q -m slow tests/unit/layers/test_triton.py

lint: .venv/stamp ## lint and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

check: lint test ## lint, types, tests

fix: .venv/stamp ## format and mend what the linter can
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

gpu: ## GPU tests and suites, accepted into results/ (needs a CUDA device)
	@bash tools/gpu.sh

peers: .venv/stamp ## install the peers' implementations and hold ours against them
	@.venv/bin/python -m pip install --quiet --no-deps -c constraints.txt timm torchvision halonet-pytorch einops
	@.venv/bin/python -m pytest -q tests/peers
