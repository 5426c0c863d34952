#!/usr/bin/python3
"""What is published reaches subscribers on every node, once; shard channels stay in their shard, and who subscribed to
one of a slot that leaves is disconnected."""
from clusters import Cluster
from harness import check, equal, main, wait_until
from resp import RespError, slot_of


def subscriber(server, command, *channels):
    client = server.connect(timeout_s=30)
    for _ in [client.send((command, *channels))] * len(channels):
        reply = client.read()
        check(not isinstance(reply, RespError), f"{command}: {reply}")
    return client


def heard(client):
    """Messages until the one that says the end."""
    messages = []
    while not messages or messages[-1] != "end":
        messages.append(client.read()[2])
    return messages[:-1]


def shards_of(cluster):
    return [(primary, replicas[0]) for primary, replicas, _ in cluster.shards()]


def test_published_everywhere_once():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        clients = {server: subscriber(server, "SUBSCRIBE", "news") for server in cluster}
        (primary, replica), *_ = shards_of(cluster)
        other = primary.connect()
        other.call("MULTI")
        other.call("PUBLISH", "news", "transaction")
        primary.call("PUBLISH", "news", "from a primary")
        other.call("EXEC")
        primary.call("EVAL", "return redis.call('PUBLISH', 'news', 'script')", 0)
        primary.call("PUBLISH", "news", "end")
        wanted = ["from a primary", "transaction", "script"]
        for server, client in clients.items():
            equal(heard(client), wanted, f"on {server}")
        replica.call("PUBLISH", "news", "from a replica")
        replica.call("PUBLISH", "news", "end")
        for server, client in clients.items():
            equal(heard(client), ["from a replica"], f"of a replica, on {server}")


def test_refused_is_not_sent_on():
    with Cluster(2).start() as cluster:
        cluster.create_small([cluster[0], cluster[1]], [])
        first, second = cluster
        client = subscriber(second, "SUBSCRIBE", "open", "closed")
        first.call("ACL", "SETUSER", "bob", "on", "nopass", "+@all", "~*", "resetchannels", "&open")
        bob = first.connect()
        bob.call("AUTH", "bob", "x")
        for words in (("PUBLISH", "closed", "no"), ("EVAL", "return redis.call('PUBLISH', 'closed', 'no')", 0)):
            reply = bob.ask(*words)
            check(isinstance(reply, RespError), f"{words}: {reply}")
        check(isinstance(bob.ask("PUBLISH", "open"), RespError), "arity")
        bob.call("PUBLISH", "open", "yes")
        equal(client.read()[2], "yes", "the first message that came through")


def test_shard_channels():
    with Cluster(4).start() as cluster:
        first, second = cluster[0], cluster[1]
        cluster.create_small([first, second], [(cluster[2], first), (cluster[3], second)])
        channel = next(f"c{n}" for n in range(1000) if slot_of(f"c{n}") < 8192)
        slot = slot_of(channel)
        reply = second.ask("SPUBLISH", channel, "x")
        check(str(reply).startswith(f"MOVED {slot} "), f"elsewhere: {reply}")
        clients = {server: subscriber(server, "SSUBSCRIBE", channel) for server in (first, cluster[2])}
        equal(first.call("PUBSUB", "SHARDCHANNELS"), [channel], "SHARDCHANNELS")
        first.call("SPUBLISH", channel, "one")
        first.call("SPUBLISH", channel, "end")
        for server, client in clients.items():
            equal(heard(client), ["one"], f"on {server}")
        cluster[2].call("SPUBLISH", channel, "two")
        cluster[2].call("SPUBLISH", channel, "end")
        for server, client in clients.items():
            equal(heard(client), ["two"], f"of the replica, on {server}")
        bystander = subscriber(first, "SUBSCRIBE", "news")
        equal(second.call("CLUSTER", "SETSLOT", slot, "NODE", second.id()), "OK", "the slot moves")
        for server, client in clients.items():

            def closed(client=client):
                try:
                    client.read()
                except OSError:
                    return True
                return False

            wait_until(closed, f"the subscriber on {server} is disconnected", 30)
        second.call("PUBLISH", "news", "still here")
        equal(bystander.read()[2], "still here", "who subscribed to nothing of that slot stays")
        reply = first.ask("SPUBLISH", channel, "x")
        check(str(reply).startswith(f"MOVED {slot} "), f"after it left: {reply}")


def test_shard_channels_of_a_cluster_that_is_down():
    with Cluster(2).start() as cluster:
        cluster.create_small([cluster[0], cluster[1]], [])
        channel = next(f"c{n}" for n in range(1000) if slot_of(f"c{n}") < 8192)
        equal(cluster[1].call("CLUSTER", "DELSLOTS", 16000), "OK", "a slot is nobody's")
        wait_until(lambda: cluster[0].cluster_info()["cluster_state"] == "fail", "the cluster is down", 30)
        equal(cluster[0].call("SPUBLISH", channel, "x"), 0, "allowed")
        subscriber(cluster[0], "SSUBSCRIBE", channel).close()
        cluster[0].call("CONFIG", "SET", "cluster-allow-pubsubshard-when-down", "no")

        def refused():
            return str(cluster[0].ask("SPUBLISH", channel, "x")).startswith("CLUSTERDOWN")

        wait_until(refused, "SPUBLISH is refused by the setting", 10)


if __name__ == "__main__":
    main(
        test_published_everywhere_once,
        test_refused_is_not_sent_on,
        test_shard_channels,
        test_shard_channels_of_a_cluster_that_is_down,
    )
