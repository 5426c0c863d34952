#!/usr/bin/python3
"""A replica that leaves its shard and comes back at once, its commands sent in one go: it is emptied in between, so it
has to be synced anew, and no command's client is cut off by what the one before led to."""
import contextlib

from harness import NATIVE, Cluster, Skipped, check, equal, load_keys, main, say, wait_until

ROUNDS = 5


def in_one_go(server, *commands):
    client = server.connect(timeout_s=30)
    for words, answer in zip(commands, client.pipeline(commands)):
        equal(answer, "OK", f"{words} at {server}")
    client.close()


def comes_back(cluster, replica, primary, *commands):
    """`replica` leaves and returns; then it has what `primary` has."""
    keys = primary.call("DBSIZE")
    check(keys > 0, f"{primary} has keys")
    in_one_go(replica, *commands)
    wait_until(lambda: replica.replication().get("master_link_status") == "up", f"{replica} is linked", 30)
    wait_until(lambda: replica.call("DBSIZE") == keys, f"{replica} has {keys} keys again", 30)
    cluster.wait_ok()


@contextlib.contextmanager
def two_pairs():
    """A cluster with keys, a primary of it and its replica."""
    with Cluster(4).start() as cluster:
        primary, replica = cluster[0], cluster[2]
        cluster.create_small(cluster[:2], [(replica, primary), (cluster[3], cluster[1])])
        load_keys(cluster.addresses, 500)
        cluster.wait_replicated()
        yield cluster, primary, replica


def test_a_replica_that_leaves_and_comes_back_is_synced_anew():
    if NATIVE:
        raise Skipped("REPLICATE NO ONE of 9.x and orders of ours")
    with two_pairs() as (cluster, primary, replica):
        for number in range(ROUNDS):
            comes_back(
                cluster, replica, primary, ["CLUSTER", "REPLICATE", "NO", "ONE"], ["CLUSTER", "REPLICATE", primary.id()]
            )
            say(f"round {number}")


def test_meet_right_after_reset_is_answered():
    if NATIVE:
        raise Skipped("natively MEET does not wait")
    with two_pairs() as (cluster, primary, replica):
        for number in range(ROUNDS):
            say(f"round {number}")
            in_one_go(replica, ["CLUSTER", "RESET"], ["CLUSTER", "MEET", primary.host, primary.port])
            wait_until(lambda: primary.id() in replica.nodes(), f"{replica} knows {primary}", 30)
            comes_back(cluster, replica, primary, ["CLUSTER", "REPLICATE", primary.id()])


if __name__ == "__main__":
    main(test_a_replica_that_leaves_and_comes_back_is_synced_anew, test_meet_right_after_reset_is_answered)
