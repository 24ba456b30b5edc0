#!/usr/bin/env bash
# Rewrites package-lock.json from package.json: versions and hashes only, no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."

npm install --package-lock-only
node -e '
  const fs = require("node:fs");
  const lock = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
  for (const entry of Object.values(lock.packages)) {
    delete entry.funding;
    delete entry.resolved;
  }
  fs.writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
'
