#!/usr/bin/python3
"""CLUSTER SLOT-STATS with cluster-slot-stats-enabled: bytes and CPU time of a slot's commands, as 9.1 tells of them; on
earlier releases the number of keys only."""
from harness import NATIVE, VERSION, Cluster, Skipped, check, equal, main
from resp import slot_of

KEY = "key"


def stats(server, slot):
    ((_, flat),) = server.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", slot, slot)
    return dict(zip(flat[::2], flat[1::2]))


def test_what_a_slot_used():
    if NATIVE:
        raise Skipped("the server's own")
    with Cluster(1, config={"cluster-slot-stats-enabled": "yes"}).start() as cluster:
        server = cluster[0]
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        cluster.wait_ok()
        slot = slot_of(KEY)
        c = server.connect()
        c.call("SET", KEY, "value")  # 33 bytes, +OK
        c.call("GET", KEY)  # 22 bytes, $5 value
        c.call("PING")
        found = stats(server, slot)
        if VERSION != "9.1":
            return equal(found, {"key-count": 1}, "keys only")
        check(found.pop("cpu-usec") > 0, "CPU time")
        equal(found, {"key-count": 1, "network-bytes-in": 55, "network-bytes-out": 16}, "of SET and GET")
        server.call("CONFIG", "RESETSTAT")
        equal(stats(server, slot), {"key-count": 1, "cpu-usec": 0, "network-bytes-in": 0, "network-bytes-out": 0}, "reset")
        for words in (("MULTI",), ("SET", KEY, "value"), ("EXEC",)):
            c.call(*words)
        equal(stats(server, slot)["network-bytes-in"], 62, "of a transaction")
        server.call("CONFIG", "SET", "cluster-slot-stats-enabled", "no")
        equal(stats(server, slot), {"key-count": 1}, "no longer counted")


if __name__ == "__main__":
    main(test_what_a_slot_used)
