#!/usr/bin/env bash
# Installs what the suite needs where it may, then: formatting, lints, documentation, the suite on SQLite and on PostgreSQL,
# dependency checks, the deployment files, the browser journeys. Offline it skips what it lacks aloud; under CI=true it fails instead.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/countersign-target}"
say() { printf '\n== %s\n' "$*"; }
lack() { # lack WHAT HOW
    if [ "${CI:-}" = true ]; then echo "missing: $1 ($2)"; exit 1; fi
    echo "SKIP: $1 is missing; $2"
}
install() { # install PACKAGE...
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get install -y -qq "$@" >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq "$@" >/dev/null 2>&1; } || true
    fi
}

say "what the suite needs"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || install postgresql
command -v chromium >/dev/null || install chromium
command -v nginx >/dev/null || install nginx
command -v caddy >/dev/null || install caddy
command -v curl >/dev/null || install curl
command -v openssl >/dev/null || install openssl
command -v node >/dev/null || install nodejs npm
python3 -c "import cryptography" 2>/dev/null || install python3 python3-cryptography
python="$CARGO_TARGET_DIR/python"
if [ ! -x "$python/bin/python3" ]; then python3 -m venv "$python" 2>/dev/null || { install python3-venv; python3 -m venv "$python" || true; }; fi
# The signer needs nothing of what the library depends on.
if "$python/bin/pip" install --quiet --no-deps -r tests/requirements.txt 2>/dev/null; then export TEST_PYTHON="$python/bin/python3"; else lack "what tests/requirements.txt names" "give pip a package index"; fi
command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest >/dev/null 2>&1 || true

say "formatting, lints, documentation"
cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

suite() {
    if command -v cargo-nextest >/dev/null; then cargo nextest run --workspace --no-fail-fast "$@"; else cargo test --workspace --no-fail-fast "$@"; fi
}

say "the suite on SQLite"
TEST_DATABASE=sqlite suite

say "exports verified by other people's programs"
scripts/strangers.sh

say "the suite on PostgreSQL"
if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    # shellcheck source=scripts/postgres.sh
    . scripts/postgres.sh
    start_postgres
    trap stop_postgres EXIT
    TEST_DATABASE=postgres suite -p countersign
else
    lack PostgreSQL "apt-get install postgresql"
fi

say "two attacks by root with the key"
cargo build --workspace --bins --quiet
BIN="$CARGO_TARGET_DIR/debug" python3 scripts/demo_tamper.py >/dev/null

say "dependencies"
scripts/deps.sh

say "the deployment files"
scripts/deploy.sh

say "the browser journeys"
scripts/browser.sh

say "everything passed"
