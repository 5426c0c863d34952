#!/usr/bin/python3
"""Somebody sets the wall clock of running servers, by minutes, hours or a year, ahead or back. Leases, elections and
everything else that is waited for rest on a clock that nobody can set: nothing happens. --rounds N: more rounds."""
import os
import random
import re
import time

import faults
from harness import NATIVE, VERSION, Cluster, check, equal, main, say, wait_until
from history import now, said, terms_of
from network import Network
from rounds import ROUNDS, SEED, Round, Tally
from stepped_clock import SteppedClock

os.environ["TZ"] = "UTC"  # of the servers' logs, too: a date in them is one time
time.tzset()

# Of a lease of 3 s nothing is lost where the machine alone is late. What everybody's death must not lose is on disk.
CONFIG = {"appendonly": "yes", "appendfsync": "always"}
LEASE_S = 3
MINUTE, HOUR, YEAR = 60, 3600, 365 * 86400
FARTHEST = 5 * YEAR
SAYS_SO = ("lease lost", "cluster state changed: fail")


def a_step(rng, clock):
    by = rng.choice((-1, 1)) * rng.choice((rng.randint(MINUTE, 10 * MINUTE), rng.randint(HOUR, 24 * HOUR), YEAR))
    return by if abs(clock.wrong_by + by) < FARTHEST else -by


def steps(network, victims, rng):
    """Of these clocks, together by the same or each by its own, once or again and again."""
    for number in range(rng.choice((1, 1, 2, 6))):
        if number:
            faults.nap(rng, 0, 0.5)
        together = rng.random() < 0.5 and a_step(rng, victims[0].clock)
        for server in victims:
            server.clock.step(together or a_step(rng, server.clock))
    say(", ".join(f"{s} is wrong by {s.clock.wrong_by} s" for s in victims))


class Calm:
    """What servers say of failovers, lapses and deaths; it must not change."""

    def __init__(self, network):
        self.network, self.before = network, self.told(network)

    @staticmethod
    def told(network):
        told = {}
        for server in network:
            told[f"{server}: terms"] = len(terms_of(server))
            for words in SAYS_SO:
                told[f"{server}: {words}"] = server.log().count(words)
            if not server.native:
                told[f"{server}: lapses"] = server.cluster_info()["swim_lease_lapses"]
        return told

    def lasts(self, seconds):
        until, dead = now() + seconds, set()
        while now() < until:
            for server in self.network:
                dead |= {f"{server} calls {n.port} dead" for n in server.nodes().values() if n.failed}
                if (state := server.cluster_info()["cluster_state"]) != "ok":
                    dead.add(f"cluster_state at {server}: {state}")
            time.sleep(0.05)
        after = self.told(self.network)
        changed = sorted(dead) + [f"{k}: {v}, before {self.before[k]}" for k, v in after.items() if v != self.before[k]]
        if NATIVE:
            say(f"natively: {changed}")
        else:
            equal(changed, [], "what the steps of a clock did")


# -- what comes right after the steps; they step again what they like


def nothing(this, network, rng):
    pass


def planned_failover(this, network, rng):
    since = now()
    this.replicas[0].call("CLUSTER", "FAILOVER")
    steps(network, this.members, rng)
    if not NATIVE:
        this.wait_for_successor(since)


def replica_misses_steps(this, network, rng):
    """For longer than the server keeps a backlog for it, by the primary's clock."""
    replica = this.replicas[0]
    replica.kill()
    steps(network, [this.primary], rng)
    this.primary.clock.step(HOUR * 2 if this.primary.clock.wrong_by < FARTHEST else -YEAR)
    faults.nap(rng, 1, 2)
    replica.start()
    wait_until(lambda: replica.replication().get("master_link_status") == "up", f"{replica} is back", 60)


def restart_in_another_time(this, network, rng):
    """kill -9, and it wakes up in another year."""
    since = now()
    this.primary.kill()
    steps(network, [this.primary], rng)
    this.wait_for_successor(since)
    this.primary.start()


AFTERWARDS = (
    nothing, faults.kill_primary, planned_failover, replica_misses_steps, restart_in_another_time,
    faults.kill_primary_and_restart_at_once, faults.kill_everybody,
)  # fmt: skip


def victims_of(who, this, network):
    witness = faults.witness_of(network, this.primary) or next(s for s in network if s not in this.members)
    return {"primary": [this.primary], "replica": this.replicas, "witness": [witness], "everybody": list(network)}[who]


def longest_silence(writes, since):
    times = [since] + sorted(w.replied for w in writes if w.replied > since) + [now()]
    return max(b - a for a, b in zip(times, times[1:]))


def test_steps_under_load():
    rng, tally, left, who_left = random.Random(SEED), Tally("steps of the wall clock"), [], []
    network = Network(6, config=CONFIG, module_arguments=["lease-ttl-ms", LEASE_S * 1000])
    with network:
        for server in network:
            SteppedClock(server)
        network.start()
        network.create(replicas=1)
        for number in range(ROUNDS or 4):
            # One of each in turn, but the first rounds are those that matter most.
            left = left or ([*AFTERWARDS[::-1]] if number == 0 else rng.sample(AFTERWARDS, len(AFTERWARDS)))
            who_left = who_left or rng.sample(("primary", "replica", "witness", "everybody"), 4)
            this = Round(network, rng.choice(network.shards()), rng).start()
            who, afterwards = who_left.pop(), left.pop()
            calm, stepped_at = Calm(network), now()
            steps(network, victims_of(who, this, network), rng)
            measures = {}
            if afterwards is nothing or rng.random() < 0.5:
                calm.lasts(LEASE_S * 1.5)
                wait_until(lambda: any(w.sent > stepped_at for w in this.history.writes[-2000:]), "writes go on")
                elsewhere = [w for w in this.history.writes if w.server != this.primary.address]
                check(NATIVE or not elsewhere, f"a failover without a cause: {elsewhere[:1]}")
                measures["silence after steps alone"] = longest_silence(this.history.writes, stepped_at)
            began = now()
            afterwards(this, network, rng)
            if afterwards is not nothing:
                time.sleep(0.5)
                measures[f"silence, {afterwards.__name__}"] = longest_silence(this.history.writes, began)
            tally.add(this.finish(limit_s=180), f"{who}, {afterwards.__name__}", **measures)
    tally.end()


# -- that it is really done, and what it does natively


def seen_by(server):
    """By how much its TIME differs from ours."""
    seconds, microseconds = map(int, server.call("TIME"))
    return seconds + microseconds / 1e6 - time.time()


def near(found, wanted):
    return abs(found - wanted) < MINUTE / 2  # no step is as small


def set_clock(server, by):
    """And wait: 9.1 counts on for a while from its last look at the wall clock, on one that nobody can set."""
    server.clock.step(by)
    wrong_by = server.clock.wrong_by
    wait_until(lambda: near(seen_by(server), wrong_by), f"TIME at {server} is wrong by {wrong_by} s")


def pair():
    cluster = Cluster(3)
    for server in cluster:
        SteppedClock(server)
    return cluster


def test_a_step_is_seen():
    """By the server's TIME, in its log, and by the module's own look at the clock (when a link came to be)."""
    with pair() as cluster:
        cluster[2].clock.step(-YEAR)  # and from the start
        cluster.start()
        cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])

        def link_created(server):
            return dict(zip(*[iter(server.call("CLUSTER", "LINKS")[0])] * 2))["create-time"] / 1000

        created = {server: link_created(server) - server.clock.wrong_by for server in cluster}
        for by in (MINUTE, -5 * HOUR, YEAR, -2 * YEAR):
            for server in cluster:
                set_clock(server, by)
                wrong_by = server.clock.wrong_by
                if not server.native:
                    wait_until(
                        lambda s=server, w=wrong_by: near(link_created(s) - w, created[s]), f"the module of {server} sees it"
                    )
                since = now()
                server.call("DEBUG", "LOG", f"step of {by} s")
                ((at, _),) = said(server, re.compile(rf" (\d+ \w+ \d+ [\d:.]+) \S DEBUG LOG: step of {by} s"))
                check(since - 0.01 < at < now(), f"{server}: its log, dated back, says {at - since:.3f} s later")


def test_what_has_a_ttl():
    """Expires by the primary's wall clock, as the server has it; a replica waits for its primary's word."""
    with pair().start() as cluster:
        cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])
        primary, replica, _ = cluster
        equal(replica.call("READONLY"), "OK", "READONLY")

        def ttl(key, low, high):
            found = primary.call("TTL", key)
            check(low <= found <= high, f"{key} lives for {found} s, expected {low} to {high}")

        for key, seconds in (("short", 10 * MINUTE), ("long", 10 * HOUR)):
            primary.call("SET", key, "x", "EX", seconds)
        primary.call("SET", "for ever", "x")
        cluster.wait_replicated()
        set_clock(primary, HOUR)
        equal(primary.call("GET", "short"), None, "what is over")
        wait_until(lambda: replica.call("DBSIZE") == 2, "its replica drops it")
        ttl("long", 9 * HOUR - 10 * MINUTE, 9 * HOUR)
        set_clock(primary, -2 * HOUR)
        equal(primary.call("GET", "short"), None, "it does not come back")
        ttl("long", 11 * HOUR - 10 * MINUTE, 11 * HOUR)
        primary.call("SET", "behind", "x", "EX", 10 * MINUTE)  # over long since, by the replica's clock
        set_clock(primary, -HOUR)
        ttl("behind", HOUR, HOUR + 10 * MINUTE)
        set_clock(replica, -2 * HOUR)
        cluster.wait_replicated()
        equal(replica.call("GET", "behind"), "x", f"at {replica}, whose clock is right again")
        for server in (primary, replica):
            set_clock(server, YEAR)
        equal([primary.call("EXISTS", key) for key in ("behind", "long", "for ever")], [0, 0, 1], "what is left a year later")
        wait_until(lambda: replica.call("DBSIZE") == 1, "its replica drops it")
        equal([int(s.call("DBSIZE")) for s in (primary, replica)], [1, 1], "keys")


def test_who_waits_is_not_forgotten():
    """A transaction that CLIENT PAUSE holds back runs when the pause is over, although the clock went back meanwhile."""
    with pair().start() as cluster:
        cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])
        for by in (-5 * HOUR, -YEAR):
            client = cluster[0].connect(timeout_s=60)
            for words in (("MULTI",), ("SET", "key", by)):
                client.call(*words)
            cluster[0].call("CLIENT", "PAUSE", 10 * MINUTE * 1000, "WRITE")
            client.send(("EXEC",))
            check(not client.answers_within(0.1), "CLIENT PAUSE held it back")
            set_clock(cluster[0], by)
            cluster[0].call("CLIENT", "UNPAUSE")
            equal(client.read(), ["OK"], "EXEC, after the pause")
            equal(cluster[0].call("GET", "key"), str(by), "what it wrote")
            client.close()


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(test_a_step_is_seen, test_what_has_a_ttl, test_who_waits_is_not_forgotten, test_steps_under_load)
