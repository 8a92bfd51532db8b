#!/usr/bin/env bash
# Fuzzes one target, or all, for some seconds each: audit/fuzz/run.sh [SECONDS] [TARGET]...
# Needs a C++ compiler and no nightly: coverage is a pass of the stable compiler. What is found lies in audit/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-60}"
shift || true
[ $# -gt 0 ] || set -- note vkey policy checkpoint leaf proof bundle token
target="${FUZZ_TARGET_DIR:-$HOME/.cache/countersign-target/fuzz}"
triple=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --release --quiet --locked --target "$triple" --target-dir "$target"
mkdir -p artifacts
for name in "$@"; do
    echo "== $name"
    # New inputs go to a folder of their own; the kept corpus stays small.
    mkdir -p "$target/corpus/$name"
    "$target/$triple/release/$name" -max_total_time="$seconds" -max_len=8192 -timeout=10 -print_final_stats=1 -verbosity=0 -artifact_prefix="artifacts/$name-" \
        "$target/corpus/$name" "corpus/$name"
done
