#!/usr/bin/python3
"""CLUSTER MIGRATESLOTS moves slots whole: every type with its expiry, under writes, and back again.
Environment: VSWIM_MIGRATIONS, how many of one slot in a row (default 10)."""
import os
import time

from harness import Cluster, Skipped, check, equal, main, say, wait_until
from harness import NATIVE
from resp import RespError, slot_of, tag_of

MIGRATIONS = int(os.environ.get("VSWIM_MIGRATIONS", "10"))
FINAL = ("success", "failed", "cancelled")


def migrations(server):
    """CLUSTER GETSLOTMIGRATIONS as dictionaries, newest first."""
    listed = []
    for flat in server.call("CLUSTER", "GETSLOTMIGRATIONS"):
        fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2]))
        listed.append(fields)
    return listed


def migrate(source, target, *ranges):
    """Begins a migration and returns its name."""
    known = {m["name"] for m in migrations(source)}
    words = [str(n) for r in ranges for n in r]
    equal(source.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words, "NODE", target.id()), "OK", "MIGRATESLOTS")
    return wait_until(
        lambda: next((m["name"] for m in migrations(source) if m["name"] not in known), None), "the migration is listed"
    )


def wait_ended(server, name, state="success", limit_s=60):
    def ended():
        found = next((m for m in migrations(server) if m["name"] == name), None)
        return found if found and found["state"] in FINAL else None

    found = wait_until(ended, f"migration {name} ends", limit_s)
    equal(found["state"], state, f"migration {found}")
    return found


def keys_in(server, slot):
    return server.call("CLUSTER", "COUNTKEYSINSLOT", slot)


def hold(cluster, what, on):
    for server in cluster:
        equal(server.call("DEBUG", "SLOTMIGRATION", what, int(on)), "OK", f"{what} {on}")


def wait_state(server, name, state, limit_s=30):
    def reached():
        return any(m["name"] == name and m["state"] == state for m in migrations(server))

    wait_until(reached, f"migration {name} is {state}", limit_s)


def noise(count):
    """What DUMP cannot compress."""
    return os.urandom(count).hex()


def two_shards(cluster):
    cluster.create_small(cluster[:2], [(cluster[2], cluster[0]), (cluster[3], cluster[1])])
    return [(primary, slots) for primary, _, slots in cluster.shards()]


def fill(server, slot):
    """Keys of every type in this slot; what each of them is to be afterwards."""
    tag = tag_of(slot)

    def key(name):
        return f"{name}{{{tag}}}"

    server.call("SET", key("string"), "v" * 100)
    server.call("SET", key("volatile"), "v", "PX", 3_600_000)
    server.call("SET", key("shortlived"), "v", "PX", 50)
    server.call("RPUSH", key("list"), *range(300))
    server.call("SADD", key("set"), *range(300))
    server.call("ZADD", key("zset"), *[x for n in range(300) for x in (n, f"m{n}")])
    server.call("HSET", key("hash"), *[x for n in range(300) for x in (f"f{n}", n)])
    server.call("PFADD", key("hll"), *range(100))
    server.call("XADD", key("stream"), "1-1", "f", "v")
    server.call("XADD", key("stream"), "1-2", "f", "v")
    server.call("XGROUP", "CREATE", key("stream"), "g", "0")
    server.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", key("stream"), ">")
    return [key(n) for n in ("string", "volatile", "list", "set", "zset", "hash", "hll", "stream")]


def test_every_type_moves_with_its_expiry():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        moved = slots[:101]
        keys = [key for slot in moved[:40] for key in fill(source, slot)]
        before = {key: (source.call("DUMP", key), source.call("PEXPIRETIME", key)) for key in keys}
        name = migrate(source, target, (moved[0], moved[60]), (moved[70], moved[100]))
        wait_ended(source, name)
        wait_ended(target, name)
        for key in keys:
            equal((target.call("DUMP", key), target.call("PEXPIRETIME", key)), before[key], key)
            try:
                source.call("GET", key)
                raise AssertionError(f"{key} is still served by the source")
            except RespError as error:
                check(str(error).startswith(f"MOVED {slot_of(key)} "), f"{error}")
        wait_until(lambda: source.call("DBSIZE") == 0, "the source has dropped the keys", 30)
        cluster.wait_ok()
        cluster.wait_replicated()
        back = migrate(target, source, (moved[0], moved[60]), (moved[70], moved[100]))
        wait_ended(target, back)
        for key in keys:
            equal((source.call("DUMP", key), source.call("PEXPIRETIME", key)), before[key], key)
        wait_until(lambda: target.call("DBSIZE") == 0, "the target has dropped the keys", 30)
        cluster.wait_ok()


def test_stream_groups_change_while_they_move():
    """XACK raises no notification: what happened to a group during the copy is there afterwards."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4, config={"swim.migration-bytes-per-second": 200_000}).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        tag = tag_of(slots[0])
        stream = f"stream{{{tag}}}"
        for number in range(200):
            source.call("XADD", stream, f"1-{number + 1}", "f", "v")
        source.call("XGROUP", "CREATE", stream, "g", "0")
        source.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", stream, ">")
        for number in range(100):
            source.call("SET", f"{number}{{{tag}}}", noise(5_000))  # about 5 s of copying
        name = migrate(source, target, (slots[0], slots[0]))
        acknowledged = 0
        while acknowledged < 200:
            try:
                acknowledged += source.call("XACK", stream, "g", f"1-{acknowledged + 1}")
            except RespError:
                break
            time.sleep(0.005)
        wait_ended(source, name)
        check(acknowledged > 0, "nothing was acknowledged while the slot moved")
        equal(target.call("XPENDING", stream, "g")[0], 200 - acknowledged, "messages that are still pending")
        say(f"{acknowledged} acknowledged on the way")


def test_clients_wait_and_are_sent_on():
    """Who writes, waits in BLPOP or has queued a MULTI while its slot moves: nothing is half done, each is redirected."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        tag = tag_of(slots[0])
        counter, queue = f"counter{{{tag}}}", f"queue{{{tag}}}"
        writer, waiter, queuer = (source.connect() for _ in range(3))
        waiter.send(("BLPOP", queue, 0))
        equal(queuer.call("MULTI"), "OK", "MULTI")
        equal(queuer.call("INCR", counter), "QUEUED", "INCR in MULTI")
        name = migrate(source, target, (slots[0], slots[0]))
        acknowledged, moved, wait_ms = write_until_moved(writer, counter, 0)
        wait_ended(source, name)
        check(moved.startswith(f"MOVED {slots[0]} "), f"the writer: {moved}")
        check(str(waiter.read()).startswith(f"MOVED {slots[0]} "), "who waits in BLPOP is sent on")
        answer = queuer.ask("EXEC")
        check(isinstance(answer, RespError) and "MOVED" in str(answer), f"EXEC: {answer}")
        equal(int(target.call("GET", counter) or 0), acknowledged, "increments that were acknowledged")
        say(f"{acknowledged} increments on the way, the redirect took {wait_ms:.1f} ms")
        cluster.wait_ok()


def write_until_moved(connection, counter, last):
    """Increments until it is refused: (the last answer, the refusal, how long that took)."""
    while True:
        began = time.monotonic()
        reply = connection.ask("INCR", counter)
        if isinstance(reply, RespError):
            return last, str(reply), 1000 * (time.monotonic() - began)
        equal(reply, last + 1, "every increment follows the one before it")
        last = reply


def test_order_holds_there_and_back():
    """One writer follows a counter through many migrations, the first of them while the replicas still sync: each of
    its answers is one more than the last, and whoever asks the old owner after an answer of the new one is redirected."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        counter = f"counter{{{tag_of(slots[0])}}}"
        last, waits = source.call("INCR", counter), []
        for _ in range(MIGRATIONS):
            writer, stale = source.connect(), source.connect()
            name = migrate(source, target, (slots[0], slots[0]))
            last, refusal, wait_ms = write_until_moved(writer, counter, last)
            waits.append(wait_ms)
            equal(refusal, f"MOVED {slots[0]} 127.0.0.1:{target.port}", "the writer")
            stale.send(("GET", counter))  # may still be held, never answered from before
            reply = target.ask("INCR", counter)
            equal(reply, last + 1, "the new owner goes on where the old one ended")
            last = reply
            equal(str(stale.read()), refusal, "the old owner, asked after it said MOVED")
            wait_ended(source, name)
            wait_ended(target, name)
            writer.close()
            stale.close()
            source, target = target, source
        waits.sort()
        say(
            f"{MIGRATIONS} migrations under {last} increments: the redirect took median {waits[len(waits) // 2]:.1f} ms, "
            f"worst {waits[-1]:.1f} ms"
        )
        cluster.wait_ok()
        cluster.wait_replicated()
        for replica in (r for _, replicas, _ in cluster.shards() for r in replicas):
            held = replica.connect()
            held.call("READONLY")
            reply = held.ask("GET", counter)
            check(str(reply) == str(last) or str(reply).startswith("MOVED"), f"a replica tells {reply}, not {last}")


def test_cancel_and_refusals():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4, config={"swim.migration-bytes-per-second": 100_000}).start() as cluster:
        (source, slots), (target, others) = two_shards(cluster)
        tag = tag_of(slots[0])
        for number in range(100):
            source.call("SET", f"{number}{{{tag}}}", noise(5_000))
        replica = next(r for p, rs, _ in cluster.shards() if p == source for r in rs)

        def refused(server, *words):
            try:
                reply = server.call("CLUSTER", *words)
            except RespError as error:
                return str(error)
            raise AssertionError(f"{words}: {reply}")

        me, it = source.id(), target.id()
        cases = {
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "1", "NODE"): "ERR syntax error",
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "1", "NODE", "abc"): "ERR Invalid node name: abc",
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "1", "NODE", "f" * 40): f"ERR Unknown node name: {'f' * 40}",
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "1", "NODE", me): "ERR Target node can not be this node.",
            ("MIGRATESLOTS", "SLOTSRANGE", "9", "1", "NODE", it): "ERR Start slot number 9 is greater than end slot number 1.",
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "99999", "NODE", it): "ERR Invalid or out of range slot",
            ("MIGRATESLOTS", "SLOTSRANGE", "0", "5", "3", "9", "NODE", it): "ERR Slot range 3-9 overlaps with previous range 0-5.",
            ("MIGRATESLOTS", "SLOTSRANGE", str(others[0]), str(others[0]), "NODE", it): "ERR Slots are not served by this node.",
            ("MIGRATESLOTS", "FOO", "0", "5", "NODE", it): "ERR syntax error",
            ("CANCELSLOTMIGRATIONS",): "ERR No migrations ongoing",
        }
        for words, text in cases.items():
            equal(refused(source, *words), text, " ".join(words))
        check(refused(replica, "MIGRATESLOTS", "SLOTSRANGE", "0", "1", "NODE", it).startswith("ERR"), "a replica refuses")
        name = migrate(source, target, (slots[0], slots[0]))
        check("already migrating" in refused(source, "MIGRATESLOTS", "SLOTSRANGE", slots[0], slots[0], "NODE", it), "twice")
        equal(source.call("CLUSTER", "CANCELSLOTMIGRATIONS"), "OK", "cancel")
        wait_ended(source, name, "cancelled")
        wait_until(lambda: keys_in(target, slots[0]) == 0, "the target has dropped its copy", 30)
        equal(source.call("STRLEN", f"1{{{tag}}}"), 10_000, "the source serves what it had")
        cluster.wait_ok()



def test_held_before_the_fence_the_copy_follows_and_is_not_seen():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, others) = two_shards(cluster)
        tag, other = tag_of(slots[0]), tag_of(others[0])
        replica = next(replicas[0] for primary, replicas, _ in cluster.shards() if primary is target)
        source.call("SET", f"before{{{tag}}}", "v")
        hold(cluster, "PREVENT-PAUSE", True)
        name = migrate(source, target, (slots[0], slots[0]))
        wait_state(source, name, "waiting-to-pause")
        wait_state(target, name, "waiting-for-paused")
        wait_state(replica, name, "occurring-on-primary")
        source.call("SET", f"after{{{tag}}}", "v")
        for server in (target, replica):
            wait_until(lambda s=server: keys_in(s, slots[0]) == 2, "the copy follows", 30)
            equal([server.call("DBSIZE"), server.call("KEYS", "*"), server.call("SCAN", 0)], [0, [], ["0", []]], "seen")
            equal(server.call("RANDOMKEY"), None, "drawn")
        target.call("SET", f"own{{{other}}}", "v")
        equal([target.call("DBSIZE"), target.call("RANDOMKEY")], [1, f"own{{{other}}}"], "its own key")
        equal(target.call("EVAL", "return redis.call('dbsize')", 0), 1, "what a script sees")
        said = source.ask("CLUSTER", "SETSLOT", slots[1], "MIGRATING", target.id())
        equal(str(said), "ERR Slot export in progress.", "SETSLOT meanwhile")
        hold(cluster, "PREVENT-PAUSE", False)
        wait_ended(source, name)
        equal(target.call("DBSIZE"), 3, "keys of the target")


def test_a_fence_is_cancelled_and_a_failover_by_hand_ends_the_copy():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        replica = next(replicas[0] for primary, replicas, _ in cluster.shards() if primary is target)
        key = f"k{{{tag_of(slots[0])}}}"
        source.call("SET", key, "v")
        hold(cluster, "PREVENT-FAILOVER", True)
        name = migrate(source, target, (slots[0], slots[0]))
        wait_state(source, name, "failover-granted")
        said = source.fields("INFO", "clients").get("paused_reason", "slot_migration_in_progress")  # 9.1 has it
        equal(said, "slot_migration_in_progress", "INFO")
        equal(source.call("CLUSTER", "CANCELSLOTMIGRATIONS"), "OK", "cancel")
        wait_ended(source, name, "cancelled")
        equal(source.call("GET", key), "v", "the source serves it")
        hold(cluster, "PREVENT-FAILOVER", False)
        hold(cluster, "PREVENT-PAUSE", True)
        name = migrate(source, target, (slots[0], slots[0]))
        wait_state(source, name, "waiting-to-pause")
        equal(replica.call("CLUSTER", "FAILOVER"), "OK", "failover")
        why = wait_ended(target, name, "failed")["message"]  # whoever sees the change of primaries first ends it
        check("failover" in why or "onnection" in why, f"why it ended: {why}")
        wait_ended(source, name, "failed")
        wait_until(lambda: keys_in(replica, slots[0]) == 0, "the copy is dropped", 30)
        equal(source.call("GET", key), "v", "the source serves it")


def test_valkey_cli_moves_whole_slots():
    if os.environ.get("VSWIM_SERVER_VERSION") != "9.1":
        raise Skipped("valkey-cli of 9.1 only knows how")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        waits = source.connect(timeout_s=60)
        waits.send(("BRPOP", f"k{{{tag_of(slots[0])}}}", 0))
        wait_until(lambda: source.fields("INFO", "clients")["blocked_clients"] == "1", "a client waits")
        done = source.cli(
            "--cluster-yes", "--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-from", source.id(),
            "--cluster-to", target.id(), "--cluster-slots", 1, "--cluster-use-atomic-slot-migration",
        )  # fmt: skip
        check(done.returncode == 0 and "failed" not in done.stdout, done.stdout)
        check(str(waits.read()).startswith("MOVED "), "who waited is sent on")
        wait_until(lambda: slots[0] in target.nodes()[target.id()].slots(), "the target has the slot", 30)


if __name__ == "__main__":
    main(
        test_every_type_moves_with_its_expiry,
        test_stream_groups_change_while_they_move,
        test_clients_wait_and_are_sent_on,
        test_order_holds_there_and_back,
        test_cancel_and_refusals,
        test_held_before_the_fence_the_copy_follows_and_is_not_seen,
        test_a_fence_is_cancelled_and_a_failover_by_hand_ends_the_copy,
        test_valkey_cli_moves_whole_slots,
    )
