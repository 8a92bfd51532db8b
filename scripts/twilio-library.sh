#!/usr/bin/env bash
# Prints the folder of the official Twilio library, which comes from PyPI by the hashes in tests/strangers, into a cache outside
# the checkout. Offline it says what is missing and ends with 3.
set -euo pipefail
cd "$(dirname "$0")/.."
lack() { echo "missing: $1" >&2; exit 3; }
command -v python3 >/dev/null || lack "Python (apt-get install python3)"
wanted=tests/strangers/requirements.txt
tools="$HOME/.cache/countersign-tools/twilio-$(sha256sum "$wanted" | cut -c1-12)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
if [ ! -e "$tools/complete" ]; then
    python3 -m pip --version >/dev/null 2>&1 || lack "pip (apt-get install python3-pip)"
    mkdir -p "${tools%/*}"
    fresh="$(mktemp -d "$tools.XXXXXX")"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --target "$fresh" -r "$wanted" >&2 || { rm -rf "$fresh"; lack "the Python packages of $wanted"; }
    touch "$fresh/complete"
    # Whoever was first has put the same there.
    mv -T "$fresh" "$tools" 2>/dev/null || rm -rf "$fresh"
fi
echo "$tools"
