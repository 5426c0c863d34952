"""Rounds of moving slots there and back between two shards, under clients that know what they were promised, while
primaries are killed. How the slots move, and what clients may see of it, is the test's."""
import argparse
import random
import sys
import time

from clusters import Cluster
from expect import check, equal, say, wait_until
from load import Counter, LoadClient
from resp import RespError, slot_of, tag_of

CLIENTS = 16


def options(rounds, slots):
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--slots", type=int, default=slots)
    parser.add_argument("--seed", type=int, default=None)
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


class Shards:
    """Who is primary of which shard, by whatever running server answers; for the mover's thread, too."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.members = [{p.id()} | {r.id() for r in replicas} for p, replicas, _ in cluster.shards()]

    def primary_of(self, shard):
        for server in self.cluster.running():
            try:
                with_nodes = server.connect(timeout_s=2)
                lines = with_nodes.call("CLUSTER", "NODES").splitlines()
                with_nodes.close()
            except (OSError, RespError):
                continue
            for words in map(str.split, lines):
                if words[0] in self.members[shard] and "master" in words[2] and "fail" not in words[2].split(","):
                    host, _, port = words[1].split("@")[0].rpartition(":")
                    return (host, int(port)), words[0]
        raise LookupError(f"no primary of shard {shard} is known")


def streams(cluster):
    """Every primary's replica gets what it writes. A link that is up says less: the server begins to send only at an ACK
    that it waits for up to a second if the first one came before it knew its RDB child's end. What MIGRATE brings in between
    is with nobody else, as natively."""
    for primary, replicas, slots in cluster.shards():
        client = primary.connect(timeout_s=10)
        client.ask("SET", f"streams:{{{tag_of(slots[-1])}}}", "1")  # the first of them are on their way
        check(not replicas or client.call("WAIT", 1, 5000) == 1, f"{primary} feeds its replica")
        client.close()


def kill_a_primary(cluster, rng):
    """kill -9; back only when its replica took over, and in sync before anybody else dies."""
    victim, replicas, _ = rng.choice([s for s in cluster.shards() if s[1]])
    victim.kill()
    wait_until(
        lambda: any(p is not victim and p in replicas for p, _, _ in cluster.shards()),
        f"a replica of {victim} took over", 60,
    )  # fmt: skip
    victim.start()
    cluster.wait_ok(limit_s=60)
    streams(cluster)
    return victim


def one_way(cluster, moves, rng):
    """Kills primaries as long as `moves` (a thread) is at it; how many."""
    moves.start()
    kills = 0
    while moves.is_alive():
        moves.join(moves.pause_s(rng, kills))
        if moves.is_alive():
            kill_a_primary(cluster, rng)
            kills += 1
    if moves.failure is not None:
        raise moves.failure
    say(f"{moves.told()}, {kills} primaries killed")
    return kills


def settled(cluster):
    cluster.wait_ok()
    # A replica that has just started may show what its log said a moment ago.
    wait_until(lambda: not [line for s in cluster for line in s.call("CLUSTER", "NODES").splitlines() if "[" in line], "no slot stays open", 30)
    strays = [stray for primary, _, slots in cluster.shards() for stray in keys_elsewhere(cluster, primary, set(slots))]
    equal(strays, [], "keys where they are not served: (where, key, its slot, what its owner says of it)")


def keys_elsewhere(cluster, primary, slots):
    if primary.call("DBSIZE") == sum(primary.call("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots):
        return []
    owner = {slot: p for p, _, owned in cluster.shards() for slot in owned}
    names = [name for name in primary.call("KEYS", "*") if slot_of(name) not in slots]
    return [(str(primary), name, slot_of(name), owner[slot_of(name)].ask("TYPE", name)) for name in names[:400]]


def play(given, make_moves, slots_with_keys, judge):
    """`make_moves(shards, slots, source, target)` is a thread that moves them; `judge(total)` checks what clients saw."""
    seed = given.seed if given.seed is not None else random.randrange(10**6)
    say(f"--seed {seed} --rounds {given.rounds} --slots {given.slots}")
    rng = random.Random(seed)
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        shards = Shards(cluster)
        moved = cluster.shards()[0][2][: given.slots]
        for round_number in range(1, given.rounds + 1):
            written = rng.sample(moved, min(slots_with_keys, len(moved)))
            ways = [make_moves(shards, moved, 0, 1), make_moves(shards, moved, 1, 0)]
            play_round(cluster, ways, written, judge, rng, round_number)


def play_round(cluster, ways, written, judge, rng, round_number):
    began = time.monotonic()
    counters = {f"counter:{round_number}:{n}:{{{tag_of(rng.choice(written))}}}": Counter() for n in range(12)}
    clients = [LoadClient(1000 * round_number + n, cluster.addresses, written, counters, rng.random()) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    kills = sum(one_way(cluster, moves, rng) for moves in ways)
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.join(60)
        check(not client.is_alive(), f"client {client.number} does not stop")
        if client.failure is not None:
            raise client.failure
    settled(cluster)
    wrong = [w for client in clients for w in client.wrong]
    for client in clients:
        client.wrong = []
        client.check()
        wrong += client.wrong
    for key, counter in counters.items():
        value = int(clients[0].read(key, "GET", key) or 0)
        if counter.seen and value < max(counter.seen):
            wrong.append(f"{key} is {value}, {max(counter.seen)} was confirmed")
    total = {name: sum(getattr(c, name) for c in clients) for name in ("acknowledged", "confirmed", "unknown", "reads")}
    total |= {kind: sum(c.redirects[kind] for c in clients) for kind in ("MOVED", "ASK", "TRYAGAIN")}
    say(f"round {round_number}: {kills} kills, {total}, {time.monotonic() - began:.0f} s, {len(wrong)} wrong")
    equal(wrong, [], "wrong answers")
    judge(total)
    flush_keys(cluster)


def flush_keys(cluster):
    for primary, _, _ in cluster.shards():
        equal(primary.call("FLUSHALL"), "OK", "FLUSHALL")
    cluster.wait_replicated()
