#!/bin/sh
# Makes the secrets that docker-compose.yml and the chart mount, once: what exists is kept. Nothing here has a default.
# The folder is the owner's alone; the files in it are readable to all, because containers run under other uids.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets

random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

keep() { # NAME CONTENT
  [ -s "$1" ] || {
    printf '%s' "$2" >"$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
    echo "deploy/secrets/$1"
  }
}

keep postgres_password "$(random)"
keep database_url "postgresql://cityos:$(cat postgres_password)@postgres:5432/cityos"
keep database_system_url "postgresql://cityos_system:$(random)@postgres:5432/cityos"
keep database_app_url "postgresql://cityos_app:$(random)@postgres:5432/cityos"
keep database_tail_url "postgresql://cityos_tail:$(random)@postgres:5432/cityos"
keep kafka_password "$(random)"
keep tags_key "$(random)"
keep kafka_cluster_id "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' | sed 's/^-/A/')"
keep bridge_password "$(random)"
keep mosquitto_users "cityos-bridge:$(cat bridge_password)
"
