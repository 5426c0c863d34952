#!/usr/bin/python3
"""Small clusters are first-class: two primaries with two replicas, and one primary, one replica and an empty node as
arbiter, fail over by themselves. A cluster of two says that it cannot."""
import time

from harness import NATIVE, Cluster, Skipped, Writer, check, equal, load_keys, main, missing_keys, say, wait_until
from test_failover import new_primary


def fail_over(cluster, slots, round_name):
    primary, replicas, _ = next(s for s in cluster.shards() if s[2][0] == slots[0])
    writer = Writer(cluster.addresses, slots[::37], name=round_name)
    writer.start()
    wait_until(lambda: len(writer.confirmed) >= 200, "confirmed writes before the kill")
    killed_at = time.monotonic()
    primary.kill()
    successor = new_primary(cluster, slots, primary)
    check(successor in replicas, f"{successor} took over from {primary}")
    outage = wait_until(lambda: writer.outage_since(killed_at), "writes go on", 60)
    count = writer.writes
    wait_until(lambda: writer.writes > count + 100, "more writes")
    say(f"{round_name}: {primary} -> {successor}, {outage}")
    primary.start()
    wait_until(lambda: primary.replication().get("master_link_status") == "up", f"{primary} is a replica", 60)
    writer.finish()
    cluster.wait_ok()
    equal(missing_keys(cluster.addresses, writer.confirmed), [], "confirmed keys that are lost")


def test_two_primaries_and_two_replicas():
    if NATIVE:
        raise Skipped("a native cluster of two primaries never fails over")
    with Cluster(4).start() as cluster:
        cluster.create_small(cluster[:2], [(cluster[2], cluster[0]), (cluster[3], cluster[1])])
        expected = load_keys(cluster.addresses, 500)
        cluster.wait_replicated()
        shards = [slots for _, _, slots in cluster.shards()]
        for number, slots in enumerate((shards[0], shards[1], shards[0])):
            fail_over(cluster, slots, f"two-{number}")
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")


def test_one_primary_one_replica_one_arbiter():
    if NATIVE:
        raise Skipped("a native cluster of one primary never fails over")
    with Cluster(3).start() as cluster:
        cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])
        expected = load_keys(cluster.addresses, 500)
        cluster.wait_replicated()
        ((_, _, slots),) = cluster.shards()
        for number in range(2):
            fail_over(cluster, slots, f"one-{number}")
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")


def test_two_nodes_alone_say_that_they_cannot():
    """One primary and one replica, nobody to witness: it serves, it does not fail over, and it says so."""
    if NATIVE:
        raise Skipped("native says nothing")
    with Cluster(2).start() as cluster:
        cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])
        expected = load_keys(cluster.addresses, 200)
        cluster.wait_replicated()
        text = "\n".join(f"{k}:{v}" for k, v in cluster[0].cluster_info().items())
        check(
            "witness" in text.lower() or "failover" in text.lower(),
            f"CLUSTER INFO says nothing of a missing witness:\n{text}",
        )
        check("witness" in cluster[0].log().lower() or "arbiter" in cluster[0].log().lower(), "the log says nothing")
        cluster[0].kill()
        cluster[0].start()
        wait_until(lambda: missing_keys(cluster.addresses, dict(list(expected.items())[:1]), 30) is not None, "serving")
        cluster.wait_ok()


if __name__ == "__main__":
    main(
        test_two_primaries_and_two_replicas,
        test_one_primary_one_replica_one_arbiter,
        test_two_nodes_alone_say_that_they_cannot,
    )
