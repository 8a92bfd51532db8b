# `make demo` and `make test` are all a newcomer needs.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/countersign-target

.PHONY: demo demo-tamper test lint bench deps

demo: ## build and start the demonstration on 127.0.0.1:8080
	cargo build --workspace --bins
	exec $(CARGO_TARGET_DIR)/debug/countersign demo

demo-tamper: ## two attacks by root with the signing key, and who notices
	cargo build --workspace --bins
	BIN=$(CARGO_TARGET_DIR)/debug python3 scripts/demo_tamper.py

test: ## install what is needed, then run everything CI runs
	scripts/test.sh

lint: ## formatting, lints, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

deps: ## licences, bans, sources, advisories
	scripts/deps.sh

bench: ## print the measures, as ratios in one run
	python3 benches/run.py
