#!/usr/bin/python3
"""CLUSTER FAILOVER under eight counting writers: no acknowledged write is lost, nobody sees an error, and the writes wait
for a moment only. Environment: VSWIM_FAILOVERS, how many in a row (default 10)."""
import os
import time

from counters import CountingWriter
from harness import HOST, LIMIT_FACTOR, NATIVE, Client, Cluster, RespError, Skipped, check, equal, main, say, wait_until
from resp import slot_of, tag_of
from test_failover import new_primary

FAILOVERS = int(os.environ.get("VSWIM_FAILOVERS", "10"))
WAIT_MS_MAX = 100 * LIMIT_FACTOR  # in the quiet case


def start_writers(cluster, slots, count=8):
    writers = [CountingWriter(cluster[0].port, slots[i::count], f"w{i}") for i in range(count)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(w.done > 50 for w in writers), "every writer writes")
    return writers


def check_counters(cluster, writers):
    for writer in writers:
        writer.finish()
        equal(writer.wrong, [], f"answers of {writer.name} that are not one more than the last")
    for writer in writers:
        for key in writer.keys:
            found = read(cluster, key)
            low, high = writer.acknowledged[key], writer.acknowledged[key] + writer.unknown[key]
            check(low <= found <= high, f"{key} is {found}, acknowledged were {low} and {high - low} are unknown")


def read(cluster, key):
    port = cluster.running()[0].port
    for _ in range(20):
        connection = Client(HOST, port, 5)
        reply = connection.ask("GET", key)
        connection.close()
        if not isinstance(reply, RespError):
            return int(reply)
        if str(reply).startswith("MOVED"):
            port = int(str(reply).split()[2].rsplit(":", 1)[1])
        else:
            time.sleep(0.2)
    raise AssertionError(f"nobody tells {key}: {reply}")


def fail_over(cluster, slots, *how):
    """One CLUSTER FAILOVER of the shard that serves these slots; returns (old primary, new one)."""
    primary, replicas, _ = next(shard for shard in cluster.shards() if slots[0] in shard[2])
    replica = replicas[0]
    equal(replica.call("CLUSTER", "FAILOVER", *how), "OK", f"CLUSTER FAILOVER at {replica}")
    wait_until(lambda: replica.role() == "master", f"{replica} is primary", 15, every_s=0.002)
    return primary, replica


def test_failovers_lose_nothing():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        slots = cluster.shards()[0][2]
        writers = start_writers(cluster, slots)
        waits = []
        for number in range(FAILOVERS):
            began = time.monotonic()
            old, new = fail_over(cluster, slots)
            wait_until(lambda: new_primary(cluster, slots, old) == new, "everybody knows the new primary")
            wait_until(lambda o=old: o.replication().get("master_link_status") == "up", f"{old} follows", 30)
            counts = [w.done for w in writers]
            wait_until(lambda c=counts: all(w.done > n + 20 for w, n in zip(writers, c)), "writes go on")
            waits.append(1000 * max(w.slowest_since(began) for w in writers))
            say(f"failover {number + 1}: {old} -> {new}, the longest a write took {waits[-1]:.1f} ms")
        errors = [error for writer in writers for error in writer.errors]
        total = sum(writer.done for writer in writers)
        check_counters(cluster, writers)
        waits.sort()
        say(
            f"{FAILOVERS} failovers under {total} writes: 0 lost, {len(errors)} errors, "
            f"longest wait median {waits[len(waits) // 2]:.1f} ms, worst {waits[-1]:.1f} ms"
        )
        # A machine that did not run the servers for a while took their leases: that is no quiet case.
        starved = sum("this process did not run for" in server.log() for server in cluster)
        if starved:
            say(f"{starved} servers were not run for a while: errors and waits say nothing")
        elif not NATIVE:
            equal(errors, [], "what writers saw besides MOVED")
            check(waits[len(waits) // 2] <= WAIT_MS_MAX, f"half of the failovers made a write wait for over {WAIT_MS_MAX:.0f} ms")


def ask_and_sleep(replica, seconds, *how):
    """CLUSTER FAILOVER, and in the same breath the replica's main thread sleeps: the primary holds meanwhile. Both
    answers come when it wakes."""
    connection = replica.connect(timeout_s=20)
    connection.send(("CLUSTER", "FAILOVER", *how), ("DEBUG", "SLEEP", seconds))
    return connection


def wait_for_hold(primary, key):
    """Until a write of this key waits; the connection on which it does."""

    def waits():
        connection = primary.connect(timeout_s=10)
        connection.send(("SET", key, "held"))
        if not connection.answers_within(0.05):
            return connection
        connection.close()
        return None

    return wait_until(waits, "writes are held", 5, every_s=0.001)


def send_all(primary, tag):
    """What waits in the hands of a fenced primary, one connection each: {name: connection}."""
    connections = {name: primary.connect(timeout_s=10) for name in ("pipeline", "exec", "script", "user", "gone")}
    connections["pipeline"].send(("SET", f"a{{{tag}}}", 1), ("APPEND", f"a{{{tag}}}", 2), ("GET", f"a{{{tag}}}"))
    connections["exec"].send(("MULTI",), ("INCR", f"n{{{tag}}}"), ("GET", f"n{{{tag}}}"), ("EXEC",))
    connections["script"].send(("EVAL", "return server.call('SET', KEYS[1], ARGV[1])", 1, f"s{{{tag}}}", "x"))
    connections["user"].send(("AUTH", "narrow", "secret"), ("SET", f"u{{{tag}}}", 1))
    connections["gone"].send(("SET", f"gone{{{tag}}}", 1))
    time.sleep(0.1)
    connections.pop("gone").close()
    reader = primary.connect()
    check(reader.ask("GET", f"there{{{tag}}}") == "1", "reads of a fenced primary go on")
    reader.close()
    return connections


def prepare(cluster):
    primary, replicas, slots = cluster.shards()[0]
    tag = tag_of(slots[5])
    for server in cluster:
        server.call("ACL", "SETUSER", "narrow", "on", ">secret", "~*", "+set")
    equal(primary.call("SET", f"there{{{tag}}}", 1), "OK", "SET")
    cluster.wait_replicated()
    return primary, replicas[0], tag


def test_held_commands_run_when_nothing_comes_of_it():
    if NATIVE:
        raise Skipped("natively an unanswered failover pauses for up to 10 s")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, replica, tag = prepare(cluster)
        sleeper = ask_and_sleep(replica, 6)  # longer than it would try
        first = wait_for_hold(primary, f"first{{{tag}}}")
        connections = send_all(primary, tag)
        equal(first.read(), "OK", "the first held write")
        equal([connections["pipeline"].read() for _ in range(3)], ["OK", 2, "12"], "a pipeline in its order")
        equal([connections["exec"].read() for _ in range(4)][3], [1, "1"], "EXEC")
        equal(connections["script"].read(), "OK", "a script")
        equal([connections["user"].read() for _ in range(2)], ["OK", "OK"], "a user who may do nothing but SET")
        equal(primary.call("EXISTS", f"gone{{{tag}}}"), 0, "the write of a client that went while it waited")
        equal(primary.role(), "master", "the primary's role")
        equal([sleeper.read() for _ in range(2)], ["OK", "OK"], "CLUSTER FAILOVER and DEBUG SLEEP")
        wait_until(lambda: replica.replication()["master_link_status"] == "up", "the replica's link")
        fail_over(cluster, [slot_of(tag)])
        equal(replica.call("GET", f"s{{{tag}}}"), "x", "what was held is at the replica, too")


def test_held_commands_are_redirected():
    if NATIVE:
        raise Skipped("natively paused clients are redirected as well, by other means")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, replica, tag = prepare(cluster)
        moved = f"MOVED {slot_of(tag)} {HOST}:{replica.port}"
        sleeper = ask_and_sleep(replica, 0.6)
        first = wait_for_hold(primary, f"first{{{tag}}}")
        connections = send_all(primary, tag)
        equal(str(first.read()), moved, "the first held write")
        equal([str(connections["pipeline"].read()) for _ in range(3)], [moved] * 3, "a pipeline")
        equal(str([connections["exec"].read() for _ in range(4)][3]), moved, "EXEC")
        equal(str(connections["script"].read()), moved, "a script")
        equal([str(connections["user"].read()) for _ in range(2)], ["OK", moved], "a user who may do nothing but SET")
        equal([sleeper.read() for _ in range(2)], ["OK", "OK"], "CLUSTER FAILOVER and DEBUG SLEEP")
        wait_until(lambda: replica.role() == "master", "the replica is primary")
        equal(replica.call("GET", f"there{{{tag}}}"), "1", "the data")
        equal(replica.call("EXISTS", f"gone{{{tag}}}", f"a{{{tag}}}", f"n{{{tag}}}"), 0, "what never ran")
        cluster.wait_ok()


def test_the_primary_dies_under_the_fence():
    if NATIVE:
        raise Skipped("this is about the fence in the shard's log")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, replica, tag = prepare(cluster)
        sleeper = ask_and_sleep(replica, 0.6)
        wait_for_hold(primary, f"first{{{tag}}}")
        primary.kill()
        wait_until(lambda: replica.role() == "master", "the replica is primary", 30)
        wait_until(lambda: replica.call("SET", f"there{{{tag}}}", 2) == "OK", "it serves", 30)
        primary.start()
        cluster.wait_ok()
        sleeper.close()
        equal(primary.role(), "slave", "the old primary's role")


def test_force_takes_over_from_a_stopped_primary():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, replica, tag = prepare(cluster)
        primary.stop()
        equal(replica.call("CLUSTER", "FAILOVER", "FORCE"), "OK", "CLUSTER FAILOVER FORCE")
        wait_until(lambda: replica.role() == "master", "the replica is primary", 30)
        wait_until(lambda: replica.call("SET", f"there{{{tag}}}", 2) == "OK", "it serves", 30)
        primary.cont()
        wait_until(lambda: primary.role() == "slave", "the old one follows", 30)
        cluster.wait_ok()
        equal(replica.call("GET", f"there{{{tag}}}"), "2", "the new primary's write")


def test_takeover_without_a_majority():
    """Primary and witness are gone: the replica serves the slots with its data, the old primary gives way later."""
    if NATIVE:
        raise Skipped("natively TAKEOVER needs nobody")
    with Cluster(4).start() as cluster:
        cluster.create_small(cluster[:3], [(cluster[3], cluster[0])])
        primary, replica = cluster[0], cluster[3]
        slots = next(s for p, _, s in cluster.shards() if p is primary)
        tag = tag_of(slots[5])
        equal(primary.call("SET", f"there{{{tag}}}", 1), "OK", "SET")
        cluster.wait_replicated()
        witness_id = primary.cluster_info()["swim_shard_witnesses"]
        witness = next(s for s in cluster[1:3] if s.id() == witness_id)
        primary.kill()
        witness.kill()
        equal(replica.call("CLUSTER", "FAILOVER", "TAKEOVER"), "OK", "CLUSTER FAILOVER TAKEOVER")
        wait_until(lambda: replica.role() == "master", "the replica is primary", 40)
        wait_until(lambda: replica.cluster_info()["cluster_slots_assigned"] == "16384", "the slots are claimed", 40)
        witness.start()
        wait_until(lambda: replica.call("GET", f"there{{{tag}}}") == "1", "it serves what it had", 40)
        primary.start()
        wait_until(lambda: str(primary.ask("GET", f"there{{{tag}}}")).startswith("MOVED"), "the old one gives way", 40)
        wait_until(lambda: primary.call("DBSIZE") == 0, "and drops its keys", 40)
        equal(replica.call("SET", f"there{{{tag}}}", 2), "OK", "a write of the new one")


if __name__ == "__main__":
    main(
        test_failovers_lose_nothing,
        test_held_commands_run_when_nothing_comes_of_it,
        test_held_commands_are_redirected,
        test_the_primary_dies_under_the_fence,
        test_force_takes_over_from_a_stopped_primary,
        test_takeover_without_a_majority,
    )
