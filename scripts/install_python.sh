#!/usr/bin/env bash
# install_python.sh LOCK STAMP...: installs LOCK into .venv, which it makes if need be, and marks that with the STAMPs.
# A particular interpreter: PYTHON=/path/to/python3.12 make run
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
shift

supported='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
  local candidate version without_venv= found=
  for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 python}; do
    if ! "$candidate" -c "$supported" >/dev/null 2>&1; then
      version=$("$candidate" --version 2>/dev/null) && found="$found${found:+,} $version"
      continue
    fi
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
    without_venv=$candidate
  done
  if [ -n "$without_venv" ]; then
    echo "$without_venv has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2
  else
    echo "Shallows needs Python 3.11 or newer; found:${found:- none}" >&2
    echo "With one that is not in PATH: PYTHON=/path/to/python3.13 make run" >&2
  fi
  return 1
}

if ! .venv/bin/python -c "$supported; import pip" >/dev/null 2>&1; then
  python=$(find_python)
  echo "Creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
echo "Installing what $lock lists (once; a later start skips this)"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-compile --require-hashes --requirement "$lock"
# On all cores, where pip would take one. A library's own tests, a sixth of all files, are never imported.
# Some packages carry files that no Python can compile.
.venv/bin/python -W ignore -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true
touch "$@"
