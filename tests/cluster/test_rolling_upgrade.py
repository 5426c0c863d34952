#!/usr/bin/python3
"""One server after the other is restarted with a build of the module that is one minor version on, in packets, streams, metadata
and the state file, and back again, under a writer. Both builds live in one cluster, which fails over and moves slots meanwhile.
`libvalkey_swim_next.so` says what the present version has never heard of wherever a minor version may (src/base/next_minor.hpp)."""
from harness import MODULE, NATIVE, Cluster, Skipped, Writer, check, equal, load_keys, main, missing_keys, say, wait_until
from test_failover import new_primary

NEXT = MODULE.with_name("libvalkey_swim_next.so")
LIMIT_S = 120
PRESENT_VERSION, NEXT_VERSION = "1.0", "1.1"
REFUSED = ("swim_bad_format", "swim_bad_version", "swim_refused_values", "swim_refused_core_messages")
CONFIG = {"appendonly": "yes"}


def versions(server):
    """(of its packets, the newest it has heard, of its state file)"""
    info = server.fields("INFO", "swim")
    return info["swim_packet_version"], info["swim_newest_packet_version"], info["swim_file_version"]


def restart(cluster, server, module):
    """As docs/operating.md says: a primary hands over when it is told to end."""
    server.terminate()
    equal(server.wait_exit(60), 0, f"exit code of {server}")
    server.module = module
    server.start()
    cluster.wait_ok(limit_s=LIMIT_S)
    cluster.wait_replicated()


def replicas_first(cluster):
    shards = cluster.shards()
    return [r for _, replicas, _ in shards for r in replicas] + [primary for primary, _, _ in shards]


def loses_a_primary(cluster):
    """kill -9 while half of them speak the other version."""
    victim, replicas, slots = next(s for s in cluster.shards() if s[0].module != s[1][0].module)
    say(f"kill -9 of {victim} ({victim.module.name}), its replica {replicas[0]} has {replicas[0].module.name}")
    victim.kill()
    check(new_primary(cluster, slots, victim) is replicas[0], f"{replicas[0]} took over")
    victim.start()
    cluster.wait_ok(limit_s=LIMIT_S)


def moves_slots(cluster):
    """Between primaries of different versions, there and back."""
    (one, _, slots), (other, _, _) = next(
        (a, b) for a in cluster.shards() for b in cluster.shards() if a[0].module != b[0].module
    )
    first, last = min(slots), min(slots) + 99
    for giver, taker in ((one, other), (other, one)):
        equal(giver.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", taker.id()), "OK", "MIGRATESLOTS")
        wait_until(lambda t=taker: first in next(n for n in t.nodes().values() if n.id == t.id()).slots(), f"slots at {taker}", LIMIT_S)
    say(f"100 slots went from {one} ({one.module.name}) to {other} ({other.module.name}) and back")
    cluster.wait_ok(limit_s=LIMIT_S)


def roll(cluster, module):
    for number, server in enumerate(replicas_first(cluster)):
        restart(cluster, server, module)
        if number == len(cluster) // 2 - 1:
            loses_a_primary(cluster)  # all replicas are new, all primaries old; then one primary is new, too
            moves_slots(cluster)


def test_upgrade_and_back():
    if NATIVE:
        raise Skipped("two builds of the module")
    with Cluster(6, config=CONFIG).start() as cluster:
        cluster.create(replicas=1)
        keys = load_keys(cluster.addresses, 2000)
        writer = Writer(cluster.addresses, range(0, 16384, 97), name="u")
        writer.start()
        wait_until(lambda: writer.writes > 100, "writes")
        equal(versions(cluster[0]), (PRESENT_VERSION,) * 3, "versions before")
        roll(cluster, NEXT)
        for server in cluster:
            equal(versions(server), (NEXT_VERSION,) * 3, f"versions of {server}")
        roll(cluster, MODULE)
        for server in cluster:  # what it has heard in this life of its own: some were the first to go back
            equal(versions(server)[::2], (PRESENT_VERSION,) * 2, f"versions of {server}")
        before = writer.writes
        wait_until(lambda: writer.writes > before + 100, "writes after all of it")
        writer.finish()
        equal(missing_keys(cluster.addresses, keys, 60), [], "keys that are lost")
        equal(missing_keys(cluster.addresses, writer.confirmed, 60), [], "confirmed keys that are lost")
        for server in cluster:
            told = server.fields("INFO", "swim") | server.cluster_info()
            equal({name: told[name] for name in REFUSED}, dict.fromkeys(REFUSED, "0"), f"what {server} refused")
        say(f"{writer.writes} writes, {len(writer.confirmed)} confirmed, outages {writer.outages}")


main(test_upgrade_and_back)
