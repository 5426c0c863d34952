#!/usr/bin/python3
"""valkey-cli forms a cluster of three primaries and three replicas, and finds nothing to complain about."""
from harness import NATIVE, Cluster, check, cli, equal, load_keys, main, missing_keys, say, wait_until


def test_create_with_replicas():
    with Cluster(6).start() as cluster:
        said = cluster.create(replicas=1)
        check("[OK] All 16384 slots covered." in said, f"create did not cover the slots:\n{said}")
        shards = cluster.shards()
        equal([len(slots) for _, _, slots in shards], [5461, 5462, 5461], "slots of the three primaries")
        equal([len(replicas) for _, replicas, _ in shards], [1, 1, 1], "replicas of the three primaries")

        first = cluster[0]
        checked = first.cli("--cluster", "check", f"127.0.0.1:{first.port}")
        equal(checked.returncode, 0, f"valkey-cli --cluster check\n{checked.stdout}")
        check("[OK] All nodes agree about slots configuration." in checked.stdout, checked.stdout)
        check("[OK] All 16384 slots covered." in checked.stdout, checked.stdout)
        check("[ERR]" not in checked.stdout and "[WARNING]" not in checked.stdout, checked.stdout)

        told = first.cli("--cluster", "info", f"127.0.0.1:{first.port}")
        equal(told.returncode, 0, f"valkey-cli --cluster info\n{told.stdout}")
        check("in 3 primaries" in told.stdout or "in 3 masters" in told.stdout, told.stdout)
        replication_carries_data(cluster)
        views_are_whole(cluster)


def views_are_whole(cluster):
    native = {
        "cluster_state", "cluster_slots_assigned", "cluster_slots_ok", "cluster_slots_pfail", "cluster_slots_fail",
        "cluster_known_nodes", "cluster_size", "cluster_current_epoch", "cluster_my_epoch",
        "cluster_stats_messages_sent", "cluster_stats_messages_received", "total_cluster_links_buffer_limit_exceeded",
    }  # fmt: skip
    epochs = set()
    for server in cluster:
        info = server.cluster_info()
        check(native <= info.keys(), f"CLUSTER INFO of {server} lacks {native - info.keys()}")
        equal((info["cluster_known_nodes"], info["cluster_size"]), ("6", "3"), f"nodes and size at {server}")
        check(int(info["cluster_current_epoch"]) >= int(info["cluster_my_epoch"]), f"epochs at {server}: {info}")
        equal(server.fields("INFO", "cluster")["cluster_enabled"], "1", "INFO cluster_enabled")
        server_section = server.fields("INFO", "server")
        mode = server_section.get("server_mode") or server_section.get("redis_mode")
        equal(mode, "cluster", "the mode in INFO server")
        equal(server.call("CONFIG", "GET", "cluster-enabled"), ["cluster-enabled", "yes"], "CONFIG GET cluster-enabled")
        epochs |= {(n.epoch) for n in server.nodes().values() if n.is_primary}
    equal(len(epochs), 3, f"a unique epoch per primary: {epochs}")

    ids = {s.id(): s for s in cluster}
    equal(len(ids), 6, "distinct node ids")
    wait_until(lambda: all(len(r) == 4 for r in cluster[3].call("CLUSTER", "SLOTS")), "replicas in CLUSTER SLOTS")
    covered = 0
    for first, last, *nodes in cluster[3].call("CLUSTER", "SLOTS"):
        covered += last - first + 1
        equal(len(nodes), 2, f"nodes of {first}-{last} in CLUSTER SLOTS")
        for host, port, node, *_ in nodes:
            equal((host, ids[node].port), ("127.0.0.1", port), "an address in CLUSTER SLOTS")
    equal(covered, 16384, "slots in CLUSTER SLOTS")
    shards = cluster[4].call("CLUSTER", "SHARDS")
    equal(len(shards), 3, "entries of CLUSTER SHARDS")
    for shard in shards:
        fields = dict(zip(shard[::2], shard[1::2]))
        members = [dict(zip(n[::2], n[1::2])) for n in fields["nodes"]]
        equal(sorted(m["role"] for m in members), ["master", "replica"], "roles in CLUSTER SHARDS")
        equal([m["health"] for m in members], ["online", "online"], "health in CLUSTER SHARDS")
    if not NATIVE:
        own = {s.call("CLUSTER", "MYSHARDID") for s in cluster}
        equal(len(own), 3, "shard ids: each replica took its primary's")


def replication_carries_data(cluster):
    expected = load_keys(cluster.addresses, 3000)
    cluster.wait_replicated()
    equal(missing_keys(cluster.addresses, expected), [], "keys that do not read back")
    sizes = {p: p.call("DBSIZE") for p, _, _ in cluster.shards()}
    equal(sum(sizes.values()), 3000, f"keys on primaries {sizes}")
    for primary, replicas, _ in cluster.shards():
        for replica in replicas:
            equal(replica.call("DBSIZE"), sizes[primary], f"keys on {replica}")
    counted = sum(cluster.shards()[0][0].call("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in range(0, 5461))
    equal(counted, cluster.shards()[0][0].call("DBSIZE"), "the slot counters' sum on the first primary")


def test_a_second_create_is_refused():
    """A second create over a formed cluster changes nothing."""
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        before = cluster.view()
        again = cli(
            cluster[0].program("valkey-cli"), "--cluster", "create", *[f"127.0.0.1:{s.port}" for s in cluster],
            "--cluster-yes",
        )  # fmt: skip
        check(again.returncode != 0 and "is not empty" in again.stdout, f"a second create:\n{again.stdout}")
        equal({i: n.ranges for i, n in cluster.view().items()}, {i: n.ranges for i, n in before.items()}, "slots")


def test_a_node_joins_and_leaves_by_valkey_cli():
    with Cluster(5).start() as cluster:
        cluster.create(replicas=0, servers=cluster.servers[:3])
        existing = f"127.0.0.1:{cluster[0].port}"
        added = cluster[0].cli("--cluster", "add-node", f"127.0.0.1:{cluster[3].port}", existing)
        equal(added.returncode, 0, f"add-node\n{added.stdout}")
        wait_until(lambda: all(len(s.nodes()) == 4 for s in cluster.servers[:4]), "four nodes everywhere")
        added = cluster[0].cli("--cluster", "add-node", f"127.0.0.1:{cluster[4].port}", existing, "--cluster-replica")
        equal(added.returncode, 0, f"add-node --cluster-replica\n{added.stdout}")
        cluster.wait_ok()
        equal(cluster[4].role(), "slave", "role of the added replica")

        for server in (cluster[4], cluster[3]):
            left = cluster[0].cli("--cluster", "del-node", existing, server.id())
            equal(left.returncode, 0, f"del-node {server}\n{left.stdout}")
            say(f"{server} is gone")
        wait_until(lambda: all(len(s.nodes()) == 3 for s in cluster.servers[:3]), "three nodes everywhere")
        cluster.wait_ok(cluster.servers[:3])


if __name__ == "__main__":
    main(
        test_create_with_replicas,
        test_a_second_create_is_refused,
        test_a_node_joins_and_leaves_by_valkey_cli,
    )
