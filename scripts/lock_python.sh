#!/usr/bin/env bash
# Rewrites requirements.lock (what runs), requirements-dev.lock (that and what checks it), and requirements-servers.lock and
# requirements-cluster.lock (what runs in the images for several servers, without and with Ray) from pyproject.toml:
# exact versions with the hashes of every platform's files, for each Python we support; no addresses.
# One version of each for all Pythons (`fewest`), so that what is tested here is what runs there.
# Versions already locked stay unless pyproject.toml forbids them; `--upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
  .venv/bin/uv pip compile --no-config --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"
}
compile "$@" pyproject.toml --output-file requirements.lock
compile "$@" pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
compile "$@" pyproject.toml --extra servers --constraint requirements-dev.lock --output-file requirements-servers.lock
compile "$@" pyproject.toml --extra servers --extra cluster --constraint requirements-dev.lock --output-file requirements-cluster.lock
