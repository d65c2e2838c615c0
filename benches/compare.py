"""Our server beside its peers: the same loads, in turns, in one go.

Called by compare.sh, which builds what is needed. Every round runs each scenario against each server,
each time a new process, so whatever the machine does besides happens to all of them; the medians of
the rounds are compared, and ratios are what counts. The generator is `chittychat bench` for all, with
the same checks: nothing may be lost, doubled or out of order.
"""

import argparse
import datetime
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
RELEASE = HERE.parent / "target" / "release"
BENCH = RELEASE / "chittychat"
DOCS = HERE.parent / "docs"
# What --update writes stands between these two lines of docs/performance.md.
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
POINTS = {scenario for _, scenario in report.POINTS}
LOOPBACK = "127.0.0.1"
# How long a server may take to listen, and one run may take in all.
STARTING, RUNNING = 10, 300

# A server: its name in the table, how it is started, and what it speaks.
SERVERS = {
    "chittychat": ("Chitty-Chat", [BENCH, "serve", "--listen", "{address}", "--http-listen", "{other}"], "grpc"),
    "nats": ("NATS core", ["nats-server", "-a", LOOPBACK, "-p", "{port}"], "nats"),
    "broadcast": ("tonic + broadcast", [RELEASE / "examples/peer-broadcast", "{address}"], "grpc"),
    "mpsc": ("tonic + mpsc", [RELEASE / "examples/peer-mpsc", "{address}"], "grpc"),
    "tcp": ("raw TCP, the floor", [RELEASE / "examples/peer-tcp", "{address}"], "tcp"),
}

# A scenario: its title, what the generator is asked for, and the servers that it makes no sense for.
SCENARIOS = {
    "burst-10": ("burst, 10", "--participants 10 --burst 60000", ()),
    "burst-100": ("burst, 100", "--participants 100 --burst 20000", ()),
    "burst-1000": ("burst, 1,000", "--participants 1000 --burst 3000", ()),
    "burst-5000": ("burst, 5,000", "--participants 5000 --burst 400", ()),
    "single-100": ("one at a time, 100", "--participants 100 --burst 3000 --in-flight 1", ()),
    "rate-50": ("50/s, 100", "--participants 100 --rate 50 --duration 15s", ()),
    "rate-1000": ("1,000/s, 100", "--participants 100 --rate 1000 --duration 8s", ()),
    "shared-1000": (
        "burst, 1,000 on one connection",
        "--participants 1000 --burst 3000 --connections shared",
        ("nats", "tcp"),
    ),
}


def free_port():
    with socket.socket() as it:
        it.bind((LOOPBACK, 0))
        return it.getsockname()[1]


class Server:
    """A process of its own for each run, so that no run leaves anything to the next."""

    def __init__(self, name, log, binary=None):
        self.port = free_port()
        places = {
            "address": f"{LOOPBACK}:{self.port}",
            "other": f"{LOOPBACK}:{free_port()}",
            "port": str(self.port),
        }
        command = [str(word).format(**places) for word in SERVERS[name][1]]
        if binary:
            command[0] = binary
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        give_up = time.monotonic() + STARTING
        while True:
            try:
                socket.create_connection((LOOPBACK, self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    self.__exit__()
                    sys.exit(f"{self.process.args[0]} does not listen; its log is in target/compare")
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(name, scenario, out, binary=None):
    """One run. A generator that finds anything lost, doubled or out of order ends it all."""
    with open(out / f"{name}.log", "w") as log, Server(name, log, binary) as server:
        command = [str(BENCH), "bench", "--server", f"{LOOPBACK}:{server.port}", "--format", "json"]
        command += ["--protocol", SERVERS[name][2], "--pid", str(server.process.pid)]
        command += SCENARIOS[scenario][1].split()
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUNNING)
    if done.returncode != 0:
        sys.exit(f"{name}, {scenario}: {done.stderr}")
    return json.loads(done.stdout)


def figures(one):
    """What is kept of a run."""
    server, generator = one["server_process"], one["generator_process"]
    joined = one["joining"]["server_process"]
    resident = joined["rss_after_bytes"] - joined["rss_before_bytes"]
    return {
        "cpu_us": server["cpu_us_per_delivery"],
        "generator_cpu_us": generator["cpu_us_per_delivery"],
        "deliveries_per_second": one["deliveries_per_second"],
        "p50_us": one["latency_us"]["p50"],
        "p99_us": one["latency_us"]["p99"],
        "p999_us": one["latency_us"]["p999"],
        "kib": resident / 1024 / one["participants"],
        "switches": server["voluntary_switches"] + server["involuntary_switches"],
    }


def measure(args, out):
    """All rounds: {scenario: {server: [figures]}}."""
    results = {}
    for number in range(args.rounds):
        for scenario in args.scenarios:
            names = [name for name in args.servers if name not in SCENARIOS[scenario][2]]
            # Nobody is always first.
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                print(f"round {number + 1} of {args.rounds}: {scenario}, {name}", file=sys.stderr)
                one = run(name, scenario, out)
                results.setdefault(scenario, {}).setdefault(name, []).append(figures(one))
        (out / "rounds.json").write_text(json.dumps(results, indent=1))
    return results


def machine():
    """What it ran on, without the machine's name."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count()} x {model}, Linux {kernel}"


def main():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds, 5 by default")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS), metavar="NAME",
                        help="which of: " + ", ".join(SERVERS))
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), metavar="NAME",
                        help="which of: " + ", ".join(SCENARIOS))
    parser.add_argument("--update", action="store_true", help="write the result into docs/performance.md")
    args = parser.parse_args()
    if args.update and not POINTS <= set(args.scenarios):
        parser.error("--update wants all scenarios of the plot: " + ", ".join(sorted(POINTS)))
    out = HERE.parent / "target" / "compare"
    out.mkdir(parents=True, exist_ok=True)
    results = measure(args, out)
    titles = {name: scenario[0] for name, scenario in SCENARIOS.items()}
    names = {name: SERVERS[name][0] for name in args.servers}
    date = datetime.date.today().isoformat()
    text = report.markdown(results, titles, names, args.rounds, machine(), date)
    print(text)
    if args.update:
        DOCS.joinpath("images", "fan-out.svg").write_text(report.plot(results, names, machine(), date))
        page = DOCS / "performance.md"
        before, _, rest = page.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
