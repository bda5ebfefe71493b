#!/bin/sh
# Installs what some tests need beyond Python: Chromium, mosquitto, a JDK with Maven, PostgreSQL 15 and Japanese fonts.
# That takes root and apt-get; without them it lists what is missing, and those tests are skipped (in CI: fail).
set -eu

missing=
lacks() { missing="$missing $*"; }
command -v chromium >/dev/null || command -v google-chrome >/dev/null || lacks chromium
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || lacks mosquitto
command -v mosquitto_pub >/dev/null || lacks mosquitto-clients
java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || lacks openjdk-17-jre-headless
command -v curl >/dev/null || lacks curl
command -v mvn >/dev/null || lacks maven
[ -x /usr/lib/postgresql/15/bin/postgres ] || lacks postgresql-15
fc-list :lang=ja 2>/dev/null | grep -q . || lacks fontconfig fonts-noto-cjk

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "一部の試験は飛ばします。足りないもの / some tests are skipped for want of:$missing" >&2
  exit 0
fi

# The packages' services must not start: their ports are the city's, and the tests run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of package names
apt-get install -y -qq --no-install-recommends $missing >/dev/null
