#!/usr/bin/python3
"""A primary that lost its state file comes back as a stranger, empty, at the address that its replica still follows. The
replica keeps its data and takes over."""
from clusters import Cluster
from harness import NATIVE, Skipped, check, equal, main, missing_keys, say, wait_until
from writer import load_keys

LIMIT_S = 90


def test_a_replica_gets_nothing_from_a_stranger():
    if NATIVE:
        raise Skipped("natively the replica syncs from whoever is there")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        keys = load_keys(cluster.addresses, 600)
        cluster.wait_replicated()
        primary, (replica,), _ = cluster.shards()[0]  # one: every lost file is a voter less, elsewhere as a witness, too
        held = replica.call("DBSIZE")
        check(held > 0, f"{replica} holds keys")
        old = primary.id()
        primary.kill()
        (primary.folder / "nodes.conf.swim").unlink()
        primary.start()
        check(primary.id() != old, f"{primary} is another node now")
        wait_until(lambda: replica.role() == "master" and replica.cluster_info()["cluster_state"] == "ok", f"{replica} takes over", LIMIT_S)
        equal(replica.call("DBSIZE"), held, f"keys of {replica}")
        equal(missing_keys(cluster.addresses, keys, 60), [], "keys that are lost")
        say(f"{len(keys)} keys are there")


if __name__ == "__main__":
    main(test_a_replica_gets_nothing_from_a_stranger)
