#!/usr/bin/python3
"""A primary that sleeps through its own failover: what it finds in its buffers when it wakes is never acknowledged, its
blocked and paused clients are cut off, and it follows its successor."""
import time

from harness import NATIVE, Cluster, RespError, Skipped, Writer, check, equal, load_keys, main, missing_keys, say, wait_until
from resp import tag_of
from test_failover import new_primary

PIPELINED = 5000


def replies_until_closed(connection, count):
    replies = []
    try:
        for _ in range(count):
            replies.append(connection.read())
    except (OSError, ValueError) as end:
        replies.append(end)
    return replies


def sleep_through_a_failover(cluster, number):
    primary, (replica,), slots = cluster.shards()[number]
    writer = Writer(cluster.addresses, slots[::37], name=f"f{number}")
    writer.start()
    wait_until(lambda: len(writer.confirmed) > 100, "confirmed writes")
    blocked = primary.connect(timeout_s=30)
    queue = f"queue:{{{tag_of(slots[5])}}}"
    blocked.send(("BLPOP", queue, 0))
    late = [primary.connect(timeout_s=30) for _ in range(3)]
    for connection in late:
        equal(connection.ask("PING"), "PONG", "PING")
    paused = primary.connect(timeout_s=30)
    paused_key = f"paused:{{{tag_of(slots[9])}}}"
    wait_until(lambda: primary.fields("INFO", "clients")["blocked_clients"] != "0", "a blocked client")
    primary.call("CLIENT", "PAUSE", 600_000, "WRITE")
    paused.send(("SET", paused_key, "late"))
    time.sleep(0.05)

    primary.stop()
    keys = []
    for index, connection in enumerate(late):
        commands = []
        for n in range(PIPELINED):
            key = f"late{number}-{index}:{{{tag_of(slots[n % len(slots)])}}}:{n}"
            keys.append(key)
            commands.append(("SET", key, "late"))
        connection.send(*commands)
    check(new_primary(cluster, slots, primary) is replica, "the replica took over")
    count = writer.writes
    wait_until(lambda: writer.writes > count + 50, "writes at the successor", 60)
    primary.cont()

    for connection in late:
        replies = replies_until_closed(connection, PIPELINED)
        acknowledged = [r for r in replies if r == "OK"]
        equal(len(acknowledged), 0, f"late writes that {primary} acknowledged after waking, of {len(replies)} replies")
        connection.close()
    (reply,) = replies_until_closed(paused, 1)
    check(isinstance(reply, (RespError, OSError)), f"a write paused over the failover: {reply!r}")
    (reply,) = replies_until_closed(blocked, 1)
    check(isinstance(reply, (RespError, OSError)), f"a client blocked over the failover: {reply!r}")
    wait_until(lambda: primary.replication().get("master_link_status") == "up", f"{primary} follows", 60)
    cluster.wait_ok()
    writer.finish()
    found = [k for k, v in zip(keys, read_many(replica, keys)) if v is not None]
    equal(found, [], "late writes that reached the successor")
    equal(missing_keys(cluster.addresses, writer.confirmed), [], "confirmed keys that are lost")
    say(f"{primary} slept through its failover to {replica}: 0 late writes acknowledged")


def read_many(server, keys):
    connection = server.connect(timeout_s=30)
    replies = []
    for at in range(0, len(keys), 1000):
        replies += connection.pipeline(("GET", k) for k in keys[at : at + 1000])
    connection.close()
    for reply in replies:
        check(not isinstance(reply, RespError), f"GET at {server}: {reply}")
    return replies


def test_a_primary_that_sleeps_through_its_failover():
    if NATIVE:
        raise Skipped("native acknowledges them")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        load_keys(cluster.addresses, 300)
        cluster.wait_replicated()
        for number in range(3):
            sleep_through_a_failover(cluster, number)


def test_a_short_sleep_costs_nothing():
    """Stopped for less than the lease: the same primary serves on, nothing is lost."""
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, _, slots = cluster.shards()[0]
        writer = Writer(cluster.addresses, slots[::37])
        writer.start()
        wait_until(lambda: writer.writes > 100, "writes")
        for _ in range(5):
            primary.stop()
            time.sleep(0.1)
            primary.cont()
            count = writer.writes
            wait_until(lambda: writer.writes > count + 50, "writes after a short sleep")
        writer.finish()
        cluster.wait_ok()
        equal(missing_keys(cluster.addresses, writer.confirmed), [], "lost keys")


if __name__ == "__main__":
    main(test_a_primary_that_sleeps_through_its_failover, test_a_short_sleep_costs_nothing)
