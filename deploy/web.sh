#!/bin/sh
# Builds the pages in web/ into web/dist when a source changed since the last build.
#
#   deploy/web.sh install    only their packages
#   deploy/web.sh            packages and build
set -eu
cd "$(dirname "$0")/.."
. deploy/stamp.sh

packages=$(content_hash web/package.json web/package-lock.json)
if ! is_done web-packages "$packages" || [ ! -d web/node_modules ]; then
  say "画面の部品を入れています / installing the pages' packages"
  (cd web && ../deploy/npm.sh ci --no-audit --no-fund --loglevel=error)
  mark_done web-packages "$packages"
fi
[ "${1:-}" = install ] && exit 0

sources=$(find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -print0 | LC_ALL=C sort -z |
  xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
if ! is_done web "$sources" || [ ! -f web/dist/index.html ]; then
  say "画面を組み立てています / building the pages"
  (cd web && ../deploy/npm.sh run --silent build)
  mark_done web "$sources"
fi
