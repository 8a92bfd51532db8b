#!/usr/bin/env bash
# The deployment files with the real programs: the units' exposure, both proxies in front of a running demonstration, verify.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/countersign-target}"
if command -v systemd-analyze >/dev/null; then
    for unit in countersign countersign-signer; do
        score=$(systemd-analyze security --offline=true "deploy/$unit.service" 2>/dev/null | tail -1 | grep -oE '[0-9]+\.[0-9]+')
        echo "exposure of $unit: $score (at most 1.5)"
        awk -v s="$score" 'BEGIN { exit !(s != "" && s <= 1.5) }'
    done
else
    echo "SKIP: systemd-analyze is missing"
fi
dir=$(mktemp -d)
"$CARGO_TARGET_DIR/debug/countersign" demo --json --listen 127.0.0.1:0 --data "$dir/data" >"$dir/out" 2>"$dir/err" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 200); do [ -s "$dir/out" ] && break; sleep 0.1; done
url=$(head -1 "$dir/out" | sed 's/.*"url":"\([^"]*\)".*/\1/')
[ -n "$url" ] || { cat "$dir/err"; exit 1; }
sh deploy/verify.sh "$url"
deploy/test-proxies.sh
