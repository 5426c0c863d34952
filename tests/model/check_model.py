#!/usr/bin/python3
"""Checks the Promela models with spin: every model complete and without error, every rule switched off found out.

usage: check_model.py [--wide] [--table] [--trace RUN/RULE] [--build FOLDER] [run...]

  run          leases, slow, writes, releases, seals, handover, drift, or a model's name for all of its runs
  --wide       the same models with larger bounds (minutes, gigabytes), unmutated only
  --table      prints markdown for docs/model.md
  --trace      the story of one counterexample, such as leases/l4b

The last line is "N passed, N failed". What each model means stands at its top; docs/model.md says what was found.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
GCC = ["gcc", "-O1", "-w", "-DSAFETY", "-DBFS", "-DNOREDUCE", "-DVECTORSZ=512"]
MEMORY_MB = 6000
SEARCH_SECONDS_MAX = 900

# name: (model, what the arrays are sized for, what is read at the start, rules that must be found out)
RUNS = {
    "leases": ("leases", ["LEN=3"], {"CRASHES": 1}, "l1 l1_self l2 l3 l4 l4b l5 l7 l10 l10_d no_op fsync"),
    "releases": ("leases", ["LEN=3"], {"RELEASES": 2},
                 "l9 l9_void l9_number l9_ballot l9_memory l9_leader"),
    "writes": ("leases", ["LEN=4"], {}, "l4b whole"),
    "slow": ("leases", ["LEN=3", "T=2", "SLOW_ELECTIONS"], {}, "l1 l2 l4"),
    "seals": ("seals", ["LEN=4", "EPOCHS=3"], {"CRASHES": 1},
              "l1 l7 s1 s1_d s2 s2_self s3 s3_support s4 s5 seal_order"),
    "handover": ("seals", ["LEN=4", "EPOCHS=3"], {"RELEASES": 1, "LEASES": 1}, "l9 l9_removed s1_ack"),
    "drift": ("drift", ["BALLOTS=3"], {"CRASHES": 1}, "drift drift_l1 drift_l2 drift_l3 drift_l4 drift_l7"),
    "drift_release": ("drift", ["BALLOTS=2"], {"RELEASES": 1}, "l9"),
}
# Margins and refusals that no counterexample needs: the search must stay complete and clean without them. Why they
# are kept stands in docs/model.md. One that begins to matter turns the check red, and moves to the lists above.
SUPERFLUOUS = {"seals": "s3_refusal", "drift_release": "drift_l9"}

WIDE = {
    "leases": ("leases", ["LEN=4"], {"CRASHES": 1}),
    "leases_released": ("leases", ["LEN=3"], {"CRASHES": 1, "RELEASES": 1}),
    "leases_t2": ("leases", ["LEN=3", "T=2"], {"CRASHES": 1}),
    "seals": ("seals", ["LEN=4", "EPOCHS=3", "BALLOTS=4"], {"CRASHES": 1}),
    "handover": ("seals", ["LEN=4", "EPOCHS=3"], {"CRASHES": 1, "RELEASES": 1, "LEASES": 1}),
    "drift": ("drift", ["BALLOTS=3"], {"RELEASES": 1}),
}


def rules():
    text = (HERE / "rules.pml").read_text()
    return {name: number for name, number in re.findall(r"^#define off_(\w+) (\d+)", text, re.M)}


class Broken(Exception):
    pass


def build(model, sizes, folder):
    """A verifier for these sizes; built once."""
    folder = folder / "-".join([model, *sizes])
    verifier = folder / "pan"
    if verifier.exists():
        return verifier
    folder.mkdir(parents=True, exist_ok=True)
    for source in HERE.glob("*.pml"):
        (folder / source.name).write_text(source.read_text())
    for command in (["spin", *("-D" + size for size in sizes), "-a", model + ".pml"],
                    [*GCC, f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0 or "error" in done.stdout.lower():
            raise Broken(" ".join(command) + "\n" + done.stdout + done.stderr)
    return verifier


class Search:
    """What a verifier said."""

    def __init__(self, verifier, settings, rule=None):
        environment = dict(os.environ, OFF=rules()[rule] if rule else "0")
        environment.update({name: str(value) for name, value in settings.items()})
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=verifier.parent) as scratch:  # the trail is written here
            (pathlib.Path(scratch) / verifier.name).symlink_to(verifier)
            done = subprocess.run(["./" + verifier.name], cwd=scratch, env=environment, capture_output=True, text=True,
                                  timeout=SEARCH_SECONDS_MAX)
            self.seconds = time.monotonic() - started
            self.output = done.stdout + done.stderr
            self.story = []
            if list(pathlib.Path(scratch).glob("*.trail")):
                replay = subprocess.run(["./" + verifier.name, "-r"], cwd=scratch, env=environment,
                                        capture_output=True, text=True, timeout=60)
                lines = re.split(r"^(?:spin|pan):", replay.stdout, maxsplit=1, flags=re.M)[0].splitlines()
                self.story = [line for line in lines if re.match(r"[-\dc]", line) and "D_STEP" not in line]

        def number(pattern):
            found = re.search(pattern, self.output)
            return int(found[1]) if found else None

        self.errors = number(r"errors: (\d+)")
        self.states = number(r"(\d+) states, stored")
        self.depth = number(r"depth reached (\d+)")
        violated = re.search(r"assertion violated \(?(\w[\w ]*)", self.output)
        self.broken = violated[1].strip() if violated else None

    def complete(self):
        """No error, and nothing left unsearched."""
        truncated = re.search(r"max search depth too small|out of memory|memory limit|Search not completed|reached -DMEMLIM"
                              r"|state space exhausted|aborting|invalid array index", self.output)
        return self.errors == 0 and not truncated and "Full statespace search" in self.output and bool(self.states)


class Report:
    def __init__(self, markdown):
        self.markdown, self.passed, self.failed = markdown, 0, 0
        head = ("run", "rule off", "outcome", "depth", "states", "seconds")
        if markdown:
            print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        else:
            print("{:14}{:12}{:40}{:>6}{:>10}{:>9}".format(*head))

    def line(self, good, run, rule, outcome, search):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        if not good:
            outcome = "FAILED: " + outcome
        row = (run, rule or "", outcome, search.depth or 0, search.states or 0, f"{search.seconds:.1f}")
        print("| " + " | ".join(map(str, row)) + " |" if self.markdown
              else "{:14}{:12}{:40}{:>6}{:>10}{:>9}".format(*row), flush=True)
        if not good:
            print(search.output[-3000:])


def check(report, run, rule, verifier, settings, wanted):
    try:
        search = Search(verifier, settings, rule)
    except subprocess.TimeoutExpired:
        report.failed += 1
        print(f"FAILED: {run} {rule or ''}: no end within {SEARCH_SECONDS_MAX} s")
        return
    if wanted == "clean":
        outcome = "complete, no error" if search.complete() else f"{search.broken or 'not complete'}"
        report.line(search.complete(), run, rule, outcome, search)
    else:
        real = search.broken is not None and re.match(r"(I\d+|L\d+|book)_", search.broken) is not None
        report.line(real, run, rule, search.broken or "nothing was found", search)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--trace")
    parser.add_argument("--build")
    parser.add_argument("runs", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.build or scratch).resolve()
        if options.trace:
            run, rule = options.trace.split("/")
            model, sizes, settings, _ = RUNS[run]
            search = Search(build(model, sizes, folder), settings, rule)
            print("\n".join(search.story + [f"broken: {search.broken}"]))
            return 0
        report = Report(options.table)
        for run, (model, sizes, settings, *found_out) in (WIDE if options.wide else RUNS).items():
            if options.runs and run not in options.runs and model not in options.runs:
                continue
            try:
                verifier = build(model, sizes, folder)
            except Broken as broken:
                report.failed += 1
                print(f"FAILED: {run} cannot be built: {broken}")
                continue
            check(report, run, None, verifier, settings, "clean")
            if options.wide:
                continue
            for rule in found_out[0].split():
                check(report, run, rule, verifier, settings, "counterexample")
            for rule in SUPERFLUOUS.get(run, "").split():
                check(report, run, rule, verifier, settings, "clean")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
