#!/usr/bin/env bash
# Fuzzes, with the stable compiler: coverage is told by LLVM's instrumentation, which needs no nightly one.
#
#   fuzz/run.sh TARGET [SECONDS]     makes up inputs for so long [60]; what is new goes into fuzz/corpus/TARGET
#   fuzz/run.sh --brief              all targets, five seconds each, and keeps nothing
#   fuzz/run.sh --shrink TARGET      keeps of the corpus what is needed for its coverage
#
# An input that breaks something ends the run and is left in fuzz/artifacts: mend what is broken, and put it
# into the corpus. On a nightly compiler `cargo fuzz run TARGET` does the same, with AddressSanitizer.
set -euo pipefail
cd "$(dirname "$0")"

targets=(messages settings journal records http2 websocket)
flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    # Counters of functions that nothing calls are thrown away without this.
    -Clink-dead-code
)
# Memory in MB and seconds for one input, and its length: whatever needs more of them is a fault too.
limits=(-rss_limit_mb=1024 -timeout=10 -max_len=8192 -print_final_stats=0)
host=$(rustc -vV | sed -n 's/^host: //p')

build() {
    # With a target named, the flags are for what is fuzzed and not for the programs that build it.
    RUSTFLAGS="${flags[*]}" cargo build --locked --release --quiet --target "$host" --bin "$1"
    program=target/$host/release/$1
}

fuzz() {
    local target=$1 seconds=$2
    shift 2
    build "$target"
    mkdir -p "artifacts/$target"
    "$program" "$@" "${limits[@]}" "-artifact_prefix=artifacts/$target/" "-max_total_time=$seconds"
}

case ${1:-} in
--brief)
    for target in "${targets[@]}"; do
        printf '\n== %s\n' "$target"
        scratch=$(mktemp -d)
        fuzz "$target" 5 "$scratch" "corpus/$target"
        rm -r "$scratch"
    done
    ;;
--shrink)
    build "$2"
    scratch=$(mktemp -d)
    # By what is reached, and not by how often: what is kept is to be replayed, and read by people.
    "$program" -merge=1 -use_counters=0 "${limits[@]}" "$scratch" "corpus/$2"
    rm -r "corpus/$2"
    mv "$scratch" "corpus/$2"
    chmod 755 "corpus/$2"
    ;;
messages | settings | journal | records | http2 | websocket)
    mkdir -p "corpus/$1"
    fuzz "$1" "${2:-60}" "corpus/$1"
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
