#!/usr/bin/python3
"""Every node restarts at once, under the same ports or others: the cluster finds itself again, with the same ids, the
same slots and every key."""
import time

from harness import HOST, NATIVE, Cluster, Skipped, equal, load_keys, main, missing_keys, say, take_port, wait_until

PERSISTENT = {"appendonly": "yes", "appendfsync": "everysec"}


def restart(cluster, moved, seeds=False, meet=False):
    """kill -9 of everybody (the page cache keeps the AOF), then everybody again; `moved` get new ports."""
    ids = {s.name: s.id() for s in cluster}
    slots_before = sorted(tuple(slots) for _, _, slots in cluster.shards())
    shard_ids = {s.name: s.call("CLUSTER", "MYSHARDID") for s in cluster}
    for server in cluster:
        server.kill()
    for server in moved:
        server.port = take_port()
    if seeds:
        listed = ",".join(f"{HOST}:{s.port}" for s in cluster.servers[:3])
        for server in cluster:
            server.config["swim.seeds"] = f'"{listed}"'
    for server in cluster:
        server.start(wait=False)
    for server in cluster:
        server.wait_for_ping()
    say("all started again")
    if meet:
        for server in cluster.servers[1:]:
            equal(server.call("CLUSTER", "MEET", HOST, cluster[0].port), "OK", f"MEET from {server}")
    cluster.wait_ok(limit_s=120)
    equal({s.name: s.id() for s in cluster}, ids, "node ids after the restart")
    equal({s.name: s.call("CLUSTER", "MYSHARDID") for s in cluster}, shard_ids, "shard ids after the restart")
    equal(sorted(tuple(slots) for _, _, slots in cluster.shards()), slots_before, "slots of the shards")
    for server in cluster:
        ports = sorted(n.port for n in server.nodes().values())
        equal(ports, sorted(s.port for s in cluster), f"ports that {server} knows")


def scenario(**how):
    with Cluster(6, config=PERSISTENT).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 1000)
        cluster.wait_replicated()
        moved = how.pop("moved")
        restart(cluster, moved(cluster.servers), **how)
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")
        expected |= load_keys(cluster.addresses, 300, name="later")
        cluster.wait_replicated()
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")


def test_same_ports():
    scenario(moved=lambda servers: [])


def test_all_ports_but_one_changed():
    scenario(moved=lambda servers: servers[1:])


def test_all_ports_changed_and_seeds():
    if NATIVE:
        raise Skipped("native knows no seeds")
    scenario(moved=lambda servers: servers, seeds=True)


def test_all_ports_changed_and_one_meet_per_node():
    scenario(moved=lambda servers: servers, meet=True)


def test_a_restarted_replica_is_forced():
    """An append-only file keeps no replication offset, so a replica that loaded one does not stand by itself. When its
    primary never comes back a user's word is the way out."""
    with Cluster(6, config=PERSISTENT).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 500)
        cluster.wait_replicated()
        primary, (replica, *_), _ = cluster.shards()[0]
        time.sleep(1.5)  # everysec
        for server in (primary, replica):
            server.kill()
        replica.start()
        wait_until(lambda: "CLUSTER FAILOVER FORCE" in str(replica.ask("CLUSTER", "FAILOVER")), "the primary is down", 60)
        equal(replica.call("CLUSTER", "FAILOVER", "FORCE"), "OK", "FAILOVER FORCE")
        wait_until(lambda: replica.nodes()[replica.id()].is_primary, "it took over", 60)
        cluster.wait_ok([s for s in cluster if s is not primary])
        equal(missing_keys([s.address for s in cluster if s is not primary], expected), [], "lost keys")


def test_seeds_as_a_module_argument():
    """A fresh node with `seeds` in its loadmodule line of a formed cluster starts; a wrong seed does not hurt."""
    if NATIVE:
        raise Skipped("native knows no seeds")
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        for server in cluster:
            server.kill()
        for server in cluster.servers[1:]:
            server.port = take_port()
        nowhere = take_port()
        for server in cluster:
            server.module_arguments = ["seeds", f"{HOST}:{nowhere},{HOST}:{cluster[1].port}"]
        cluster[0].port = take_port()
        cluster.start()
        cluster.wait_ok(limit_s=120)


if __name__ == "__main__":
    main(
        test_same_ports,
        test_all_ports_but_one_changed,
        test_all_ports_changed_and_seeds,
        test_all_ports_changed_and_one_meet_per_node,
        test_a_restarted_replica_is_forced,
        test_seeds_as_a_module_argument,
    )
