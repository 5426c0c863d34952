#!/usr/bin/python3
"""Draws docs/plots/*.png from the data of bench/results/: what bench/scale.py, bench/native.py and bench/peers.py printed.
Needs Debian's python3-matplotlib; nothing else of this repository does.

usage: bench/plots.py [--results bench/results] [--into docs/plots]
"""
import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

root = pathlib.Path(__file__).resolve().parents[1]
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--results", type=pathlib.Path, default=root / "bench/results")
options.add_argument("--into", type=pathlib.Path, default=root / "docs/plots")
OURS, SOCKETS, MEMBERLIST, NATIVE, NATIVE_FAST = "#1b6ca8", "#57a3d9", "#c2571a", "#7a1f3d", "#c06c84"


def axes(title, across, up):
    figure, plot = pyplot.subplots(figsize=(6.4, 3.8), dpi=100)
    plot.set_title(title, fontsize=10)
    plot.set_xlabel(across, fontsize=9)
    plot.set_ylabel(up, fontsize=9)
    plot.tick_params(labelsize=8)
    plot.grid(True, which="major", alpha=0.3)
    return figure, plot


def save(figure, path):
    figure.axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def sizes_of(plot, sizes):
    plot.set_xscale("log")
    plot.set_xticks(sizes, [f"{size:,}".replace(",", " ") for size in sizes])
    plot.minorticks_off()


def deaths(scale, peers, path):
    figure, plot = axes("A member is killed: when the last live one knows (SWIM alone)", "members", "seconds")
    sizes = [one["nodes"] for one in scale["sizes"]]
    told = [one["deaths"] for one in scale["sizes"]]
    low, high = [t["last_knows_min_s"] for t in told], [t["last_knows_max_s"] for t in told]
    plot.fill_between(sizes, low, high, color=OURS, alpha=0.15)
    plot.plot(sizes, [t["last_knows_p50_s"] for t in told], "o-", color=OURS, label="valkey-swim, simulated (median; all seeds)")
    measured = [run["nodes"] for run in peers["runs"]]
    for who, color, text in (("ours", SOCKETS, "valkey-swim, sockets"), ("memberlist", MEMBERLIST, "memberlist 0.2.2, sockets")):
        last = [run["medians"][who]["death_last_s"] for run in peers["runs"]]
        plot.plot(measured, last, "s--", color=color, label=f"{text} (last of three, median of runs)")
    sizes_of(plot, sizes)
    plot.set_ylim(bottom=0)
    save(figure, path)


def idle_bytes(scale, peers, native, path):
    figure, plot = axes("Idle: bytes sent", "nodes", "bytes per node and second")
    sizes = [one["nodes"] for one in scale["sizes"]]
    for timeout, color in ((15000, NATIVE), (2000, NATIVE_FAST)):
        points = [
            (run["nodes"], one["bus_bytes_per_node_s"])
            for run in native["runs"]
            for one in run["settings"]
            if one.get("cluster_node_timeout_ms") == timeout
        ]
        if points:
            text = f"Valkey {native['server']} native cluster, node timeout {timeout / 1000:.0f} s (IP)"
            plot.plot(*zip(*points), "^-", color=color, label=text)
    points = [
        (run["nodes"], run["settings"][0]["bus_bytes_per_node_s"]) for run in native["runs"] if run["mode"] != "native"
    ]
    plot.plot(*zip(*points), "s-", color=SOCKETS, label="valkey-swim: servers, with leases (IP)")
    text = f"valkey-swim: membership and gossip, simulated (UDP payload), ratio {scale['idle_bytes_ratio']}"
    plot.plot(sizes, [one["idle"]["bytes_per_node_s"] for one in scale["sizes"]], "o-", color=OURS, label=text)
    points = [(run["nodes"], run["medians"]["memberlist"]["idle_bytes_per_node_s"]) for run in peers["runs"]]
    plot.plot(*zip(*points), "s--", color=MEMBERLIST, label="memberlist 0.2.2: membership (UDP payload, no push/pull)")
    sizes_of(plot, sizes)
    plot.set_yscale("log")
    plot.set_ylim(10, 3_000_000)
    save(figure, path)


def false_deaths(scale, path):
    figure, plot = axes("False deaths against loss, clusters of 100, simulated", "datagrams lost, %", "false deaths in 100 node-hours")
    losses = [one["loss_percent"] for one in scale["losses"]]
    rates = [one["falsely_dead_members"] / one["node_hours"] * 100 for one in scale["losses"]]
    plot.plot(losses, rates, "o-", color=OURS, label=f"valkey-swim, {scale['losses'][0]['node_hours']:.0f} node-hours a point")
    plot.set_ylim(bottom=-0.05 * max(max(rates), 1), top=max(max(rates) * 1.1, 1))
    save(figure, path)


def main():
    chosen = options.parse_args()
    read = {name: json.loads((chosen.results / f"{name}.json").read_text()) for name in ("scale", "peers", "native")}
    chosen.into.mkdir(parents=True, exist_ok=True)
    deaths(read["scale"], read["peers"], chosen.into / "deaths.png")
    idle_bytes(read["scale"], read["peers"], read["native"], chosen.into / "idle-bytes.png")
    false_deaths(read["scale"], chosen.into / "false-deaths.png")


if __name__ == "__main__":
    main()
