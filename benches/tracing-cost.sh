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
. benches/servers.sh

collector=OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317
serve 18100 CHITTYCHAT_LOG=off
serve 18102 CHITTYCHAT_LOG=info
serve 18104 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0
serve 18106 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=0.01
serve 18108 CHITTYCHAT_LOG=info "$collector" CHITTYCHAT__TRACE__RATIO=1

measure "$rounds" "$participants" 10000000 18100 18102 18104 18106 18108

python3 - "$results" "$rounds" <<'PY'
import json, statistics, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
names = {
    18100: "no log, no tracing",
    18102: "log lines",
    18104: "and tracing, unsampled",
    18106: "and 1 % traced",
    18108: "and 100 % traced, as the bucket lets it",
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
