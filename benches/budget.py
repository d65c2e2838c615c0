#!/usr/bin/env python3
"""What the operations of the server may cost, in instructions: counted by callgrind, kept in budget.toml.

    benches/budget.py             counts, and fails if one costs more than its budget and the tolerance
    benches/budget.py --update    writes what was counted as the new budget

Instructions are the same from run to run and from machine to machine, where time is not; a change of
them by the tolerance is a change of the program (or of the compiler, whose version is pinned). That it
would be noticed is shown each time too: with an allocation planted, stamp and encode must fail.

Needs valgrind, and Rust.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUDGET = HERE / "budget.toml"
PROGRAM = HERE.parent / "target" / "release" / "examples" / "operations"
TIMES = 10_000
OPERATIONS = ("accept", "stamp", "encode", "deliver", "decode")
# What is done for each delivery, where one allocation is more than the tolerance.
PER_DELIVERY = ("stamp", "encode")


def count(operation, *arguments):
    """Instructions of one operation, as a mean of many."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]
    command += [f"--toggle-collect=*::world::{operation}*", PROGRAM, operation, str(TIMES), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not collected or int(collected[1]) == 0:
        sys.exit(f"callgrind has counted nothing of {operation}:\n{done.stderr}")
    return int(collected[1]) / TIMES


def main():
    subprocess.run(["cargo", "build", "--locked", "--release", "--example", "operations"], check=True, cwd=HERE.parent)
    counted = {name: count(name) for name in OPERATIONS}
    if sys.argv[1:] == ["--update"]:
        lines = [f"{name} = {round(value)}" for name, value in counted.items()]
        head = BUDGET.read_text().partition("[instructions]")[0]
        BUDGET.write_text(head + "\n".join(["[instructions]", *lines]) + "\n")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    budget = tomllib.loads(BUDGET.read_text())
    tolerance, wrong = budget["tolerance"], []
    for name, value in counted.items():
        most = budget["instructions"][name]
        ratio = value / most
        print(f"{name:8} {value:8.1f} instructions, budget {most}: {ratio:.3f}")
        if ratio > 1 + tolerance:
            wrong.append(f"{name} costs {ratio - 1:+.1%}: make it cheaper, or say why not and run --update")
        elif ratio < 1 - tolerance:
            wrong.append(f"{name} costs {ratio - 1:+.1%}: run --update, so that the gain is kept")
    for name in PER_DELIVERY:
        ratio = count(name, "--plant") / budget["instructions"][name]
        print(f"{name:8} with an allocation planted: {ratio:.3f}")
        if ratio <= 1 + tolerance:
            wrong.append(f"an allocation in each {name} would not have been noticed")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
