# Sourced by the scripts beside it. A step is done when the stamp holds the hash of everything that it was made from:
# contents, not times, so that a fresh checkout, a changed branch or a moved folder is noticed and nothing else is.

stamps=.tools/stamps

# content_hash FILE... : one hash over the files and the place of this checkout (a virtual environment cannot move).
content_hash() {
  { pwd; sha256sum -- "$@"; } | sha256sum | cut -d' ' -f1
}

is_done() { # NAME HASH
  [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]
}

mark_done() { # NAME HASH
  mkdir -p "$stamps"
  printf '%s\n' "$2" >"$stamps/$1"
}

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }

refuse() { # LINE...
  printf '%s\n' "$@" >&2
  exit 1
}
