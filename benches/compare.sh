#!/usr/bin/env bash
# Our server beside its peers, in turns, in one go: NATS core, a textbook tonic server with a broadcast
# channel and one with a queue a client, and a raw TCP fan-out as the floor. Prints tables; with --update
# they go into docs/performance.md, with a plot. A round of everything takes some three minutes.
#
#   benches/compare.sh [--rounds N] [--servers NAME...] [--scenarios NAME...] [--update]
#
# Needs Rust, python3, and nats-server on the path (Debian: apt-get install nats-server; the server that
# Debian starts then is in nobody's way, if it is idle). Nothing leaves the loopback interface.
set -euo pipefail
cd "$(dirname "$0")/.."
# Five thousand connections, at both ends.
ulimit -n "$(ulimit -Hn)"
cargo build --locked --release --bins --examples
exec python3 benches/compare.py "$@"
