#!/usr/bin/python3
"""CLUSTERSCAN: every key of the cluster by following its cursors, through redirects, transactions and scripts, also while
slots move; on releases that do not have the command, too."""
import time

from harness import HOST, NATIVE, VERSION, Cluster, Server, Skipped, check, equal, main, say
from resp import RespError, slot_of, tag_of
from test_migrate_slots import migrate, two_shards, wait_ended

KEYS = 3_000


def owner_of(cluster, word):
    """Who serves the slot of this cursor, by asking anybody."""
    for server in cluster.running():
        answer = server.ask("GET", word)
        if not isinstance(answer, RespError):
            return server
        if answer.args[0].startswith("MOVED"):
            return cluster.by_port(int(answer.args[0].rpartition(":")[2]))
    raise AssertionError(f"nobody serves {word}")


def pages(cluster, *options, cursor="0", between=None):
    """Follows the cursors from `cursor` to the end; the keys in the order they came."""
    found, calls = [], 0
    while True:
        cursor, keys = owner_of(cluster, cursor).call("CLUSTERSCAN", cursor, *options)
        found += keys
        calls += 1
        check(calls < 30_000, "the scan has an end")
        if cursor == "0":
            return found
        if between:
            between(calls)


def fill(cluster):
    names = {f"key:{n}" for n in range(KEYS)} | {f"{{{tag_of(7)}}}:{n}" for n in range(500)}
    for name in names:
        owner_of(cluster, name).call("SET", name, "v")
    return names


def finds_every_key_once():
    if NATIVE:
        raise Skipped("of the module's own order")
    with Cluster(2).start() as cluster:
        shards = two_shards_alone(cluster)
        names = fill(cluster)
        for options in ((), ("COUNT", 1_000_000)):
            equal(sorted(pages(cluster, *options)), sorted(names), f"keys with {options}")
        tagged = sorted(n for n in names if slot_of(n) == 7)
        equal(sorted(pages(cluster, "SLOT", 7)), tagged, "of one slot")
        equal(sorted(pages(cluster, "MATCH", f"{{{tag_of(7)}}}:*", "COUNT", 33)), tagged, "by a pattern's slot")
        equal(sorted(pages(cluster, "MATCH", "key:1?")), sorted(f"key:{n}" for n in range(10, 20)), "by a pattern")
        server = shards[0][0]
        server.call("RPUSH", f"list{{{tag_of(7)}}}", "x") if owner_of(cluster, f"list{{{tag_of(7)}}}") is server else None
        equal(pages(cluster, "TYPE", "list", "SLOT", 7), [f"list{{{tag_of(7)}}}"], "by a type")
        volatile = f"gone{{{tag_of(7)}}}"
        server.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        server.call("SET", volatile, "v", "PX", "1")
        time.sleep(0.01)
        check(volatile not in pages(cluster, "SLOT", 7), "what has expired is not listed")


def two_shards_alone(cluster):
    cluster.create_small(cluster[:2], [])
    return [(primary, slots) for primary, _, slots in cluster.shards()]


def works_in_transactions_and_scripts():
    if NATIVE:
        raise Skipped("of the module's own ways")
    with Cluster(2).start() as cluster:
        two_shards_alone(cluster)
        names = fill(cluster)
        server = owner_of(cluster, "{06S}")
        start = "0-{06S}-0"
        mine = sorted(n for n in names if slot_of(n) == 7)
        c = server.connect()
        for watched in (False, True):
            if watched:
                c.call("WATCH", start)
            c.call("MULTI")
            equal(c.call("CLUSTERSCAN", f"0-{{{tag_of(7)}}}-0", "SLOT", 7, "COUNT", 1000), "QUEUED", "in MULTI")
            (page,) = c.call("EXEC")
            equal((page[0], sorted(page[1])), ("0", mine), "what EXEC has")
        page = c.call("EVAL", "return redis.call('clusterscan', KEYS[1], 'SLOT', '7', 'COUNT', '1000')", 1,
                      f"0-{{{tag_of(7)}}}-0")  # fmt: skip
        equal((page[0], sorted(page[1])), ("0", mine), "a script's")
        other = next(s for s in cluster.running() if s is not server)
        answer = other.ask("CLUSTERSCAN", start)
        check(isinstance(answer, RespError) and answer.args[0].startswith("MOVED 0 "), f"redirected: {answer}")
        server.call("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "-clusterscan")
        c = server.connect()
        c.call("AUTH", "reader", "pw")
        answer = c.ask("CLUSTERSCAN", start)
        check(isinstance(answer, RespError) and answer.args[0].startswith("NOPERM"), f"not allowed: {answer}")
        server.call("ACL", "SETUSER", "reader", "+clusterscan")
        check(not isinstance(c.ask("CLUSTERSCAN", start), RespError), "allowed")


def misses_nothing_while_slots_move():
    if NATIVE:
        raise Skipped("of the module's own order")
    with Cluster(4).start() as cluster:
        (a, slots), (b, _) = two_shards(cluster)
        names = fill(cluster)
        moves = []

        def move(calls):
            if calls % 60 == 0 and len(moves) < 6:
                source, target = (a, b) if len(moves) % 2 == 0 else (b, a)
                name = migrate(source, target, (slots[0], slots[0] + 400))
                wait_ended(source, name)
                moves.append(name)

        found = pages(cluster, between=move)
        check(len(moves) >= 2, "slots were moved meanwhile")
        equal(sorted(set(found)), sorted(names), f"keys, {len(found) - len(names)} of them twice")
        say(f"{len(moves)} moves, {len(found) - len(names)} keys twice")


if __name__ == "__main__":
    main(finds_every_key_once, works_in_transactions_and_scripts, misses_nothing_while_slots_move)
