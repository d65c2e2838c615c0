#!/usr/bin/env python3
"""Draws what a terminal shows as an SVG: reads text with ANSI colours, writes the picture.

    CLICOLOR_FORCE=1 cargo run --release -- demo --once | docs/images/terminal.py > docs/images/demo.svg

Only what the demo uses is understood: bold, dim, and the eight foreground colours. The picture holds
text, not outlines, so it can be read out, searched and copied.
"""

import html
import re
import sys

COLOURS = {
    "32": "#7ec97e", "33": "#e5c07b", "35": "#d191e0", "36": "#56b6c2",
    "31": "#e06c75", "34": "#61afef", "30": "#5c6370", "37": "#d7dae0",
}
LINE, GLYPH, MARGIN = 19, 8.43, 18


def spans(line):
    """Splits a line into (text, style) at its escape sequences."""
    style = {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        escape = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if not escape:
            if part:
                yield part, dict(style)
            continue
        for code in (escape.group(1) or "0").split(";"):
            if code == "0":
                style = {}
            elif code == "1":
                style["font-weight"] = "bold"
            elif code == "2":
                style["fill-opacity"] = "0.6"
            elif code in COLOURS:
                style["fill"] = COLOURS[code]


def tspan(text, style):
    attributes = "".join(f' {name}="{value}"' for name, value in style.items())
    return f"<tspan{attributes}>{html.escape(text)}</tspan>"


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = round(max(map(len, plain)) * GLYPH) + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
          f'viewBox="0 0 {width} {height}" role="img">')
    print("<title>The demo on a terminal: four nodes and their Lamport times</title>")
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#1e2127"/>')
    print('<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" '
          'font-size="14" fill="#d7dae0" xml:space="preserve">')
    for number, line in enumerate(lines, 1):
        text = "".join(tspan(*span) for span in spans(line))
        print(f'<text x="{MARGIN}" y="{MARGIN + number * LINE - 5}">{text}</text>')
    print("</g>\n</svg>")


main()
