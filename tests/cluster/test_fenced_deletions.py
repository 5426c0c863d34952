#!/usr/bin/python3
"""What a primary deletes by itself, keys that expire and keys that are evicted, reaches its replicas while it has a lease, and no
longer: without one they are cut off before it."""
import time

from faults import witness_of
from harness import NATIVE, Cluster, Skipped, check, equal, main, say, wait_until
from replication_stream import ReplicationStream
from resp import slot_of

KEYS, VALUE, LIMIT_S = 300, "x" * 4000, 60
PREFIX = "own:"
CONFIG = {"repl-diskless-sync-delay": 0}


def load(primary, slots, *options):
    """KEYS of them that hash to this shard."""
    mine, count = set(slots), 0
    for number in range(10**6):
        key = f"{PREFIX}{number}"
        if slot_of(key) in mine:
            equal(primary.call("SET", key, VALUE, *options), "OK", "SET")
            count += 1
        if count == KEYS:
            return


def held_expiry(primary, slots):
    """The server does not look for expired keys until it is told to."""
    equal(primary.call("DEBUG", "SET-ACTIVE-EXPIRE", 0), "OK", "DEBUG SET-ACTIVE-EXPIRE")
    load(primary, slots, "PX", 1)


def expiry(primary):
    equal(primary.call("DEBUG", "SET-ACTIVE-EXPIRE", 1), "OK", "DEBUG SET-ACTIVE-EXPIRE")
    return "expired_keys"


def full_memory(primary, slots):
    equal(primary.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random"), "OK", "CONFIG SET")
    load(primary, slots)


def eviction(primary):
    limit = int(primary.fields("INFO", "memory")["used_memory"]) - KEYS * len(VALUE) // 3
    try:
        equal(primary.call("CONFIG", "SET", "maxmemory", limit), "OK", "CONFIG SET maxmemory")
    except OSError:  # it evicts at once, and without a lease its client is cut off, too
        pass
    return "evicted_keys"


def by_itself(primary, cause, stream, at_least=KEYS // 10):
    """How many keys it has deleted, and how many of these deletions were replicated."""
    statistics = primary.fields("INFO", "stats")
    name = cause(primary)
    gone = lambda: int(primary.fields("INFO", "stats")[name]) - int(statistics[name])  # noqa: E731
    wait_until(lambda: gone() >= at_least, f"{name} grows", LIMIT_S)
    time.sleep(0.5)  # what leaves has left
    return gone(), stream.deletions(PREFIX)


def deletions(prepare, cause):
    if NATIVE:
        raise Skipped("nothing fences it")
    with Cluster(6, config=CONFIG).start() as cluster:
        cluster.create(replicas=1)
        (led, _, its_slots), (fenced, (replica,), slots) = cluster.shards()[:2]

        stream = ReplicationStream(led)
        prepare(led, its_slots)
        wait_until(lambda: stream.has(f"{PREFIX}"), "the stream comes", LIMIT_S)
        gone, replicated = by_itself(led, cause, stream)
        say(f"with a lease: {gone} deleted, {replicated} replicated")
        wait_until(lambda: stream.deletions(PREFIX) >= gone // 2, "they are replicated", LIMIT_S)
        check(not stream.ended.is_set(), "the replica stays")

        stream = ReplicationStream(fenced)
        prepare(fenced, slots)
        wait_until(lambda: stream.has(f"{PREFIX}"), "the stream comes", LIMIT_S)
        before = stream.deletions(PREFIX)
        stopped = [replica, witness_of(cluster, fenced)]
        for server in stopped:
            server.stop()
        wait_until(lambda: fenced.cluster_info()["cluster_state"] == "fail", f"{fenced} is fenced", LIMIT_S)
        check(not stream.ended.is_set(), "nothing ran late, nobody is cut off yet")
        # Eviction ends with the slice in which it is noticed, of 16 keys on a slow machine: replicas evict nothing.
        at_least = 1 if cause is eviction else KEYS // 10
        gone, replicated = by_itself(fenced, cause, stream, at_least)
        say(f"without: {gone} deleted, {replicated - before} replicated, cut off: {stream.ended.is_set()}")
        equal(replicated, before, "deletions that left the fenced node")
        check(stream.ended.wait(LIMIT_S), "the replica is cut off")
        for server in stopped:
            server.cont()
        cluster.wait_ok(limit_s=LIMIT_S)


def test_expiry():
    deletions(held_expiry, expiry)


def test_eviction():
    deletions(full_memory, eviction)


main(test_expiry, test_eviction)
