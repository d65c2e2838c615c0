#!/usr/bin/env python3
"""Plants each bug of tests/sim/mutations in a copy of the tree, and looks whether it is caught: by the
simulation, which plays seeds until one fails, or, for those in the folder `threads`, by the trial of orders
in src/hub/interleavings.rs.

A simulation that finds nothing proves nothing until it is known what it would find. Each patch is one
mistake that somebody could make; none of them is ever in the product's own tree.

    tests/sim/mutants.py                 all of them, as the table of docs/testing.md
    tests/sim/mutants.py NAME...         some of them
    tests/sim/mutants.py --check         only whether every patch still applies

The copy and its build stand in target/mutants, so that a second run is quick.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUTATIONS = ROOT / "tests/sim/mutations"
SCRATCH = ROOT / "target/mutants"
TREE = SCRATCH / "tree"


def run(*command, **options):
    return subprocess.run(command, text=True, capture_output=True, check=False, **options)


def refresh():
    """Brings the copy up to date. Files that are the same are left alone, with their times."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout
    wanted = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    for name in wanted:
        source, copy = ROOT / name, TREE / name
        if not copy.exists() or source.read_bytes() != copy.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    for copy in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(copy.relative_to(TREE)) not in wanted:
            copy.unlink()


def apply(patch, *options):
    # Outside of any repository, or git would look for the files in ours.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(SCRATCH)}
    return run("git", "apply", *options, str(patch), cwd=TREE, env=environment)


def check(patches):
    """Says which patches do not apply any more."""
    stale = 0
    for patch in patches:
        outcome = apply(patch, "--check")
        if outcome.returncode:
            stale += 1
            print(f"{patch.stem} does not apply any more: {outcome.stderr.strip()}")
    print(f"{len(patches) - stale} of {len(patches)} bugs can be planted")
    return stale == 0


def is_of_threads(patch):
    return patch.parent.name == "threads"


def build(patch):
    """The tests of the copy that are to catch it, or what the compiler said."""
    which = ["--features", "shuttle", "--lib"] if is_of_threads(patch) else ["--test", "sim"]
    command = ["cargo", "test", "--locked", *which, "--no-run", "--target-dir", str(SCRATCH / "build")]
    outcome = run(*command, cwd=TREE)
    found = re.search(r"Executable (?:tests/sim/main.rs|unittests src/lib.rs) \((.*)\)", outcome.stderr)
    return (pathlib.Path(found[1]), "") if found else (None, outcome.stderr)


def hunt(binary, seeds):
    """Plays seeds from 0 on: which one caught it, and what it said."""
    variables = os.environ | {"CHITTYCHAT_SIM_FIRST": "0", "CHITTYCHAT_SIM_SEEDS": str(seeds), "RUST_BACKTRACE": "0"}
    command = [str(binary), "further_seeds", "--exact", "--nocapture"]
    outcome = run(*command, cwd=TREE, env=variables)
    said = outcome.stdout + outcome.stderr
    caught = [(int(seed), why) for seed, why in re.findall(r"seed (\d+) failed: ([^\n]*)", said)]
    return min(caught) if caught else None


def try_orders(binary):
    """Tries orders of threads: which scenes caught it, and what they said."""
    outcome = run(str(binary), "interleavings", cwd=TREE, env=os.environ | {"RUST_BACKTRACE": "0"})
    scenes = re.findall(r"interleavings::(\w+) \.\.\. FAILED", outcome.stdout)
    said = re.findall(r"panicked at [^\n]*\n([^\n]*)", outcome.stdout + outcome.stderr)
    return (", ".join(sorted(scenes)), said[0][:80].replace("|", "/")) if scenes else None


def shown(why):
    """What broke, without the evidence."""
    if "panicked" in why:
        return "a task panicked"
    broken = re.match(r"(.*?) broken", why)
    return broken[1] if broken else why[:80].replace("|", "/")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="bugs to plant; all of them if none is named")
    parser.add_argument("--check", action="store_true", help="only see whether the patches apply")
    parser.add_argument("--seeds", type=int, default=200, help="seeds to play before giving up [200]")
    arguments = parser.parse_args()
    patches = sorted(MUTATIONS.rglob("*.patch"), key=lambda patch: (is_of_threads(patch), patch.stem))
    patches = [patch for patch in patches if not arguments.names or patch.stem in arguments.names]
    if not patches:
        sys.exit("no such bug; see tests/sim/mutations")
    refresh()
    if arguments.check:
        sys.exit(0 if check(patches) else 1)
    print("| planted bug | caught by | what broke |\n|---|---|---|", flush=True)
    escaped = 0
    for patch in patches:
        outcome = apply(patch)
        if outcome.returncode:
            sys.exit(f"{patch.stem} does not apply: {outcome.stderr}")
        binary, complaint = build(patch)
        caught = None
        if binary:
            caught = try_orders(binary) if is_of_threads(patch) else hunt(binary, arguments.seeds)
        refresh()
        if not binary:
            sys.exit(f"{patch.stem} does not compile:\n{complaint}")
        if caught:
            by, why = caught
            by = by if is_of_threads(patch) else f"seed {by + 1}"
            print(f"| {patch.stem} | {by} | {shown(why)} |", flush=True)
        else:
            escaped += 1
            print(f"| {patch.stem} | nothing | |", flush=True)
    print(f"\n{len(patches) - escaped} of {len(patches)} caught")
    sys.exit(1 if escaped else 0)


if __name__ == "__main__":
    main()
