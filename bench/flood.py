#!/usr/bin/python3
"""What garbage costs: one primary's bus is flooded with datagrams that mean nothing, at a rate, for a while, under a writer.

usage: bench/flood.py [--rate N] [--seconds S] [--size BYTES] [--open]
  --rate N      datagrams a second (default 100000)
  --seconds S   for so long (default 30)
  --size BYTES  of each at the most (default 200)
  --open        a cluster without a secret: garbage is found by its checksum instead of its seal

Prints what it sees and, last, JSON: the rate that was reached, what the node counted and what it left unread (the kernel drops
what does not fit into the socket), its memory before and after, outages of the writer, failovers. Exit status 1 when the node
failed over or grew by more than 10 MB.
"""
import argparse
import json
import multiprocessing
import pathlib
import random
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/cluster"))

from harness import HOST, Cluster, Writer, say  # noqa: E402
from test_security import OLD, counters, resident_kb  # noqa: E402

GROWTH_MAX_KB = 10 * 1024


def flood(port, rate, seconds, size, told):
    dice = random.Random(1)
    datagrams = [dice.randbytes(dice.randint(1, size)) for _ in range(1000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((HOST, port))
        sent, began = 0, time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            if sent > spent * rate:
                time.sleep(0.0005)
                continue
            for datagram in datagrams:
                try:
                    sender.send(datagram)
                except OSError:
                    pass
            sent += len(datagrams)
    told.put((sent, time.monotonic() - began))


def refused(server):
    """Before the seal is open by the seal, without one by the packet's own checks."""
    of_packets = ("bad_checksum", "bad_format", "bad_version", "wrong_cluster", "oversize")
    return sum(int(v) for k, v in counters(server).items() if k.startswith("refused_") or k in of_packets)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--open", action="store_true")
    given = parser.parse_args()
    with Cluster(6, config={} if given.open else {"swim.secret": OLD}).start() as cluster:
        cluster.create(replicas=1)
        target = cluster.shards()[0][0]
        writer = Writer(cluster.addresses, pace_s=0.001)
        writer.start()
        time.sleep(2)
        memory, before = resident_kb(target), refused(target)
        told = multiprocessing.Queue()
        sender = multiprocessing.Process(target=flood, args=(target.bus_port, given.rate, given.seconds, given.size, told))
        sender.start()
        sent, spent = told.get()
        sender.join()
        grown, counted = resident_kb(target) - memory, refused(target) - before
        time.sleep(1)
        writer.finish()
        failed_over = target.call("ROLE")[0] != "master"
        result = {
            "sealed": not given.open, "seconds": round(spent, 1), "sent_per_s": round(sent / spent),
            "counted_per_s": round(counted / spent), "unread": sent - counted, "grown_kb": grown,
            "writes": writer.writes, "outages": [round(o.seconds, 3) for o in writer.outages],
            "failed_over": failed_over,
        }  # fmt: skip
        say(f"{sent} datagrams in {spent:.1f} s at {target}")
    print(json.dumps(result))
    sys.exit(1 if failed_over or grown > GROWTH_MAX_KB else 0)


if __name__ == "__main__":
    main()
