"""What compare.py has measured, as tables in Markdown and a plot in SVG.

It measures nothing. A ratio is the median of the ratios of the rounds, because what the machine did
besides in one round was done to both sides of it.
"""

import math
import statistics

# The ratios that are promised: scenario, figure, our peer in it, and the most that it may be.
TARGETS = [
    ("burst-1000", "cpu_us", "nats", 0.45),
    ("burst-1000", "cpu_us", "broadcast", 0.75),
    ("single-100", "cpu_us", "nats", 0.85),
    ("rate-1000", "p99_us", "nats", 0.5),
    ("rate-50", "p50_us", "nats", 1.0),
    ("rate-50", "p99_us", "nats", 1.0),
]
FIGURES = {"cpu_us": "server CPU a delivery", "p50_us": "p50", "p99_us": "p99"}
# The most resident KiB that an idle participant may cost.
KIB = 26

# The plot: how many participants, in which scenario.
POINTS = [(10, "burst-10"), (100, "burst-100"), (1000, "burst-1000"), (5000, "burst-5000")]
# Colours that can be told apart by those who do not see all of them (Okabe and Ito, 2008).
COLOURS = {"chittychat": "#d55e00", "nats": "#0072b2", "broadcast": "#009e73", "mpsc": "#cc79a7", "tcp": "#888888"}
WIDTH, HEIGHT, LEFT, TOP, PANEL, DEEP = 960, 380, 60, 48, 290, 270


def median(rounds, key):
    return statistics.median(round[key] for round in rounds)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cpu(results, titles, names):
    """CPU of the server for each delivery, and the generator's, which must be the smaller one."""
    rows = []
    for scenario, servers in results.items():
        cells = [f"{median(servers[it], 'cpu_us'):.3f}" if it in servers else "–" for it in names]
        own = servers.get("chittychat")
        share = f"{median(own, 'generator_cpu_us') / median(own, 'cpu_us'):.2f}" if own else "–"
        rows.append([titles[scenario], *cells, share])
    return table(["CPU µs a delivery", *names.values(), "generator, of ours"], rows)


def latency(results, titles, names):
    def cell(rounds):
        return " / ".join(f"{median(rounds, key):,.0f}" for key in ("p50_us", "p99_us", "p999_us"))

    rows = []
    for scenario, servers in results.items():
        if scenario.startswith(("rate", "single")):
            rows.append([titles[scenario], *(cell(servers[it]) if it in servers else "–" for it in names)])
    return table(["latency p50 / p99 / p99.9, µs", *names.values()], rows) if rows else ""


def memory(results, titles, names):
    rows = []
    for scenario, servers in results.items():
        if scenario in ("burst-100", "burst-1000", "burst-5000"):
            cells = [f"{median(servers[it], 'kib'):.1f}" if it in servers else "–" for it in names]
            rows.append([titles[scenario], *cells])
    return table(["KiB a participant after the joins", *names.values()], rows) if rows else ""


def ratios(results, titles, names):
    """Each promise, what came of it, and whether it holds."""
    rows = []
    for scenario, key, peer, most in TARGETS:
        servers = results.get(scenario, {})
        if "chittychat" in servers and peer in servers:
            pairs = zip(servers["chittychat"], servers[peer])
            each = sorted(ours[key] / theirs[key] for ours, theirs in pairs)
            ratio = statistics.median(each)
            verdict = "holds" if ratio <= most else "**missed**"
            spread = f"{each[0]:.2f} to {each[-1]:.2f}"
            what = f"{titles[scenario]}: {FIGURES[key]}, of {names[peer]}'s"
            rows.append([what, f"{ratio:.2f}", spread, f"{most:.2f}", verdict])
    for scenario in ("burst-1000", "burst-5000"):
        rounds = results.get(scenario, {}).get("chittychat")
        if rounds:
            kib = median(rounds, "kib")
            spread = " to ".join(f"{pick(it['kib'] for it in rounds):.1f}" for pick in (min, max))
            what = f"{titles[scenario]}: KiB a participant"
            rows.append([what, f"{kib:.1f}", spread, f"{KIB:.1f}", "holds" if kib <= KIB else "**missed**"])
    return table(["promise", "median", "rounds", "at most", "verdict"], rows) if rows else ""


def markdown(results, titles, names, rounds, machine, date):
    """All of it, with the machine and the date."""
    times = "one round" if rounds == 1 else f"medians of {rounds} interleaved rounds"
    says = f"{date}, {machine}, {times}, by `benches/compare.sh`:"
    parts = [says, *(make(results, titles, names) for make in (ratios, cpu, latency, memory))]
    return "\n\n".join(part for part in parts if part)


class Panel:
    """One diagram of the plot, with both axes logarithmic."""

    def __init__(self, left, title, low, high):
        self.left, self.title = left, title
        self.low, self.high = math.log10(low), math.log10(high)

    def x(self, participants):
        first, last = math.log10(POINTS[0][0]), math.log10(POINTS[-1][0])
        return self.left + PANEL * (math.log10(participants) - first) / (last - first)

    def y(self, value):
        return TOP + DEEP * (self.high - math.log10(value)) / (self.high - self.low)

    def frame(self):
        parts = [f'<text class="t" x="{self.left}" y="{TOP - 20}">{self.title}</text>']
        for exponent in range(math.floor(self.low), math.ceil(self.high) + 1):
            for digit in (1, 2, 5):
                value = digit * 10.0**exponent
                if self.low - 1e-9 <= math.log10(value) <= self.high + 1e-9:
                    y = self.y(value)
                    text = f"{value / 1e6:g} M" if value >= 1e4 else f"{value:g}"
                    parts.append(f'<path class="g" d="M{self.left} {y:.1f}h{PANEL}"/>')
                    parts.append(f'<text class="e" x="{self.left - 8}" y="{y + 4:.1f}">{text}</text>')
        for participants, _ in POINTS:
            parts.append(f'<text class="m" x="{self.x(participants):.1f}" y="{TOP + DEEP + 20}">{participants:,}</text>')
        middle = self.left + PANEL / 2
        parts.append(f'<text class="m" x="{middle}" y="{TOP + DEEP + 42}">participants</text>')
        return parts

    def series(self, results, key, names):
        parts, ends = [], []
        for name, title in names.items():
            at = [(self.x(n), self.y(median(results[s][name], key))) for n, s in POINTS if name in results.get(s, {})]
            if at:
                path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
                width = 3 if name == "chittychat" else 1.8
                parts.append(f'<path fill="none" stroke="{COLOURS[name]}" stroke-width="{width}" d="{path}"/>')
                parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[name]}"/>' for x, y in at]
                ends.append((at[-1][1], name, title))
        # Names stand beside the ends of their lines, moved apart where they would overlap.
        last = -math.inf
        for y, name, title in sorted(ends):
            last = max(y + 4, last + 15)
            x = self.left + PANEL + 10
            parts.append(f'<text x="{x}" y="{last:.1f}" style="fill:{COLOURS[name]}">{title}</text>')
        return parts


def bounds(results, key):
    values = [median(results[s][name], key) for _, s in POINTS for name in results.get(s, {})]
    return min(values) * 0.8, max(values) * 1.25


def plot(results, names, machine, date):
    """Deliveries a second and CPU per delivery against participants, for light pages and dark ones."""
    quick = Panel(LEFT, "deliveries a second (more is better)", *bounds(results, "deliveries_per_second"))
    cheap = Panel(LEFT + WIDTH // 2, "server CPU µs a delivery (less is better)", *bounds(results, "cpu_us"))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="what">',
        f'<title id="what">Fan-out in a burst, 64-byte texts, {date}, {machine}</title>',
        "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:13px}"
        ".e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#8884;fill:none}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
        *quick.frame(), *quick.series(results, "deliveries_per_second", names),
        *cheap.frame(), *cheap.series(results, "cpu_us", names),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
