"""usage: program.py <valkey|redis> <port,...> <resp> <seconds that are a hang> <tag>...

Says "ready" when every kind of use had its first success, reads events as JSON lines from stdin (the driver's clients_cluster.py
sends them), and says at "stop", in one JSON line, what became of the calls of each kind.
"""
import json
import os
import queue
import sys
import threading
import time

from ledger import Ledger
from libraries import Python
from pubsub import PubSub
from story import Blocking, Pipelined, Plain, Scripted, Transactional


def main():
    package, ports, resp, hang_s, tags = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]
    adapter, ledger = Python(package, list(map(int, ports)), resp), Ledger()
    told = {}
    kinds = []
    for kind in (Plain, Pipelined, Transactional, Scripted, Blocking, PubSub):
        if kind is Transactional and adapter.transaction is None:
            told["transactional"] = {"not offered": "transaction is deprecated in cluster mode"}
            continue
        kinds.append(kind(adapter, ledger, tags, hang_s))
    for kind in kinds:
        kind.start()

    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in sys.stdin], daemon=True).start()
    ready = False
    while True:
        try:
            event = json.loads(lines.get(timeout=0.2))
        except queue.Empty:
            event = {}
        if event.get("event") == "stop":
            break
        if event:
            ledger.event(event)
            print("noted", flush=True)
        for kind in kinds:
            kind.look_for_hangs()
        if not ready and all(kind.ok > 1 for kind in kinds):
            ready = True
            print("ready", flush=True)

    for kind in kinds:
        kind.stopping.set()
    deadline = time.monotonic() + hang_s
    for kind in kinds:
        kind.join(max(0.1, deadline - time.monotonic()))
        kind.look_for_hangs()
        kind.finish()
        told[kind.label] = kind.told()
    print(json.dumps(told), flush=True)
    os._exit(0)  # a thread that hangs shall not hold up the end


main()
