#!/usr/bin/python3
"""Members of hashicorp/memberlist (LAN defaults) beside ours, the same cases at the same sizes, one after another on one
machine: forming, idle bytes and CPU, a broadcast, a change of metadata, three members killed. Prints JSON.

Needs Go and Debian's golang-github-hashicorp-memberlist-dev, and build/release/bench_large_cluster.

Of several runs, ours and theirs in turn, `medians` tells the middle ones (a case that a run did not end within its limit
counts as the slowest), and `ratios` ours by theirs.

usage: bench/peers.py [--sizes 10,50,100] [--runs 1] [--idle 15] [--build build/release]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[1]
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--sizes", default="10,50,100")
options.add_argument("--runs", type=int, default=1, help="of each size")
options.add_argument("--idle", type=int, default=15, help="seconds")
options.add_argument("--build", default="build/release")


def run(command):
    print(" ".join(map(str, command)), file=sys.stderr, flush=True)
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(told, file=sys.stderr, flush=True)
    return json.loads(told)


def medians(results):
    numbers = {}
    for key in sorted(set(results[0]) - {"bench", "nodes", "idle_s", "killed", "processes"}):
        values = [result[key] if result.get(key) is not None else float("inf") for result in results]
        middle = statistics.median_low(values)
        numbers[key] = None if middle == float("inf") else round(middle, 4)
    return numbers


def compared(size, ours, theirs):
    middle = {"ours": medians(ours), "memberlist": medians(theirs)}
    ratios = {}
    for key in ("death_last_s", "broadcast_last_s", "metadata_last_s", "form_s"):
        one, other = middle["ours"][key], middle["memberlist"][key]
        ratios[key] = round(one / other, 3) if one and other else None
    return {"nodes": size, "medians": middle, "ratios": ratios, "ours": ours, "memberlist": theirs}


def main():
    chosen = options.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        peer = pathlib.Path(folder, "memberlist")
        go = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": folder + "/cache"}
        subprocess.run(["go", "build", "-o", peer, "."], cwd=root / "bench/memberlist", env=go, check=True)
        for size in chosen.sizes.split(","):
            cases = ["--nodes", size, "--idle", str(chosen.idle)]
            ours, theirs = [], []
            for _ in range(chosen.runs):
                ours.append(run([root / chosen.build / "bench_large_cluster", *cases]) | {"load_after": os.getloadavg()[0]})
                theirs.append(run([peer, *cases]) | {"load_after": os.getloadavg()[0]})
            runs.append(compared(int(size), ours, theirs))
    print(json.dumps({"bench": "peers", "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
