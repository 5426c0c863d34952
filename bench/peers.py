#!/usr/bin/python3
"""Members of hashicorp/memberlist (LAN defaults) beside ours, the same cases at the same sizes, one after another on one
machine: forming, idle bytes and CPU, a broadcast, a change of metadata, three members killed. Prints JSON.

Needs Go and Debian's golang-github-hashicorp-memberlist-dev, and build/release/bench_large_cluster.

usage: bench/peers.py [--sizes 10,50,100] [--idle 15] [--build build/release]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[1]
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--sizes", default="10,50,100")
options.add_argument("--idle", type=int, default=15, help="seconds")
options.add_argument("--build", default="build/release")


def run(command):
    print(" ".join(map(str, command)), file=sys.stderr, flush=True)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    chosen = options.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        peer = pathlib.Path(folder, "memberlist")
        go = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": folder + "/cache"}
        subprocess.run(["go", "build", "-o", peer, "."], cwd=root / "bench/memberlist", env=go, check=True)
        for size in chosen.sizes.split(","):
            cases = ["--nodes", size, "--idle", str(chosen.idle)]
            ours = run([root / chosen.build / "bench_large_cluster", *cases])
            theirs = run([peer, *cases])
            share = ours["death_last_s"] / theirs["death_last_s"] if ours["death_last_s"] and theirs["death_last_s"] else None
            runs.append({"nodes": int(size), "ours": ours, "memberlist": theirs, "death_last_ratio": share})
    print(json.dumps({"bench": "peers", "load_after": os.getloadavg()[0], "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
