# Avouch. `make demo` runs it; `make test` tries to prove it wrong. Needs Rust; installs the rest itself.

.PHONY: demo test web bench soak deny
.DEFAULT_GOAL := demo
.NOTPARALLEL:

# Where `.ci/install` puts a Node.js, when the system's own is too old for the browser tests.
export PATH := $(CURDIR)/target/tools/node_modules/node/bin:$(PATH)

# Where the demo keeps everything it keeps. Remove the folder to begin afresh.
ifeq ($(shell id -u),0)
DATA ?= /var/lib/avouch-demo
else
DATA ?= $(HOME)/.local/share/avouch-demo
endif

# How often `make soak` kills the service.
KILLS ?= 210

# Builds in release mode, starts everything, and says where to look and how to sign in. Ctrl-C stops it.
demo:
	@.ci/install demo
	@$(MAKE) --no-print-directory web
	@.ci/stage "build, release" cargo build --locked --release --package avouch --package acuity
	@mkdir -p "$(DATA)"
	@target/release/avouch -c statements/demo.toml --data "$(DATA)" up --demo

# One profile and one target folder: Clippy before the tests shares their build scripts and macros.
test:
	@.ci/install test
	@$(MAKE) --no-print-directory web
	@.ci/stage "layout" cargo fmt --all --check
	@.ci/stage "lints" cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	@.ci/stage "house rules" cargo xtask tidy
	@.ci/stage "build" cargo build --locked --quiet --workspace
	@.ci/stage "build tests" cargo test --locked --quiet --workspace --no-run
	@rm -f target/tmp/not-tried
	@.ci/stage "tests" cargo test --locked --workspace --no-fail-fast -- --quiet
	@! test -s target/tmp/not-tried || { echo "Not tried on this machine:"; sort -u target/tmp/not-tried; }
	@.ci/stage "browser tests" npm --prefix web --silent test

# The stylesheet that the programs embed.
web: web/dist/avouch.css

web/dist/avouch.css: web/node_modules/.package-lock.json web/build.mjs web/stylesheet.mjs web/ours.css
	@.ci/stage "stylesheet" npm --prefix web --silent run build
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@.ci/stage "npm ci" npm --prefix web ci --no-progress --loglevel=error
	@touch $@

# Side by side with peers; see benches/README.md. `make bench ONLY=appends` runs one of them.
bench:
	@.ci/install bench
	@$(MAKE) --no-print-directory web
	@benches/run $(ONLY)

# The crash test of `make test`, for longer, and the page about it.
soak:
	@.ci/install test
	@$(MAKE) --no-print-directory web
	@.ci/stage "build" cargo build --locked --quiet --workspace
	@AVOUCH_KILLS=$(KILLS) AVOUCH_SOAK="$(CURDIR)/docs/soak.md" .ci/stage "soak, $(KILLS) kills" cargo test --locked --package avouch --test suite -- --nocapture kills

# Advisories, licences and sources. Not in `make test`: cargo-deny takes minutes to build and asks the network;
# `cargo xtask tidy` holds licences and banned crates to the same lists offline.
deny:
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: run \`cargo install --locked cargo-deny\`, then try again." >&2; exit 1; }
	@cargo deny check
