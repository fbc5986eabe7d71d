#!/usr/bin/env bash
# Everything that needs a GPU; docs/gpu-checks.md says which line is which.
# Usage: tools/gpu.sh [OUT [PART ...]]
#   OUT   receives logs, run folders, tables and summary.txt (default runs/gpu)
#   PART  tests, selftest, compat, kernels, suites, train (default: all six), tune (which suites
#         begins with: `auto` is then the fastest there in fp32 and bf16), one file of tests/gpu
#         as tests:timing_truth, or one suite as suite:halo
# PRESET (default standard) is the suites' preset, TUNE_S (default 600) the seconds after which
# tuning is interrupted. A run folder that is there is gone on with.
# Works without .venv: then `python3` must have torch and sabench's other dependencies.
# Exit code: 0 all passed or were skipped, 1 one did not, 2 no such part, 5 no CUDA device.
set -uo pipefail
out=${1:-runs/gpu}
shift $(($# > 0 ? 1 : 0))
parts=("${@:-}")
[ -z "${parts[0]}" ] && parts=(tests selftest compat kernels suites train)
for part in "${parts[@]}"; do
  case $part in
    tests | selftest | compat | kernels | tune | suites | train | suite:*) continue ;;
    tests:*) [ -f "tests/gpu/test_${part#tests:}.py" ] && continue ;;
  esac
  echo "error: no part $part; there are tests, selftest, compat, kernels, tune, suites, train," \
    "tests:FILE, suite:NAME" >&2
  exit 2
done

python=python3
[ -x .venv/bin/python ] && python=$PWD/.venv/bin/python
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out"

"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
  echo "error: torch sees no CUDA device; see 'nvidia-smi' and 'python -c \"import torch\"'" >&2
  exit 5
}

failed=0
check() { # NAME COMMAND...: run it, keep its output in OUT/NAME.txt, say how it ended
  local name=$1 code word=pass start=$SECONDS
  shift
  "$@" 2>&1 | tee "$out/$name.txt"
  code=${PIPESTATUS[0]}
  if [ "$code" = 77 ]; then word=skipped; elif [ "$code" != 0 ]; then word=FAIL failed=1; fi
  echo "$word: $name (exit code $code, $((SECONDS - start)) s)" | tee -a "$out/summary.txt"
}

tests() { # FILE: run it, keep what it prints beside its report, a line for each of its rows
  local name code
  name=$(basename "$1" .py)
  rm -f "$out/$name.xml"
  "$python" -m pytest -v -s -m gpu "$1" "--junitxml=$out/$name.xml" 2>&1 | tee "$out/$name.txt"
  code=${PIPESTATUS[0]}
  "$python" tools/gpu_lines.py "$1" "$out/$name.xml" | tee -a "$out/summary.txt"
  [ "$code ${PIPESTATUS[0]}" = "0 0" ] || failed=1
  [ "$code" -le 1 ] || echo "FAIL: $name (pytest's exit code $code)" | tee -a "$out/summary.txt"
}

suite() { # NAME: measure it, or go on with it, and accept what it gave
  local run="$out/$1"
  local what=(--suite "$1" --device cuda:0 --preset "${PRESET:-standard}" --out "$run")
  [ -f "$run/run.json" ] && what=(--resume "$run")
  check "suite-$1" "$python" -m sabench profile "${what[@]}" --markdown "$out/$1.md"
  check "accept-$1" "$python" -m sabench accept "$run"
}

family() { # NAME AXIS...: train the local family reduced by the axes, or go on with it
  local name=$1 run="$out/family-$1"
  shift
  local what=(--suite local_family --device cuda:0 --out "$run" "$@")
  [ -f "$run/run.json" ] && what=(--resume "$run")
  check "family-$name" "$python" -m sabench train "${what[@]}"
}

kernels() { # ours under the sanitizer, beside NATTEN, the floor and other libraries, in networks
  check sanitizer "$python" tools/check_sanitizer.py
  check natten "$python" tools/compat/natten_attention.py
  suite kernels
  check kernels-speed "$python" tools/check_kernels.py "$out/kernels" --device cuda
  suite steps
  check steps "$python" tools/check_kernels.py "$out/steps" --device cuda
}

tune() { # what `auto` stands for in the suites behind it: a device without a choice takes `blocked`
  # Two precisions on one map are as many cases as the suite's one on two: the nearest map counts.
  local what=(--device cuda:0 --axis dtype=fp32,bf16 --axis size=28 --out "$out/tune")
  [ -f "$out/tune/run.json" ] && what=(--resume "$out/tune")
  check tune timeout --foreground --signal=INT --preserve-status "${TUNE_S:-600}" \
    "$python" -m sabench tune "${what[@]}"
}

suites() {
  tune
  for name in quick conv self_attention augmented halo networks; do suite "$name"; done
}

train() { # proxies and their scores; the local family, long and short, and how they rank
  check feed "$python" tools/check_feed.py --device cuda:0
  for what in train score; do
    check "$what-proxies" "$python" -m sabench "$what" --suite proxies --device cuda:0 \
      --out "$out/$what-proxies"
  done
  family long
  family e16 --axis e=16
  family c2e8 --axis c=2 --axis e=8
  family r2e8 --axis r=2 --axis e=8
  check family-scores "$python" -m sabench score --suite local_family --device cuda:0 \
    --out "$out/family-scores"
  check ranks "$python" -m sabench ranks "$out"/family-{long,e16,c2e8,r2e8,scores} \
    --out "$out/ranks.json" --markdown "$out/ranks.md"
}

for part in "${parts[@]}"; do
  case $part in
    tests) for file in tests/gpu/test_*.py; do tests "$file"; done ;;
    tests:*) tests "tests/gpu/test_${part#tests:}.py" ;;
    selftest)
      check doctor "$python" -m sabench doctor --device cuda:0
      check selftest "$python" -m sabench selftest --device cuda:0
      check plants "$python" tools/check_plants.py --device cuda:0
      check R10 "$python" -m pytest -q tests/unit/measure/test_device_{diary,matrix}.py
      ;;
    compat)
      for tool in triton_do_bench nvbench joules; do
        check "$tool" "$python" "tools/compat/$tool.py"
      done
      ;;
    kernels) kernels ;;
    tune) tune ;;
    suites) suites ;;
    train) train ;;
    suite:*) suite "${part#suite:}" ;;
  esac
done
exit "$failed"
