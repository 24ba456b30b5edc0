#!/bin/sh
# Schemathesis against /openapi.json, every check, with a server of its own on this machine:
#   scripts/fuzz_rest.sh [examples for each operation]
# It brings half a hundred packages, so it lives in an environment of its own and not in the lock.
set -eu
cd "$(dirname "$0")/.."
examples=${1:-250}
python=${PYTHON:-$PWD/.venv/bin/python}
port=${PORT:-8161}
folder=$(mktemp -d)
"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "schemathesis>=4,<5"

# Rates let everything through: a 429 tries nothing.
HOST=127.0.0.1 PORT=$port SHALLOWS_DATA_FOLDER=$folder/data \
  SHALLOWS_REQUESTS_PER_SECOND=1000000 SHALLOWS_REQUESTS_BURST=1000000 \
  "$python" -m app &
server=$!
trap 'kill $server; wait $server; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
until "$python" -c "import sys, urllib.request as http; http.urlopen(sys.argv[1])" "http://127.0.0.1:$port/readyz" 2>/dev/null; do
  kill -0 $server
  sleep 0.2
done

# 422 answers data that fits the schema where rows do not fit each other, a file is none of its
# format, or 15.0 stands for a whole number: JSON Schema can't say the first two.
cat > "$folder/schemathesis.toml" <<TOML
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "503"]
TOML
cd "$folder"  # what it remembers of failures goes with it
"$folder/venv/bin/st" --config-file "$folder/schemathesis.toml" run "http://127.0.0.1:$port/openapi.json" \
  --checks all --max-examples "$examples" --continue-on-failure
