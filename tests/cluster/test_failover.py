#!/usr/bin/python3
"""kill -9 of a primary under running writers: its replica takes over, nothing that a replica had is lost, and the dead
one returns as a replica."""
import time

from harness import Cluster, Writer, check, equal, load_keys, main, missing_keys, say, wait_until


def new_primary(cluster, slots, old):
    """The server that serves these slots now, once everybody who runs says so."""

    def agreed():
        owners = set()
        for server in cluster.running():
            owners |= {n.port for n in server.nodes().values() if n.ranges and not n.failed and slots[0] in n.slots()}
        return len(owners) == 1 and owners != {old.port} and owners

    return cluster.by_port(wait_until(agreed, f"a new primary for {old}'s slots", 60).pop())


def kill_and_take_over(cluster, expected):
    """One round over the first shard; returns the writers' confirmed keys."""
    victim, replicas, slots = cluster.shards()[0]
    others = [slot for _, _, other in cluster.shards()[1:] for slot in other]
    hurt = Writer(cluster.addresses, slots[::37], name=f"hurt{victim.port}-{len(expected)}")
    calm = Writer(cluster.addresses, others[::97], name=f"calm{victim.port}-{len(expected)}", pace_s=0.002)
    hurt.start()
    calm.start()
    wait_until(lambda: len(hurt.confirmed) >= 400 and len(calm.confirmed) >= 50, "confirmed writes before the kill")

    say(f"kill -9 {victim}")
    killed_at = time.monotonic()
    victim.kill()
    outage = wait_until(lambda: hurt.outage_since(killed_at), "a write after the kill", 60)
    successor = new_primary(cluster, slots, victim)
    check(successor in replicas, f"{successor} took over, the replicas were {replicas}")
    wait_until(lambda: successor.role() == "master", "the successor is a primary")
    before = hurt.writes
    wait_until(lambda: hurt.writes > before + 200, "writes go on")
    say(f"{successor} took over: {outage}")

    for server in cluster.running():
        nodes = server.nodes()
        dead = next(n for n in nodes.values() if n.port == victim.port)
        wait_until(
            lambda s=server: "fail" in next(n for n in s.nodes().values() if n.port == victim.port).flags,
            f"{server} calls {victim} failed, not {dead}",
        )
        equal(server.cluster_info()["cluster_state"], "ok", f"cluster_state at {server}")
        # As a monitor asks; a sanitizer then sees the main thread read what the node's thread tells.
        equal(server.fields("INFO", "everything")["loading"], "0", f"{server} is loading")

    epochs = {n.epoch for n in nodes.values() if n.is_primary and n.port != successor.port}
    for server in cluster.running():
        wait_until(
            lambda s=server: next(n for n in s.nodes().values() if n.port == successor.port).epoch > max(epochs),
            f"{server} shows a config epoch of {successor} above {epochs}",
        )

    victim.start()
    wait_until(lambda: victim.role() == "slave", f"{victim} returns as a replica", 60)
    wait_until(lambda: victim.replication()["master_link_status"] == "up", f"{victim}'s link is up", 60)
    equal(int(victim.replication()["master_port"]), successor.port, f"whom {victim} follows")
    hurt.finish()
    calm.finish()
    for outage in calm.outages:  # cluster-require-full-coverage lets the others pause while a shard has no primary
        other = [r for r in outage.reasons if not r.startswith("CLUSTERDOWN")]
        equal(other, [], "what hurt the shards that lost nobody")
    cluster.wait_ok()
    return {**hurt.confirmed, **calm.confirmed}


def test_failover_under_writers_and_back():
    """Twice: the second time the server that returned as a replica takes over."""
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 2000)
        cluster.wait_replicated()
        for _ in range(2):
            expected |= kill_and_take_over(cluster, expected)
            equal(missing_keys(cluster.addresses, expected), [], "acknowledged and replicated keys that are lost")
        cluster.wait_replicated()
        for primary, replicas, _ in cluster.shards():
            for replica in replicas:
                equal(replica.call("DBSIZE"), primary.call("DBSIZE"), f"keys on {replica} and on {primary}")


def test_a_dead_replica_hurts_nobody():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        victim_of, (replica,), slots = cluster.shards()[0]
        writer = Writer(cluster.addresses, slots[::37])
        writer.start()
        wait_until(lambda: writer.writes > 300, "writes")
        replica.kill()
        wait_until(
            lambda: all(
                "fail" in next(n for n in s.nodes().values() if n.port == replica.port).flags for s in cluster.running()
            ),
            "everybody knows of the dead replica", 90,
        )  # fmt: skip
        equal(victim_of.role(), "master", "the primary")
        replica.start()
        wait_until(lambda: replica.replication().get("master_link_status") == "up", "the replica is back", 60)
        cluster.wait_ok()
        writer.finish()
        equal(writer.outages, [], "outages from the loss of a replica")
        equal(missing_keys(cluster.addresses, writer.acknowledged), [], "lost keys")


if __name__ == "__main__":
    main(test_failover_under_writers_and_back, test_a_dead_replica_hurts_nobody)
