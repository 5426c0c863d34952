#!/usr/bin/python3
"""The judge of histories can say no: for everything that must never happen a small history in which it did, beside one in
which it nearly did. No servers."""
from harness import equal, main
from history import EXECUTED, REPLICATED, Executed, History, Read, Term, Terms, Write, judge
from history import NEVER


class FakeServer:
    native = False

    def __init__(self, name):
        self.address = (name, 1)

    def __repr__(self):
        return self.address[0]


def verdict(writes=(), reads=(), confirmed=(), traces=(), again=()):
    """Servers a and b; b was made primary at 10 under revision (1, 1); a found at `again` that it has a lease. Writes and reads as (number, server, sent, replied)
    of register 7."""
    a, b = FakeServer("a"), FakeServer("b")
    history = History()
    history.writes = [Write(7, n, (s, 1), sent, replied) for n, s, sent, replied in writes]
    history.reads = [Read(7, n, (s, 1), sent, replied, *(more or (replied, replied + 1))) for n, s, sent, replied, *more in reads]
    for at, number in confirmed:
        history.confirm(7, number, at)
    trace = {server: [Executed(7, *t) for s, *t in traces if s == server.address[0]] for server in (a, b)}
    first = {"a": [Term((0, 0), 0.0, ("a", 1))], "b": [Term((0, 0), 0.0, ("b", 1)), Term((1, 1), 10.0, ("b", 1))]}
    result = judge(history, Terms({s.address: first[s.address[0]] for s in (a, b)}, {a.address: again, b.address: []}), trace)
    return {name: result[name] for name in NEVER if result[name]}, result


def test_late_commands():
    late, in_time = ("a", 1, 9.5, 9.0, EXECUTED), ("a", 1, 9.5, 9.6, EXECUTED)
    acknowledged = [(1, "a", 8.9, 9.7)]
    equal(verdict(acknowledged, traces=[late])[0], {"late_acknowledged": 1}, "a late write that was acknowledged")
    equal(verdict(acknowledged, traces=[in_time])[0], {}, "one in time, answered late")
    equal(verdict(traces=[late])[0], {}, "late, and nobody heard of it")
    equal(verdict(traces=[late, ("b", 1, 9.8, 0.0, REPLICATED)])[0], {"late_replicated": 1}, "late, on the replica")
    equal(verdict(traces=[late], reads=[(1, "b", 11, 11.1)])[0], {"late_replicated": 1}, "late, read at the successor")
    kept = [late, ("a", 2, 9.7, 10.5, EXECUTED), ("b", 1, 9.8, 0.0, REPLICATED)]
    equal(verdict(traces=kept)[1]["late_kept"], 1, "late, and the same primary had a lease again")
    again = verdict(traces=[late, ("b", 1, 9.8, 0.0, REPLICATED)], again=[9.7])
    equal((again[0], again[1]["late_kept"]), ({}, 1), "the same, told by its log alone")
    sooner = verdict(traces=[late, ("b", 1, 9.65, 0.0, REPLICATED)], again=[9.7])[0]
    equal(sooner, {"late_replicated": 1}, "replicated before it had a lease again")
    too_late = [late, ("a", 2, 10.7, 11.5, EXECUTED), ("b", 1, 10.8, 0.0, REPLICATED)]
    equal(verdict(traces=too_late)[0], {"late_replicated": 1}, "the lease came back after another had been primary")
    equal(verdict(reads=[(0, "a", 8, 9, 8.9, 8.5)])[0], {"late_acknowledged": 1}, "a late read that was answered")


def test_order():
    successor = (5, "b", 10.1, 10.2)
    equal(verdict([successor, (4, "a", 10.3, 10.4)])[0], {"two_primaries": 1}, "the old one acknowledges after the new one")
    equal(verdict([successor, (4, "a", 10.1, 10.4)])[0], {}, "sent before that: it may have run before")
    equal(verdict([successor], [(4, "a", 10.3, 10.4)])[0], {"two_primaries": 1, "stale_reads": 1}, "a stale read")
    equal(verdict([successor], [(4, "b", 10.3, 10.4)])[0], {"stale_reads": 1}, "at the new one itself")
    equal(verdict([successor], [(5, "b", 10.3, 10.4)])[0], {}, "what was written")


def test_losses():
    equal(verdict(confirmed=[(5.0, 3)], reads=[(2, "b", 11, 12)])[0], {"lost_confirmed": 1}, "a confirmed write is gone")
    equal(verdict(confirmed=[(5.0, 3)], reads=[(3, "b", 11, 12)])[0], {}, "it is there")
    equal(verdict(confirmed=[(5.0, 3)], reads=[(2, "b", 4.9, 12)])[0], {}, "a read sent before the confirmation")
    acknowledged = [(3, "a", 8, 9), (4, "b", 11, 12)]
    equal(verdict(acknowledged)[1]["lost_unconfirmed"], 1, "never replicated")
    equal(verdict(acknowledged, traces=[("b", 3, 9, 0, REPLICATED)])[1]["lost_unconfirmed"], 0, "replicated in time")


if __name__ == "__main__":
    main(test_late_commands, test_order, test_losses)
