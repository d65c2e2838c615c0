#!/usr/bin/env bash
# What the console costs the server: CPU time per delivery without it, with it and nobody looking, and with a
# page open; and the same for throughput. Ratios are medians of those within each round.
#
#   cargo build --release && benches/console-cost.sh [rounds] [participants]
#
# Needs python3, which is the page: it reads the stream of events as fast as it comes, as a browser would.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-12}
participants=${2:-100}
program=target/release/chittychat
. benches/servers.sh

export CHITTYCHAT_LOG=info
serve 18201 CHITTYCHAT__CONSOLE__SERVE=false
serve 18203
serve 18205

# Reads for as long as the server tells anything, and throws it away.
python3 - <<'PY' &
import http.client
page = http.client.HTTPConnection("127.0.0.1", 18206)
page.request("GET", "/console/events")
answer = page.getresponse()
while answer.read1(1 << 16):
    pass
PY
pids+=("$!")

measure "$rounds" "$participants" 12000000 18201 18203 18205

python3 - "$results" "$rounds" <<'PY'
import json, statistics, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
names = {18201: "none", 18203: "served, nobody looks", 18205: "a page is open"}
def figures(port, of):
    return [of(json.load(open(f"{folder}/{port}.{n}.json"))) for n in range(1, rounds + 1)]
def ratio(these, those):
    return statistics.median(a / b for a, b in zip(these, those))
cost = lambda run: run["server_process"]["cpu_us_per_delivery"]
rate = lambda run: run["deliveries_per_second"]
off = figures(18201, cost), figures(18201, rate)
print("| console | server CPU per delivery, median | ratio | deliveries a second, median | ratio |\n|---|---|---|---|---|")
for port, name in names.items():
    c, r = figures(port, cost), figures(port, rate)
    print(
        f"| {name} | {statistics.median(c):.3f} µs | {ratio(c, off[0]):.3f} "
        f"| {statistics.median(r):,.0f} | {ratio(r, off[1]):.3f} |"
    )
PY
