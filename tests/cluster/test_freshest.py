#!/usr/bin/python3
"""Two replicas, one stopped in mid-load, then both run while the primary dies: the fresher one wins, 20 of 20."""
import os
import time

from harness import Cluster, Writer, equal, main, missing_keys, say, wait_until
from resp import tag_of
from test_failover import new_primary

ROUNDS = int(os.environ.get("VSWIM_ROUNDS", "20"))
# What the stopped replica misses must not fit the socket buffers between it and its primary, or it would find the
# bytes there when it wakes and be as fresh as the other.
LOAD_VALUES, LOAD_BYTES = 160, 100_000


def settled(cluster, slots):
    """The shard of these slots, once it has a primary and two replicas with their links up."""

    def whole():
        primary, replicas, _ = next(s for s in cluster.shards() if s[2][0] == slots[0])
        up = [r for r in replicas if r.alive() and r.replication().get("master_link_status") == "up"]
        return len(up) == 2 and primary.role() == "master" and (primary, up)

    return wait_until(whole, "a primary and two linked replicas", 60)


def one_round(cluster, slots, number):
    primary, replicas = settled(cluster, slots)
    stale, fresh = replicas if number % 2 else reversed(replicas)
    writer = Writer(cluster.addresses, slots[::37], name=f"r{number}")
    writer.start()
    wait_until(lambda: writer.writes > 50, "writes before the stop")
    stale.stop()
    connection = primary.connect(timeout_s=30)
    value = "x" * LOAD_BYTES
    for index in range(LOAD_VALUES):
        equal(connection.call("SET", f"load:{{{tag_of(slots[index])}}}", value), "OK", "load")
    wait_until(lambda: connection.call("WAIT", 1, 1000) >= 1, "the running replica has the load")
    connection.close()
    # Offsets after the load: the writer's keys confirmed from here on can only be on the fresh one.
    count = len(writer.confirmed)
    wait_until(lambda: len(writer.confirmed) > count + 40, "confirmed writes that only the fresh replica has")

    killed_at = time.monotonic()
    primary.kill()
    stale.cont()
    successor = new_primary(cluster, slots, primary)
    outage = wait_until(lambda: writer.outage_since(killed_at), "writes go on", 60)
    primary.start(wait=False)
    writer.finish()
    equal(missing_keys(cluster.addresses, writer.confirmed), [], f"round {number}: confirmed keys that are lost")
    equal(successor, fresh, f"round {number}: who took over from {primary}")
    return outage.seconds


def test_the_fresher_replica_wins():
    with Cluster(9).start() as cluster:
        cluster.create(replicas=2, limit_s=120)
        shards = [slots for _, _, slots in cluster.shards()]
        for number in range(ROUNDS):
            took = one_round(cluster, shards[number % 3], number)
            say(f"round {number}: the fresher one, outage {took:.2f} s")
        cluster.wait_ok()


if __name__ == "__main__":
    main(test_the_fresher_replica_wins)
