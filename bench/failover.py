#!/usr/bin/python3
"""Outage of kill -9 failovers: a cluster of real servers (3 primaries, 3 replicas), one primary killed after another
under a writer; the outage is from its first failed to its next good write. Prints JSON; progress goes to stderr.

usage: bench/failover.py [--count 10] [--native [--node-timeouts 15000,5000,2000]] [--server 8.0|8.1|9.1] [--replicas 1]
  --native   also measures native cluster mode on the same machine, in the same run, once for each node timeout (ms)
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/cluster"))

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--count", type=int, default=10, help="failovers in a row")
options.add_argument("--replicas", type=int, default=1, help="replicas of each of the three primaries")
options.add_argument("--native", action="store_true")
options.add_argument("--only-native", action="store_true")
options.add_argument("--node-timeouts", default="15000,5000,2000", help="native: ms, each a run of its own")
options.add_argument("--native-count", type=int, default=3, help="failovers in each native run")
options.add_argument("--server", default=os.environ.get("VSWIM_SERVER_VERSION", "8.0"))


def machine():
    model = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def percentile(values, share):
    """Nearest rank: the smallest value that at least this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def measure(count, replicas, native_timeout_ms=None):
    from clusters import Cluster
    from expect import wait_until
    from harness import Writer, missing_keys
    from test_failover import new_primary

    native = native_timeout_ms is not None
    cluster = Cluster(3 * (1 + replicas))
    for server in cluster:
        server.native = native
        if native:
            server.config["cluster-node-timeout"] = native_timeout_ms
    outages, load = [], os.getloadavg()[0]
    try:
        cluster.start()
        cluster.create(replicas=replicas)
        shards = [slots for _, _, slots in cluster.shards()]
        for number in range(count):
            slots = shards[number % 3]
            victim, _, _ = next(s for s in cluster.shards() if s[2][0] == slots[0])
            writer = Writer(cluster.addresses, slots[::37], name=f"b{number}", retry_s=0.002, pace_s=0.0005)
            writer.start()
            wait_until(lambda: len(writer.confirmed) >= 200, "confirmed writes")
            killed = time.monotonic()
            victim.kill()
            outage = wait_until(lambda: writer.outage_since(killed), "a write after the kill", 120, every_s=0.1)
            successor = new_primary(cluster, slots, victim)
            victim.start()
            cluster.wait_ok(limit_s=120)
            writer.finish()
            lost = missing_keys(cluster.addresses, writer.confirmed)
            if lost:
                raise AssertionError(f"failover {number} lost confirmed keys: {lost[:5]}")
            outages.append(outage.seconds)
            print(f"failover {number}: {victim} -> {successor}, outage {outage.seconds:.3f} s", file=sys.stderr, flush=True)
    except AssertionError:
        for server in cluster:
            print(f"---- {server}\n{server.log_tail(40)}", file=sys.stderr)
        raise
    finally:
        cluster.end()
    return {
        "mode": f"native, cluster-node-timeout {native_timeout_ms} ms" if native else "valkey-swim, default settings",
        "nodes": len(cluster),
        "failovers": len(outages),
        "outage_s": [round(o, 4) for o in outages],
        "median_s": round(statistics.median(outages), 4),
        "max_s": round(max(outages), 4),
        "p99_s": round(percentile(outages, 99), 4),
        "load_before": load,
    }


def main():
    chosen = options.parse_args()
    os.environ["VSWIM_SERVER_VERSION"] = chosen.server
    runs = [] if chosen.only_native else [measure(chosen.count, chosen.replicas)]
    if chosen.native or chosen.only_native:
        for timeout in chosen.node_timeouts.split(","):
            runs.append(measure(chosen.native_count, chosen.replicas, int(timeout)))
    report = {"bench": "failover", "server": chosen.server, "machine": machine(), "runs": runs}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
