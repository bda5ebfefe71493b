#!/bin/sh
# The image's command. The buses' planner was compiled when the image was built, but numba uses no folder in which it cannot
# write, and the image's is read-only: so the code is linked into one that is not.
set -eu
[ -d "$NUMBA_CACHE_DIR" ] || cp -rs "${0%/*}/numba" "$NUMBA_CACHE_DIR" || echo "the planner is compiled at its first use" >&2
exec cityos "$@"
