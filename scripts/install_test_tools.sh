#!/usr/bin/env bash
# install_test_tools.sh TOOL...: sees that node, chromium, postgresql or nginx is there, installs it if not, or says what to do.
# Debian as root takes Debian's packages; elsewhere Chromium is the one that Playwright downloads.
# With --debian before the tools: these packages and no more, which may come while there is no .venv yet.
set -euo pipefail
cd "$(dirname "$0")/.."

debian_root() {
  [ "$(id -u)" = 0 ] && [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "$ID")" = debian ]
}

# One at a time: `make test` runs this script twice at once.
apt_install() {
  echo "Installing Debian's $*"
  export DEBIAN_FRONTEND=noninteractive
  flock --close scripts/install_test_tools.sh sh -c \
    'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null' apt "$@"
}

# What Debian calls each.
debian_packages() {
  case $1 in
    node) echo nodejs npm ;;
    chromium) echo chromium-headless-shell ;;
    postgresql) echo postgresql ;;
    nginx) echo nginx-light openssl ;;
  esac
}

has_node() {
  command -v node >/dev/null && command -v npm >/dev/null
}

install_node() {
  has_node && return
  echo "Could not install Node.js: put node and npm (version 18 or newer) into PATH." >&2
  return 1
}

# The same order as tests/browser/harness.py.
has_chromium() {
  [ -n "${SHALLOWS_CHROMIUM:-}" ] && [ -x "$SHALLOWS_CHROMIUM" ] && return
  { command -v chromium-headless-shell || command -v chromium || command -v chromium-browser; } >/dev/null && return
  .venv/bin/python - <<'PYTHON' 2>/dev/null
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not Path(playwright.chromium.executable_path).exists())
PYTHON
}

install_chromium() {
  has_chromium && return
  debian_root || { .venv/bin/playwright install chromium && has_chromium && return; }
  echo "Could not install Chromium: put one into PATH, or its path into SHALLOWS_CHROMIUM." >&2
  return 1
}

# The same order as tests/app/postgresql.py. Debian keeps the programs out of PATH.
has_postgresql() {
  [ -n "${SHALLOWS_POSTGRESQL:-}" ] && [ -x "$SHALLOWS_POSTGRESQL/initdb" ] && return
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

install_postgresql() {
  has_postgresql && return
  echo "Could not install PostgreSQL: put initdb and postgres into PATH, or their folder into SHALLOWS_POSTGRESQL." >&2
  return 1
}

# Debian keeps it out of a user's PATH.
has_nginx() {
  { command -v nginx || [ -x /usr/sbin/nginx ]; } >/dev/null && command -v openssl >/dev/null
}

install_nginx() {
  has_nginx && return
  echo "Could not install nginx: put nginx and openssl into PATH." >&2
  return 1
}

only_debian=
if [ "$1" = --debian ]; then
  only_debian=1
  shift
fi
if debian_root; then
  missing=()
  for tool in "$@"; do
    "has_$tool" || missing+=($(debian_packages "$tool"))
  done
  # What has not come is said below.
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}" || true
fi
[ -z "$only_debian" ] || exit 0
for tool in "$@"; do
  "install_$tool"
done
