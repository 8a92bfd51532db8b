#!/usr/bin/env bash
# Licences, bans and sources by cargo-deny; advisories by cargo-audit against a local copy of the database when there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
need() {
    command -v "$1" >/dev/null && return 0
    echo "installing $1"
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/countersign-target}/tools" cargo install --locked --quiet "$1" --version "$2" 2>/dev/null && return 0
    if [ "${CI:-}" = true ]; then echo "missing: $1"; exit 1; fi
    echo "SKIP: $1 is missing; cargo install --locked $1"
    return 1
}
if need cargo-deny 0.20.2; then cargo deny --offline --log-level error check bans licenses sources; fi
# A copy of the advisory database beside the checkout is used when it is there; else the network's.
copy=../shared/data/advisory-db
if need cargo-audit 0.22.2; then
    if [ -d "$copy/crates" ]; then
        newest=$(grep -rhoE '^date = "[0-9-]+"' "$copy/crates" | sort | tail -1 | cut -d'"' -f2)
        echo "advisories up to $newest"
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        # cargo-audit reads a git checkout: give it one of the copy.
        cp -r "$copy" "$work/db" && chmod -R u+w "$work/db"
        (cd "$work/db" && git init -q . && git add -A && git -c user.name=x -c user.email=x@example.org commit -qm copy)
        cargo audit --quiet --no-fetch --stale --db "$work/db"
    elif [ "${CI:-}" = true ] && ! cargo audit --quiet; then
        exit 1
    else
        cargo audit --quiet || echo "SKIP: the advisory database could not be reached, or it has a finding above"
    fi
fi
