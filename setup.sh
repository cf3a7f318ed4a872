#!/bin/sh
# Gets what the project needs on Debian or Ubuntu and nothing else; says what it does; may be run
# again at any time and is quick when nothing is missing. Everything but this is Rust in xtask/.
set -eu
cd "$(dirname "$0")"

TOOLCHAIN=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
VENV=target/python
CARGO_BIN=${CARGO_HOME:-$HOME/.cargo}/bin
PATH=$CARGO_BIN:$PATH
export PATH

say() { echo "setup: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

if [ "$(id -u)" = 0 ]; then AS_ROOT=; elif have sudo; then AS_ROOT=sudo; else AS_ROOT=none; fi

apt_get() {
    if [ "$AS_ROOT" = none ]; then
        say "needs root or sudo for: apt-get $*"
        return 1
    fi
    $AS_ROOT env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Options::=--force-confold "$@" >/dev/null
}

# The lists of packages are fetched once, and only when something is missing.
listed=no
list_packages() {
    [ "$listed" = yes ] && return 0
    say "fetching the lists of packages"
    apt_get update && listed=yes
}

must() { # must PACKAGE...: without these nothing builds
    list_packages
    say "installing $*"
    apt_get install --no-install-recommends "$@" || { say "could not install: $*"; exit 1; }
}

may() { # may PACKAGE REASON: without it something is skipped
    list_packages || true
    say "installing $1"
    apt_get install --no-install-recommends "$1" || say "cannot install $1: $2"
}

have apt-get || say "no apt-get here: please install by hand what is reported missing below"

missing=
have curl || missing="$missing curl"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
have cc || missing="$missing gcc libc6-dev"
have make || missing="$missing make"
have pkg-config || missing="$missing pkg-config"
have python3 || missing="$missing python3"
# shellcheck disable=SC2086 # a list of names
[ -z "$missing" ] || must $missing

if ! have cargo && ! have rustup; then
    say "installing rustup and the Rust toolchain $TOOLCHAIN"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y -q --no-modify-path --profile minimal --default-toolchain "$TOOLCHAIN" -c rustfmt -c clippy
fi
if have rustup; then
    installed=$(rustup component list --installed --toolchain "$TOOLCHAIN" 2>/dev/null || true)
    case $installed in
        *clippy*rustfmt*) ;;
        *)
            say "installing the Rust toolchain $TOOLCHAIN with rustfmt and clippy"
            rustup -q toolchain install "$TOOLCHAIN" --profile minimal -c rustfmt -c clippy
            ;;
    esac
fi

# psql and the drivers are what people connect with, and what the tests connect with.
have psql || may postgresql-client "the tests with psql and the demo's live feed need it"

# A real PostgreSQL 15 answers the scripts in sql-tests/scripts/postgres too.
if [ ! -x /usr/lib/postgresql/15/bin/postgres ]; then
    list_packages || true
    if apt-cache show postgresql-15 >/dev/null 2>&1; then
        if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ "$AS_ROOT" != none ]; then
            # Only its programs are wanted, not a server that starts with the machine.
            $AS_ROOT mkdir -p /etc/postgresql-common
            echo "create_main_cluster = false" | $AS_ROOT tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
        may postgresql-15 "the recorded answers stand in for it"
    else
        say "no package postgresql-15 here: the recorded answers stand in for it"
    fi
fi

# psycopg 3, in an environment of its own.
if [ ! -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -c 'import psycopg' 2>/dev/null; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || may python3-venv "the tests with psycopg need it"
    say "installing psycopg into $VENV"
    mkdir -p target
    { python3 -m venv "$VENV" && "$VENV/bin/pip" install -q --disable-pip-version-check 'psycopg[binary]==3.2.*'; } ||
        say "could not install psycopg: the tests with it are skipped"
fi

say "ready"
