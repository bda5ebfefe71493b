#!/bin/sh
# Installs the city's Python side into this folder and nowhere else:
#
#   deploy/bootstrap.sh runtime    what `make up` needs
#   deploy/bootstrap.sh dev        that and what tests and checks need
#
# Needs Python 3.11 or newer with pip; no root, no venv module, no ensurepip. Every package is pinned by hash.
set -eu
cd "$(dirname "$0")/.."
. deploy/stamp.sh

kind=${1:?"runtime or dev"}
python=${PYTHON:-python3}
uv=.tools/bin/uv

# Once the development set is here it stays: `make up` must not take the tests' tools away again.
[ -f "$stamps/dev" ] && kind=dev
case $kind in
  runtime) lock=requirements.txt ;;
  dev) lock=requirements-dev.txt ;;
  *) refuse "$0: unknown set '$kind': runtime or dev" ;;
esac

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || refuse \
  "Python 3.11 以上が必要です（見つかったもの: $("$python" --version 2>&1 || echo なし)）。PYTHON=python3.12 make … のように指定できます。" \
  "Python 3.11 or newer is needed; name another one with PYTHON=python3.12 make …"

tools=$(content_hash requirements-bootstrap.txt)
if ! is_done tools "$tools"; then
  "$python" -m pip --version >/dev/null 2>&1 || refuse \
    "pip が必要です（Debian/Ubuntu: apt install python3-pip）。" \
    "pip is needed (Debian/Ubuntu: apt install python3-pip)."
  say "道具を用意しています / fetching the installer"
  # --target leaves the system's packages alone, so Debian's "externally managed" pip does not refuse.
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-warn-script-location --target .tools --upgrade \
    --require-hashes -r requirements-bootstrap.txt
  mark_done tools "$tools"
fi

export UV_PYTHON_DOWNLOADS=never

place="$(pwd) $("$python" --version)"
if ! is_done venv "$place" || [ ! -x .venv/bin/python ]; then
  rm -f "$stamps/runtime" "$stamps/dev"
  "$uv" venv --quiet --clear --python "$(command -v "$python")" .venv
  mark_done venv "$place"
fi

wanted=$(content_hash "$lock" pyproject.toml requirements-bootstrap.txt)
if ! is_done "$kind" "$wanted"; then
  say "Python パッケージを入れています / installing Python packages ($kind)"
  "$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --build-constraint requirements-bootstrap.txt -e .
  mark_done "$kind" "$wanted"
fi
