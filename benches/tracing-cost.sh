#!/usr/bin/env bash
# What the log and tracing cost the server: CPU time per delivery with both off, with the log alone, and with
# tracing on but unsampled, at 1 % and at 100 % (as far as the token bucket lets it). Ratios are medians of
# those within each round.
#
#   cargo build --release && benches/tracing-cost.sh [rounds] [participants]
#
# Needs python3, and an OTLP collector at 127.0.0.1:14317, for example PyPI's rotel:
#   rotel-agent start --exporter blackhole --otlp-grpc-endpoint 127.0.0.1:14317
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-16}
participants=${2:-100}
program=target/release/chittychat
results=$(mktemp -d)
pids=()
stop() { kill "${pids[@]}" 2>/dev/null || :; rm -rf "$results"; }
trap stop EXIT

# serve PORT [VARIABLE=VALUE…]: a server on that port, and its id in $results.
serve() {
    env "${@:2}" "$program" serve --listen "127.0.0.1:$1" --http-listen 127.0.0.1:0 2>/dev/null &
    pids+=("$!")
    echo "$!" >"$results/$1.pid"
    until "$program" healthcheck --server "127.0.0.1:$1" 2>/dev/null; do :; done
}
collector=OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317
serve 18100 CHITTYCHAT_LOG=off
serve 18101 CHITTYCHAT_LOG=info
serve 18102 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0
serve 18103 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0.01
serve 18104 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=1

for round in $(seq "$rounds"); do
    ports="18100 18101 18102 18103 18104"
    # There and back, so that no server always follows the same one.
    ((round % 2)) || ports="18104 18103 18102 18101 18100"
    for port in $ports; do
        "$program" bench --server "127.0.0.1:$port" --participants "$participants" --burst "$((10000000 / participants))" \
            --pid "$(cat "$results/$port.pid")" --format json >"$results/$port.$round.json" 2>/dev/null
    done
done

python3 - "$results" "$rounds" <<'PY'
import json, statistics, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
names = {
    18100: "no log, no tracing",
    18101: "log lines",
    18102: "and tracing, unsampled",
    18103: "and 1 % traced",
    18104: "and 100 % traced, as the bucket lets it",
}
def costs(port):
    runs = (json.load(open(f"{folder}/{port}.{n}.json")) for n in range(1, rounds + 1))
    return [run["server_process"]["cpu_us_per_delivery"] for run in runs]
off = costs(18100)
print("| on | server CPU per delivery, median | ratio |\n|---|---|---|")
for port, name in names.items():
    these = costs(port)
    ratio = statistics.median(a / b for a, b in zip(these, off))
    print(f"| {name} | {statistics.median(these):.3f} µs | {ratio:.3f} |")
PY
