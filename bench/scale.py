#!/usr/bin/python3
"""What `simulate swim` says of clusters of 10 to 10 000 nodes: idle bytes, when the last member knows of a death, false
deaths by loss. Virtual time: whatever else the machine does, the same seeds give the same figures. Prints JSON.

usage: bench/scale.py [--sizes 10,30,...] [--seeds 5] [--loss 0,5,...] [--loss-hours 5] [--build build/release]
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[1]
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--sizes", default="10,30,50,100,350,1000,3000,10000")
options.add_argument("--seeds", type=int, default=5, help="of the deaths (above 1 000 nodes: 2)")
options.add_argument("--loss", default="0,5,10,15,20,25,30", help="per cent of all datagrams")
options.add_argument("--loss-hours", type=float, default=5, help="node-hours of each seed, in clusters of 100")
options.add_argument("--build", default="build/release")
MANY, LOSSY_NODES = 1000, 100


def simulate(build, *words):
    command = [root / build / "simulate", "swim", *map(str, words), "--json"]
    print(" ".join(map(str, command[1:])), file=sys.stderr, flush=True)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def idle(build, size):
    told = simulate(build, "--nodes", size, "--seconds", 30 if size <= MANY else 10)
    return {key: told[key] for key in ("bytes_per_node_s", "bytes_per_node_s_max", "packets_per_node_s")}


def deaths(build, size, seeds):
    seeds = seeds if size <= MANY else min(seeds, 2)
    runs = [simulate(build, "--nodes", size, "--kill", 3, "--seconds", 40, "--seed", seed + 1) for seed in range(seeds)]
    last = [run["last_detect_s"] for run in runs]
    return {
        "seeds": seeds,
        "last_knows_p50_s": round(statistics.median(one["p50"] for one in last), 3),
        "last_knows_min_s": min(one["p50"] for one in last),
        "last_knows_max_s": max(one["max"] for one in last),
        "undetected": sum(run["undetected"] for run in runs),
        "false_deaths": sum(run["false_deaths"] for run in runs),
    }


def false_deaths(build, loss, seeds, hours):
    seconds = round(hours * 3600 / LOSSY_NODES)
    runs = [
        simulate(build, "--nodes", LOSSY_NODES, "--loss", f"{loss}%", "--seconds", seconds, "--seed", seed + 1)
        for seed in range(seeds)
    ]
    return {
        "loss_percent": loss,
        "node_hours": hours * seeds,
        "false_deaths": sum(run["false_deaths"] for run in runs),
        "falsely_dead_members": sum(run["falsely_dead_members"] for run in runs),
        "bytes_per_node_s": round(statistics.mean(run["bytes_per_node_s"] for run in runs), 1),
    }


def main():
    chosen = options.parse_args()
    sizes = []
    for size in map(int, chosen.sizes.split(",")):
        sizes.append({"nodes": size, "idle": idle(chosen.build, size), "deaths": deaths(chosen.build, size, chosen.seeds)})
    bytes_sent = [one["idle"]["bytes_per_node_s"] for one in sizes]
    losses = [false_deaths(chosen.build, int(loss), chosen.seeds, chosen.loss_hours) for loss in chosen.loss.split(",")]
    ratio = round(max(bytes_sent) / min(bytes_sent), 3)
    print(json.dumps({"bench": "scale", "idle_bytes_ratio": ratio, "sizes": sizes, "losses": losses}, indent=2))


if __name__ == "__main__":
    main()
