#!/bin/sh
# Schemathesis against /openapi.json, every check, with a server of its own on this machine:
#   scripts/fuzz_rest.sh [examples for each operation]
# Says in the end how many cases there were, and fails if one did, or if the server logged a warning.
# It brings half a hundred packages, so it lives in an environment of its own and not in the lock.
set -eu
cd "$(dirname "$0")/.."
examples=${1:-300}
python=${PYTHON:-$PWD/.venv/bin/python}
port=${PORT:-8161}
address=127.0.0.1:$port
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill $server; wait $server || true; fi; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "schemathesis>=4,<5"

# Rates let everything through, and the session waits for as long as it takes: a 429 or 404 tries little.
HOST=127.0.0.1 PORT=$port SHALLOWS_DATA_FOLDER=$folder/data \
  SHALLOWS_REQUESTS_PER_SECOND=1000000 SHALLOWS_REQUESTS_BURST=1000000 SHALLOWS_SESSION_GRACE_SECONDS=86400 \
  "$python" -m app >"$folder/said" 2>"$folder/log" &
server=$!
until "$python" -c "import sys, urllib.request as http; http.urlopen(sys.argv[1])" "http://$address/readyz" 2>/dev/null; do
  kill -0 $server
  sleep 0.2
done

# A run and a session to be asked for: ids can't be guessed.
"$python" - "$address" >"$folder/ids" <<'PYTHON'
import json, sys, urllib.request
from websockets.sync.client import connect

address = sys.argv[1]
url, body = f"http://{address}/train?wait=30", b'{"training": {"iterations": 50}}'
request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
run = json.load(urllib.request.urlopen(request))["id"]
with connect(f"ws://{address}/ws") as stream:
    stream.send('{"type": "configure", "runs": [{}, {}]}')
    session = json.loads(stream.recv())["session"]
print(run, session)
PYTHON
read -r run session <"$folder/ids"

# 422 is right for data that fit the schema where JSON Schema can't say what does not: rows of one
# length, a product with a bound, a slope that goes with one activation, what is in a file, or how
# many runs a session has. So is 413 for a body of too many bytes. Nowhere else.
cat >"$folder/schemathesis.toml" <<TOML
[dictionaries]
run = { values = ["$run"] }
session = { values = ["$session"] }
lesson = { values = ["one-unit"] }

[[operations]]
include-path = ["/train", "/predict", "/check", "/vectorizing", "/parameters", "/datasets/table", "/activations/{name}"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "413", "422", "429"]
checks.negative_data_rejection.expected-statuses = ["400", "404", "405", "409", "413", "415", "422", "429"]

[[operations]]
include-path-regex = "^/train/\\\\{name\\\\}/"
parameters = { "path.name" = { dictionary = "run", probability = 0.8 } }
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422"]

[[operations]]
include-path-regex = "^/sessions/\\\\{name\\\\}/"
parameters = { "path.name" = { dictionary = "session", probability = 0.8 } }
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "422", "429"]

[[operations]]
include-path-regex = "^/train/\\\\{run\\\\}"
include-method = "GET"
parameters = { "path.run" = { dictionary = "run", probability = 0.8 } }

[[operations]]
include-path = "/lessons/{name}"
parameters = { "path.name" = { dictionary = "lesson", probability = 0.8 } }
TOML
cd "$folder"  # what it remembers of failures goes with it
"$folder/venv/bin/st" --config-file "$folder/schemathesis.toml" run "http://$address/openapi.json" \
  --checks all --max-examples "$examples" --continue-on-failure --workers 2
if grep -n "Warning\|ERROR\|Traceback" "$folder/log"; then
  exit 1
fi
