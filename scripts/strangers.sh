#!/usr/bin/env bash
# Exports verified by programs of other people: the golden one and one that the suite has just written; and the OSCAL of a seal, read
# by compliance-trestle. The programs come from PyPI by the hashes in audit/tests/strangers and tests/strangers, into a cache outside the checkout. Offline it skips aloud; under CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$HOME/.cache/countersign-target}"
lack() { if [ "${CI:-}" = true ]; then echo "missing: $1"; exit 1; fi; echo "SKIP: $1 is missing"; exit 0; }
command -v python3 >/dev/null || lack "Python (apt-get install python3)"
here=audit/tests/strangers
tools="$HOME/.cache/countersign-tools/strangers-$(cat "$here"/*.txt tests/strangers/*.txt | sha256sum | cut -c1-12)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
if [ ! -e "$tools/complete" ]; then
    rm -rf "$tools"
    mkdir -p "$tools"
    python3 -m pip --version >/dev/null 2>&1 || lack "pip (apt-get install python3-pip)"
    get() { PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --target "$tools" -r "$1"; }
    get "$here/requirements.txt" || lack "the Python packages of $here/requirements.txt"
    if python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        get "$here/newer.txt" || lack "the Python packages of $here/newer.txt"
    fi
    get tests/strangers/oscal.txt || lack "the Python packages of tests/strangers/oscal.txt"
    touch "$tools/complete"
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))' || echo "SKIP: aics-tlog needs Python 3.12"
export PYTHONPATH="$tools" PYTHONDONTWRITEBYTECODE=1
python3 "$here/verify.py" audit/tests/vectors/three-hundred audit/tests/vectors/vkey
fresh="$target/tmp/strangers"
[ -e "$fresh/checkpoint" ] || { echo "missing: $fresh, which the suite writes"; exit 1; }
python3 "$here/verify.py" "$fresh" "$fresh/vkey" "$fresh/witness"
for token in rsa p256 p384 older-binding; do
    openssl ts -verify -token_in -in "audit/tests/vectors/tokens/$token.token" -data audit/tests/vectors/three-hundred/checkpoint \
        -CAfile audit/tests/vectors/tokens/roots.crt >/dev/null 2>&1 || { echo "OpenSSL refuses the token $token"; exit 1; }
done
oscal="$target/tmp/oscal"
[ -e "$oscal/oscal-ssp.json" ] || { echo "missing: $oscal, which the suite writes"; exit 1; }
python3 tests/strangers/oscal.py "$oscal"
