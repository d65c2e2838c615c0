#!/usr/bin/env bash
# What tracing costs the server: CPU time per delivery with tracing off, on but unsampled, at 1 % and at
# 100 % (as far as the token bucket lets it), as ratios within one interleaved run.
#
#   cargo build --release && benches/tracing-cost.sh [rounds]
#
# Needs python3, and an OTLP collector at 127.0.0.1:14317, for example PyPI's rotel:
#   rotel-agent start --exporter blackhole --otlp-grpc-endpoint 127.0.0.1:14317
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-16}
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
serve 18101 CHITTYCHAT_LOG=info
serve 18102 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0
serve 18103 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0.01
serve 18104 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=1

for round in $(seq "$rounds"); do
    ports="18101 18102 18103 18104"
    # There and back, so that no server always follows the same one.
    ((round % 2)) || ports="18104 18103 18102 18101"
    for port in $ports; do
        "$program" bench --server "127.0.0.1:$port" --participants 100 --burst 20000 \
            --pid "$(cat "$results/$port.pid")" --format json >"$results/$port.$round.json" 2>/dev/null
    done
done

python3 - "$results" "$rounds" <<'PY'
import json, statistics, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
names = {18101: "off", 18102: "on, unsampled", 18103: "on, 1 %", 18104: "on, 100 % with the bucket"}
def cost(port):
    runs = (json.load(open(f"{folder}/{port}.{n}.json")) for n in range(1, rounds + 1))
    return statistics.median(run["server_process"]["cpu_us_per_delivery"] for run in runs)
off = cost(18101)
print("| tracing | server CPU per delivery, median | ratio |\n|---|---|---|")
for port, name in names.items():
    print(f"| {name} | {cost(port):.3f} µs | {cost(port) / off:.3f} |")
PY
