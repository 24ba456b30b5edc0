#!/usr/bin/env bash
# install_test_tools.sh TOOL...: sees that node, chromium, postgresql or nginx is there, installs it if not, or says what to do.
# Debian as root takes Debian's packages; elsewhere Chromium is the one that Playwright downloads.
set -euo pipefail
cd "$(dirname "$0")/.."

debian_root() {
  [ "$(id -u)" = 0 ] && [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "$ID")" = debian ]
}

apt_install() {
  echo "Installing Debian's $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_node() {
  command -v node >/dev/null && command -v npm >/dev/null
}

install_node() {
  has_node && return
  debian_root && apt_install nodejs npm && has_node && return
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
  if debian_root; then
    apt_install chromium-headless-shell && has_chromium && return
  else
    .venv/bin/playwright install chromium && has_chromium && return
  fi
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
  debian_root && apt_install postgresql && has_postgresql && return
  echo "Could not install PostgreSQL: put initdb and postgres into PATH, or their folder into SHALLOWS_POSTGRESQL." >&2
  return 1
}

# Debian keeps it out of a user's PATH.
has_nginx() {
  { command -v nginx || [ -x /usr/sbin/nginx ]; } >/dev/null && command -v openssl >/dev/null
}

install_nginx() {
  has_nginx && return
  debian_root && apt_install nginx-light openssl && has_nginx && return
  echo "Could not install nginx: put nginx and openssl into PATH." >&2
  return 1
}

for tool in "$@"; do
  "install_$tool"
done
