# Two commands do everything on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
# The work itself is Rust, in xtask/; setup.sh gets the toolchain and the packages.

# A toolchain that setup.sh has just installed is not yet on the caller's PATH.
CARGO_BIN := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
export PATH := $(CARGO_BIN):$(PATH)

.PHONY: help setup test demo

help:
	@echo "make test    install what is missing, then: format, lints, tidy, every test, docs"
	@echo "make demo    install what is missing, build, start the server on 127.0.0.1:5277 with the flights"
	@echo "make setup   only install what is missing"

setup:
	@./setup.sh

test: setup
	cargo xtask check

demo: setup
	cargo xtask demo
