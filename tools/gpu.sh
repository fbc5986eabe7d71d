#!/usr/bin/env bash
# Everything that needs a GPU, in one go: the GPU tests, then the suites, accepted into results/.
# Usage: tools/gpu.sh [OUT], where OUT (default runs/gpu) receives run folders and tables.
# Works without .venv: then `python3` must have torch and sabench's other dependencies.
set -uo pipefail
out=${1:-runs/gpu}
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out"

"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
  echo "error: torch sees no CUDA device; see 'nvidia-smi' and 'python -c \"import torch\"'" >&2
  exit 5
}

failed=0
"$python" -m pytest -q -m gpu tests 2>&1 | tee "$out/pytest.txt" || failed=1
for suite in quick conv self_attention augmented halo networks; do
  run="$out/$suite"
  rm -rf "$run"
  if "$python" -m sabench profile --suite "$suite" --device cuda:0 --preset standard \
    --out "$run" --markdown "$out/$suite.md" >"$out/$suite.txt" 2>"$out/$suite.log"; then
    "$python" -m sabench accept "$run" || failed=1
  else
    echo "suite $suite ended with exit code $?; see $out/$suite.log" >&2
    failed=1
  fi
done
exit "$failed"
