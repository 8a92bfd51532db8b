#!/usr/bin/env bash
# The browser journeys. The test tools come from npm by their lock file's hashes, into a cache outside the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$HOME/.cache/countersign-target}"
lack() { if [ "${CI:-}" = true ]; then echo "missing: $1"; exit 1; fi; echo "SKIP: $1 is missing"; exit 0; }
browser=$(command -v chromium || command -v chromium-browser || true)
[ -n "$browser" ] || lack "Chromium (apt-get install chromium)"
command -v npm >/dev/null || lack "npm (apt-get install npm)"
tools="$HOME/.cache/countersign-tools/browser"
mkdir -p "$tools"
cp tests/browser/package.json tests/browser/package-lock.json "$tools/"
(cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent) || lack "the npm packages of tests/browser"
cp tests/browser/journeys.mjs "$tools/"
node "$tools/journeys.mjs" "$target/debug/countersign" "$target/debug/countersign-verify" "$browser"
