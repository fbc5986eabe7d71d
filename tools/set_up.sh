#!/usr/bin/env bash
# Make .venv with sabench and its development tools. A torch that the calling python already has is
# kept: the environment then sees that python's packages and nothing replaces its torch.
set -euo pipefail
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "error: $("$python" --version) is too old: sabench needs Python >= 3.11; set PYTHON=..." >&2
  exit 2
}

has_torch() { "$1" -c 'import torch, sys; sys.exit(tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9))' 2>/dev/null; }

constraints=constraints.txt
if [ ! -x .venv/bin/python ]; then
  if has_torch "$python"; then
    "$python" -m venv --system-site-packages .venv
  else
    "$python" -m venv .venv
  fi
fi
if has_torch "$python" && ! has_torch .venv/bin/python; then # it lies in a virtual environment
  "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/kept_torch.pth"
fi
if has_torch .venv/bin/python; then
  constraints=.venv/constraints.txt
  grep -vE '^(torch|triton|nvidia-[a-z0-9-]+-cu|nvidia-(cu|nv)|cuda-)' constraints.txt >"$constraints"
fi
.venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c "$constraints" -e '.[dev]'
touch .venv/stamp
