#!/bin/sh
# What the image target `cluster` starts: a web server. With SHALLOWS_BACKEND=ray its container is a node of
# the cluster, too, on which nothing trains; if that ends, or the head is not there yet, it is tried again.
set -eu
if [ "${SHALLOWS_BACKEND:-pool}" = ray ]; then
  export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="${SHALLOWS_RAY_TOKEN_FILE:?a file for the token of the cluster}"
  export RAY_USAGE_STATS_ENABLED=0
  if [ -n "${RAY_AUTH_TOKEN:-}" ]; then
    (umask 077 && printf %s "$RAY_AUTH_TOKEN" >"$SHALLOWS_RAY_TOKEN_FILE")
    unset RAY_AUTH_TOKEN
  fi
  while :; do
    ray start --address="$SHALLOWS_RAY_ADDRESS" --num-cpus=0 --include-log-monitor=false --object-store-memory=80000000 --block >/dev/null 2>&1 || true
    sleep 2
  done &
fi
exec python -m app "$@"
