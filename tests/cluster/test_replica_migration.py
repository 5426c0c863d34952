#!/usr/bin/python3
"""Replica migration: a primary that lost its only replica is given one by the shard that has most, and survives its own loss then;
never below the barrier, never where it is forbidden. A shard whose last slot went to another follows it there."""
from harness import NATIVE, Cluster, Skipped, check, equal, load_keys, main, missing_keys, say, wait_until
from resp import SLOTS

LIMIT_S = 90


def replicas_of(cluster, primary):
    """Servers that run and replicate it, as it sees them."""
    found = {cluster.by_port(n.port) for n in primary.nodes().values() if n.primary == primary.id()}
    return {server for server in found if server.alive()}


def uneven(zones=None, config=None):
    """Primaries 0, 1, 2; server 3 replicates 0; 4, 5, 6 replicate 1; 7 replicates 2."""
    config = {"cluster-migration-barrier": "1"} | (config or {})
    cluster = Cluster(8, config=config)
    for server, zone in zip(cluster, zones or ()):
        server.config = dict(config) | {"availability-zone": zone}
    cluster.start()
    pairs = [(cluster[3], cluster[0]), *[(cluster[i], cluster[1]) for i in (4, 5, 6)], (cluster[7], cluster[2])]
    cluster.create_small(cluster[:3], pairs)
    return cluster


def moved_to(cluster, primary):
    return wait_until(lambda: replicas_of(cluster, primary), f"{primary} is given a replica", LIMIT_S)


def logged(cluster):
    return [s for s in cluster if "Migrating to orphaned primary" in s.log()]


def sees_failed(cluster, dead):
    wait_until(
        lambda: all(next(n for n in s.nodes().values() if n.port == dead.port).failed for s in cluster.running()),
        f"everybody calls {dead} failed", LIMIT_S,
    )  # fmt: skip


def test_an_orphan_is_given_a_replica_and_survives():
    with uneven() as cluster:
        orphan, rich = cluster[0], cluster[1]
        keys = load_keys(cluster.addresses, 1000)
        cluster.wait_replicated()
        donors = sorted(replicas_of(cluster, rich), key=lambda s: s.id())
        say(f"kill -9 {cluster[3]}, the only replica of {orphan}")
        cluster[3].kill()
        (mover,) = moved_to(cluster, orphan)
        if not NATIVE:
            check(mover is donors[0], f"{mover} went, the lowest id of {rich}'s replicas is {donors[0]}'s")
            equal(logged(cluster), [mover], "who went")
        wait_until(lambda: len(replicas_of(cluster, rich)) == 2, "the others stayed", LIMIT_S)
        cluster.wait_ok(limit_s=LIMIT_S)
        cluster.wait_replicated()
        if not NATIVE:  # the dead one's vote is the newcomer's: now either may die
            wait_until(lambda: "yes" in orphan.cluster_info()["swim_automatic_failover"], "a third voter that lives", LIMIT_S)
            votes = lambda: [orphan.cluster_info()[f"swim_shard_{what}"] for what in ("data_voters", "witnesses")]  # noqa: E731
            wait_until(lambda: votes()[0] == "2" and votes()[1], "two data voters and a witness", LIMIT_S)
        say(f"kill -9 {orphan}")
        orphan.kill()
        wait_until(lambda: mover.role() == "master", f"{mover} takes over", LIMIT_S)
        wait_until(lambda: mover.cluster_info()["cluster_state"] == "ok", "the cluster is whole", LIMIT_S)
        equal(missing_keys([s.address for s in cluster.running()], keys), [], "keys that are lost")
        cluster[3].start()
        orphan.start()
        cluster.wait_ok(limit_s=LIMIT_S)
        if not NATIVE:
            check(len(logged(cluster)) <= 2, f"nobody goes back and forth: {logged(cluster)}")


def test_zones_decide_among_equals():
    if NATIVE:
        raise Skipped("natively the lowest id goes")
    # Server 0 is in zone a. Of 1's replicas two are in a; the one in b, and only that, makes the orphan span two zones.
    with uneven(zones=["a", "c", "c", "a", "a", "b", "a", "c"]) as cluster:
        cluster[3].kill()
        equal(moved_to(cluster, cluster[0]), {cluster[5]}, "who went")


def seconds_go_by(cluster, seconds):
    """At every server that runs: longer than anybody waits before it moves."""
    uptime = lambda s: int(s.fields("INFO", "server")["uptime_in_seconds"])  # noqa: E731
    ends = {s: uptime(s) + seconds for s in cluster.running()}
    wait_until(lambda: all(uptime(s) >= end for s, end in ends.items()), f"{seconds} seconds", LIMIT_S)


def set_everywhere(cluster, name, value):
    for server in cluster.running():
        server.call("CONFIG", "SET", name, value)


def test_the_barrier_and_the_setting_hold():
    with uneven(config={"cluster-migration-barrier": "3"}) as cluster:
        orphan, rich = cluster[0], cluster[1]
        cluster[3].kill()
        sees_failed(cluster, cluster[3])
        seconds_go_by(cluster, 12)
        equal(len(replicas_of(cluster, rich)), 3, "replicas of a primary that keeps three")
        set_everywhere(cluster, "cluster-allow-replica-migration", "no")
        set_everywhere(cluster, "cluster-migration-barrier", 1)
        seconds_go_by(cluster, 12)
        equal(len(replicas_of(cluster, rich)), 3, "replicas that may not migrate")
        set_everywhere(cluster, "cluster-allow-replica-migration", "yes")
        moved_to(cluster, orphan)
        wait_until(lambda: len(replicas_of(cluster, rich)) == 2, "the others stayed", LIMIT_S)


def test_a_shard_without_slots_follows_them():
    config = {"cluster-allow-replica-migration": "yes", "cluster-require-full-coverage": "no"}
    with Cluster(6, config=config).start() as cluster:
        cluster.create(replicas=1)
        keys = load_keys(cluster.addresses, 500)
        cluster.wait_replicated()
        giver, (replica,), slots = cluster.shards()[0]
        taker, _, _ = cluster.shards()[1]
        say(f"all {len(slots)} slots of {giver} go to {taker}")
        if NATIVE:
            done = giver.cli("--cluster", "rebalance", f"{giver.host}:{giver.port}", "--cluster-weight", f"{giver.id()}=0", limit_s=300)
            equal(done.returncode, 0, f"valkey-cli --cluster rebalance: {done.stdout[-300:]}")
        else:
            equal(giver.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slots[0], slots[-1], "NODE", taker.id()), "OK", "MIGRATESLOTS")
        for server in (giver, replica):
            wait_until(lambda s=server: s.role() == "slave", f"{server} follows the slots", LIMIT_S)
        cluster.wait_ok(limit_s=LIMIT_S)
        equal(len(cluster.shards()), 2, "shards with slots")
        equal({r for _, replicas, _ in cluster.shards() for r in replicas} >= {giver, replica}, True, "both are replicas now")
        equal(sum(len(s) for _, _, s in cluster.shards()), SLOTS, "slots")
        equal(missing_keys(cluster.addresses, keys), [], "keys that are lost")


if __name__ == "__main__":
    main(
        test_an_orphan_is_given_a_replica_and_survives,
        test_zones_decide_among_equals,
        test_the_barrier_and_the_setting_hold,
        test_a_shard_without_slots_follows_them,
    )
