#!/usr/bin/python3
"""What empties a node while slots move between two shards: FLUSHALL takes all of a slot or nothing, on either side; a
copy that came to nothing leaves no keys behind, also when the primary that gave it up dies before it dropped them."""
import signal
import time

from harness import NATIVE, Cluster, RespError, Skipped, check, equal, main, say, wait_until
from resp import tag_of
from test_migrate_slots import migrate, migrations, noise, two_shards, wait_ended

KEYS = 300
TRIES = 150


def fill(server, slot, count=KEYS, size=20):
    tag = tag_of(slot)
    connection = server.connect()
    for at in range(0, count, 500):
        batch = range(at, min(count, at + 500))
        connection.pipeline([("SET", f"k{number}{{{tag}}}", noise(size)) for number in batch])
    connection.close()


def keys_in(server, slot):
    return server.call("CLUSTER", "COUNTKEYSINSLOT", slot)


def settled(read):
    """What is read once it does not change any more: what had been sent has arrived."""
    last = read()
    while True:
        time.sleep(0.3)
        now = read()
        if now == last:
            return now
        last = now


def stop_behind_the_fence(source, target, slot):
    """A migration whose fence is up and whose target is stopped; None when it was over before that."""
    name = migrate(source, target, (slot, slot))
    probe = source.connect(timeout_s=30)
    while True:
        probe.send(("GET", f"k0{{{tag_of(slot)}}}"))
        if not probe.answers_within(0.001):
            break
        if isinstance(probe.read(), RespError):
            return name, None
    target.stop()
    state = next(m["state"] for m in migrations(source) if m["name"] == name)
    paused = state in ("failover-paused", "failover-granted")
    if not paused or probe.answers_within(0.15):
        target.cont()
        return name, None
    return name, probe


def test_flushall_waits_behind_the_fence():
    """Natively the pause at the end of a slot's migration holds FLUSHALL as every other write."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        slot, other = slots[0], tag_of(slots[1])
        fill(source, slot)
        source.call("SET", f"other{{{other}}}", "1")
        for _ in range(TRIES):
            name, held = stop_behind_the_fence(source, target, slot)
            if held:
                break
            wait_ended(source, name)
            wait_ended(target, name)
            wait_ended(target, migrate(target, source, (slot, slot)))
        else:
            raise AssertionError("no fence was met")
        try:
            flush, script, queued, watched = (source.connect(timeout_s=60) for _ in range(4))
            flush.send(("FLUSHALL",))
            script.send(("EVAL", "return server.call('FLUSHALL')", 0))
            queued.send(("MULTI",), ("FLUSHDB",), ("EXEC",))
            equal([queued.read(), queued.read()], ["OK", "QUEUED"], "FLUSHDB in MULTI")
            watched.send(("WATCH", f"other{{{other}}}"), ("MULTI",), ("FLUSHALL",), ("EXEC",))
            equal([str(watched.read()) for _ in range(3)], ["OK", "OK", "QUEUED"], "FLUSHALL in MULTI with WATCH")
            check(str(watched.read()).startswith("EXECABORT"), "and EXEC aborts")
            inner = source.ask("EVAL", "return server.call('FLUSHALL')", 1, f"other{{{other}}}")
            check("TRYAGAIN" in str(inner), f"FLUSHALL in a script with a key: {inner}")
            equal(source.call("GET", f"other{{{other}}}"), "1", "other slots are served")
            for waiting, what in ((flush, "FLUSHALL"), (script, "a script's"), (queued, "in a transaction")):
                check(not waiting.answers_within(0.05), f"{what} waits for the end of the fence")
        finally:
            target.cont()
        found = held.read()
        equal(flush.read(), "OK", "FLUSHALL")
        equal(script.read(), "OK", "the script")
        equal(queued.read(), ["OK"], "the transaction")
        cluster.wait_ok()
        now = next(p for p, _, owned in cluster.shards() if slot in owned)
        # A machine so busy that the target did not complete in time: then the slot stayed, and is flushed.
        stayed = now is source
        check(stayed or "MOVED" in str(found), f"who waited for the slot: {found}")
        equal(keys_in(now, slot), 0 if stayed else KEYS, f"keys of the slot at {now}")
        say(f"the slot {'stayed' if stayed else 'left with all of its keys'}")
        equal(source.call("DBSIZE"), 0, "keys of the flushed")


def migrate_a_part(source, target, slot):
    """The migration's name, while it goes on."""
    name = migrate(source, target, (slot, slot))
    wait_until(lambda: keys_in(target, slot) > KEYS // 3, "a part of the copy is there")
    return name


def test_flushall_of_the_target_ends_the_migration():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4, config={"swim.migration-bytes-per-second": 300_000}).start() as cluster:
        (source, slots), (target, others) = two_shards(cluster)
        slot = slots[0]
        fill(source, slot, size=2_000)
        target.call("SET", f"own{{{tag_of(others[0])}}}", "1")
        name = migrate_a_part(source, target, slot)
        equal(target.call("FLUSHALL"), "OK", "FLUSHALL at the target")
        check("Data was flushed" in wait_ended(target, name, "failed")["message"], "the target says why")
        wait_ended(source, name, "failed")
        equal(keys_in(source, slot), KEYS, "keys that stayed")
        equal(target.call("DBSIZE"), 0, "keys of the target")


def test_flushall_of_the_source_ends_the_migration():
    """All of the keys go, on both sides, and what is written afterwards stays at the source."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    with Cluster(4, config={"swim.migration-bytes-per-second": 300_000}).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        slot = slots[0]
        fill(source, slot, size=2_000)
        name = migrate_a_part(source, target, slot)
        equal(source.call("FLUSHALL"), "OK", "FLUSHALL at the source")
        equal(source.call("SET", f"after{{{tag_of(slot)}}}", "1"), "OK", "what comes afterwards")
        check("Data was flushed" in wait_ended(source, name, "failed")["message"], "the source says why")
        wait_ended(target, name, "failed")
        equal((keys_in(source, slot), keys_in(target, slot)), (1, 0), "keys at the source and at the target")


def test_an_abandoned_copy_is_dropped_by_the_successor():
    """The target runs out of memory, gives up, and dies while it drops what it has of the copy."""
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    count = 40_000
    with Cluster(4, config={"swim.migration-bytes-per-second": 2_000_000}).start() as cluster:
        (source, slots), (target, _) = two_shards(cluster)
        heir = next(replicas[0] for primary, replicas, _ in cluster.shards() if primary is target)
        slot = slots[0]
        fill(source, slot, count)
        for _ in range(TRIES):
            name = migrate(source, target, (slot, slot))
            wait_until(lambda: keys_in(target, slot) > count // 2, "a part of the copy is there", 60)
            target.call("CONFIG", "SET", "maxmemory", 1)
            had = keys_in(target, slot)
            wait_until(lambda h=had: keys_in(target, slot) < h, "the target drops the copy", every_s=0.001)
            target.stop()
            left = settled(lambda: keys_in(heir, slot))
            if left > 0:
                break
            target.cont()
            wait_ended(source, name, "failed")
            wait_until(lambda: keys_in(target, slot) == 0, "nothing is left of the copy", 30)
            target.call("CONFIG", "SET", "maxmemory", 0)
        check(left > 0, "the target was never stopped in the middle of dropping")
        say(f"the primary is killed when {left} keys of the copy are left")
        target.signal(signal.SIGKILL)
        wait_until(lambda: heir.role() == "master", "the replica takes over", 30)
        wait_until(lambda: keys_in(heir, slot) == 0, "it drops what it has no slot for", 60)
        equal(keys_in(source, slot), count, "the source has all of its keys")


if __name__ == "__main__":
    main(
        test_flushall_waits_behind_the_fence,
        test_flushall_of_the_target_ends_the_migration,
        test_flushall_of_the_source_ends_the_migration,
        test_an_abandoned_copy_is_dropped_by_the_successor,
    )
