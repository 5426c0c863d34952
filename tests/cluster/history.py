"""Clients that write down what they sent, what they were answered and when; and what must never be in such a history.

A register is a string key with one writer; its values are "<register>:<number>", the number rises with every try. All
times are CLOCK_BOOTTIME in seconds: the clients, the servers and their traces share one machine.

A term is the time of one server as primary of one shard, in the order in which the shard's log (natively: an election)
gave it. What is never allowed, whatever happens (names as in the result of judge()):
  late_acknowledged   a command that ran after the lease had ended, and its reply left the server
  late_replicated     the same, and its write reached another server
  stale_reads         a read sent after a newer term's first acknowledged write of that register, answered with less
  two_primaries       a reply by an older term to a request sent after a newer term's first acknowledged write
  lost_confirmed      a write that WAIT had confirmed, and a later read finds less
What is only counted: late_executed, and of it late_kept: its client was cut off, the fence held, and then this very server
got its lease back with nobody else primary in between, so that the write of unknown outcome became one of the new lease;
lost_unconfirmed: acknowledged, not on the next primary (replication is asynchronous).
"""
import bisect
import random
import re
import struct
import threading
import time
from collections import namedtuple
from datetime import datetime

from resp import Client, RespError, address_of_redirect, tag_of

NEVER = ("late_acknowledged", "late_replicated", "stale_reads", "two_primaries", "lost_confirmed")
COUNTED = ("acknowledged", "confirmed", "reads", "unknown", "late_executed", "late_kept", "lost_unconfirmed")
EXECUTED, REPLICATED = 1, 2

Write = namedtuple("Write", "register number server sent replied")
Read = namedtuple("Read", "register number server sent replied ran_at lease_until")
Executed = namedtuple("Executed", "register number at lease_until kind")
Term = namedtuple("Term", "order begin server")  # order: comparable among the terms of one shard


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Register:
    _next = 0

    def __init__(self, slot):
        Register._next += 1
        self.id, self.slot, self.number = Register._next, slot, 0
        self.key = f"register:{{{tag_of(slot)}}}:{self.id}"

    def next_value(self):
        self.number += 1
        return f"{self.id}:{self.number}"


class History:
    """What the clients of one shard saw. Appending is all that threads do."""

    def __init__(self):
        self.writes, self.reads = [], []
        self.confirmed = {}  # register -> [(confirmed at, number)], rising
        self.unknown = 0

    def confirm(self, register, number, at):
        known = self.confirmed.setdefault(register, [])
        if not known or number > known[-1][1]:
            known.append((at, number))

    def acknowledged_by(self, server, since):
        return [w for w in self.writes if w.server == server and w.replied >= since]


class HistoryClient(threading.Thread):
    """Works on registers of one shard, follows MOVED unless it is told to stay at `only`."""

    def __init__(self, history, addresses, registers, kind, source=None, only=None, seed=None, timeout_s=0.3):
        super().__init__(daemon=True)
        self.history, self.addresses, self.registers = history, list(addresses), registers
        self.kind, self.source, self.only, self.timeout_s = kind, source, only, timeout_s
        self.rng = random.Random(seed)
        self.stopping = threading.Event()
        self.failure = None
        self._at, self._connection = only, None

    def run(self):
        step = {"write": lambda: self.write(False), "confirm": lambda: self.write(True), "read": self.read}[self.kind]
        while not self.stopping.is_set():
            try:
                step()
            except OSError:
                self.drop()
            except Exception as problem:  # noqa: BLE001 - handed to whoever stops us
                self.failure = problem
                break
        self.drop()

    def drop(self):
        if self._connection is not None:
            self._connection.close()
        self._connection, self._at = None, self.only
        self.stopping.wait(0.01)

    def stop(self):
        self.stopping.set()
        self.join(30)
        if self.failure is not None:
            raise self.failure

    def connection(self):
        if self._connection is None:
            self._at = self._at or self.rng.choice(self.addresses)
            self._connection = Client(*self._at, timeout_s=self.timeout_s, source=self.source)
        return self._connection

    def refused(self, error):
        """Where to go next; the words of the error decide."""
        if str(error).startswith("MOVED") and self.only is None:
            self._connection.close()
            self._connection, self._at = None, address_of_redirect(error)
        elif re.match(r"MOVED|CLUSTERDOWN|TRYAGAIN|READONLY|LOADING|UNBLOCKED|NOREPLICAS|MASTERDOWN|EXECABORT|BUSY", str(error)):
            if self.only is None and self.rng.random() < 0.1:
                self.drop()
            self.stopping.wait(0.01)
        else:
            raise AssertionError(f"{self._at} says: {error}")

    def commands(self, register, value):
        """A write in one of several forms: (commands, is this list of their replies an acknowledgement)."""
        form = self.rng.random()
        if form < 0.7:
            return [("SET", register.key, value)], lambda replies: replies == ["OK"]
        if form < 0.85:
            script = "return redis.call('SET', KEYS[1], ARGV[1])"
            return [("EVAL", script, 1, register.key, value)], lambda replies: replies == ["OK"]
        return [("MULTI",), ("SET", register.key, value), ("EXEC",)], lambda replies: replies[-1] == ["OK"]

    def write(self, confirm):
        connection, server = self.connection(), self._at
        batch = []
        for register in self.rng.sample(self.registers, self.rng.choice((1, 1, 4, min(12, len(self.registers))))):
            value = register.next_value()
            batch.append((register, register.number, *self.commands(register, value)))
        sent = now()
        connection.send(*[c for _, _, commands, _ in batch for c in commands], *[("WAIT", 1, 300)] * confirm)
        acknowledged, error, left = [], None, len(batch)
        try:
            for register, number, commands, fine in batch:
                replies = [connection.read() for _ in commands]
                left -= 1
                if fine(replies):
                    self.history.writes.append(Write(register.id, number, server, sent, now()))
                    acknowledged.append((register.id, number))
                else:
                    error = next((r for r in replies if isinstance(r, RespError)), error)
            if confirm:
                copies = connection.read()
                if isinstance(copies, int) and copies >= 1 and error is None:
                    at = now()
                    for register, number in acknowledged:
                        self.history.confirm(register, number, at)
        except OSError:
            self.history.unknown += left
            raise
        if error is not None:
            self.refused(error)

    def read(self):
        connection, server = self.connection(), self._at
        register = self.rng.choice(self.registers)
        sent = now()
        reply = connection.ask("TRACE.GET", register.key)
        if isinstance(reply, RespError):
            return self.refused(reply)
        value, ran_at, lease_until = reply
        self.history.reads.append(read_of(register, value, server, sent, now(), ran_at / 1e9, lease_until / 1e9))
        self.stopping.wait(0.001)


def read_of(register, value, server, sent, replied, ran_at=0.0, lease_until=0.0):
    if value is not None and int(value.split(":")[0]) != register.id:
        raise AssertionError(f"{register.key} holds {value}")
    number = 0 if value is None else int(value.split(":")[1])
    return Read(register.id, number, server, sent, replied, ran_at, lease_until)


# -- what the servers say


def executions(server, since=0.0):
    """The records of a server's traces, of all its lives, by time."""
    found = []
    for path in sorted(server.folder.glob("trace-*.bin")):
        with open(path, "rb") as file:
            while chunk := file.read(64 * 4096):
                records = list(struct.iter_unpack("qqI44s", chunk))
                for at, lease_until, kind, value in records:
                    if at / 1e9 >= since and at and b":" in value:
                        register, number = value.rstrip(b"\0").decode().split(":")
                        found.append(Executed(int(register), int(number), at / 1e9, lease_until / 1e9, kind))
                if records and records[-1][0] == 0:
                    break
    return sorted(found, key=lambda e: e.at)


NAMED = re.compile(r" (\d+ \w+ \d+ [\d:.]+) \S <swim> the shard's log names this node primary \(revision (\d+)\.(\d+)\)")
ELECTED = re.compile(r" (\d+ \w+ \d+ [\d:.]+) \S Failover election won")


AGAIN = re.compile(r" (\d+ \w+ \d+ [\d:.]+) \S <swim> promoted: the settled log and a live lease make this node primary")


def said(server, pattern):
    """(when, match) of what of its log matches; the log's times are whole milliseconds."""
    offset, found = time.time() - now(), []
    for match in pattern.finditer(server.log_path.read_bytes().decode("latin-1")):  # a character is a byte
        at = datetime.strptime(match[1], "%d %b %Y %H:%M:%S.%f").timestamp() - offset
        if server.clock is not None:
            at = server.clock.true_time(at, match.start())
        found.append((at - 0.001, match))
    return found


def terms_of(server):
    """When this server was made primary: rising, by the words of its log."""
    return [
        Term((at,) if server.native else (int(match[2]), int(match[3])), at, server.address)
        for at, match in said(server, ELECTED if server.native else NAMED)
    ]


class Terms:
    """Of one shard. `by_server`: address -> terms, rising; `again`: address -> when it was made primary or found that it
    still is, with a lease."""

    def __init__(self, by_server, again):
        self.by_server, self.again = by_server, again

    @staticmethod
    def told_by(servers):
        by_server, again = {}, {}
        for server in servers:
            first = Term((0, 0) if not server.native else (0.0,), 0.0, server.address)
            by_server[server.address] = sorted([first, *terms_of(server)], key=lambda t: t.begin)
            again[server.address] = [at for at, _ in said(server, AGAIN)]
        return Terms(by_server, again)

    def of(self, operation):
        """The term in which this reply was given."""
        terms = self.by_server[operation.server]
        return terms[bisect.bisect_right([t.begin for t in terms], operation.replied) - 1]

    def one_primary(self, address, since, until):
        """Nobody else was made primary in between."""
        others = [t.begin for server, terms in self.by_server.items() if server != address for t in terms]
        return not any(since < begin < until for begin in others)


# -- the judgement


def judge(history, terms, traces):
    """`traces`: server -> executions, of one shard. Counts by name, and `examples` of what is wrong."""
    writes = sorted(history.writes, key=lambda w: w.replied)
    result = {name: 0 for name in NEVER + COUNTED}
    result |= {
        "acknowledged": len(writes), "reads": len(history.reads), "unknown": history.unknown,
        "confirmed": sum(len(numbers) for numbers in history.confirmed.values()), "examples": [],
    }  # fmt: skip

    def wrong(name, what):
        result[name] += 1
        if len(result["examples"]) < 20:
            result["examples"].append(f"{name}: {what}")

    judge_lateness(history, terms, traces, result, wrong)
    judge_order(history, terms, writes, wrong)
    for read in history.reads:
        confirmed = history.confirmed.get(read.register, [])
        at = bisect.bisect_left(confirmed, (read.sent, 0)) - 1
        if at >= 0 and read.number < confirmed[at][1]:
            wrong("lost_confirmed", f"{read} after the confirmed {confirmed[at]}")
    result["lost_unconfirmed"] = count_lost(writes, terms, traces)
    return result


def judge_lateness(history, terms, traces, result, wrong):
    if all(server.native for server in traces):
        return  # no leases there
    acknowledged = {(w.register, w.number, w.server) for w in history.writes}
    seen = {}  # (register, number) -> [(when, address)] where its effect was seen
    for server, trace in traces.items():
        for e in trace:
            if e.kind == REPLICATED:
                seen.setdefault((e.register, e.number), []).append((e.at, server.address))
    for read in history.reads:
        seen.setdefault((read.register, read.number), []).append((read.ran_at, read.server))
    for server, trace in traces.items():
        for at, e in enumerate(trace):
            if e.kind != EXECUTED or e.at < e.lease_until:
                continue
            result["late_executed"] += 1
            if (e.register, e.number, server.address) in acknowledged:
                wrong("late_acknowledged", f"{e} by {server}")
            elsewhere = [when for when, address in seen.get((e.register, e.number), []) if address != server.address]
            if not elsewhere:
                continue
            leased = min(
                next((x.at for x in trace[at:] if x.kind == EXECUTED and x.at < x.lease_until), float("inf")),
                next((when for when in terms.again[server.address] if when > e.at), float("inf")),
            )
            if leased < min(elsewhere) and terms.one_primary(server.address, e.at, leased):
                result["late_kept"] += 1
            else:
                wrong("late_replicated", f"{e} by {server}")
    for one in history.reads:
        if one.lease_until and one.ran_at >= one.lease_until:
            wrong("late_acknowledged", f"{one}")


def judge_order(history, terms, writes, wrong):
    first_by_term, first_by_register = {}, {}
    for write in writes:
        term = terms.of(write)
        first_by_term.setdefault(term, write)
        first_by_register.setdefault(write.register, {}).setdefault(term, write)
    for operation in [*writes, *history.reads]:
        term = terms.of(operation)
        for newer, first in first_by_term.items():
            if newer.order > term.order and newer.server != term.server and operation.sent > first.replied:
                wrong("two_primaries", f"{operation} in {term}, after {first} in {newer}")
    for read in history.reads:
        term = terms.of(read)
        for other, first in first_by_register.get(read.register, {}).items():
            if other.order >= term.order and read.sent > first.replied and read.number < first.number:
                wrong("stale_reads", f"{read} in {term}, after {first} in {other}")


def count_lost(writes, terms, traces):
    """Acknowledged in one term, and neither they nor a later value were on the next term's server when that began."""
    by_term = {}
    for write in writes:
        by_term.setdefault(terms.of(write), []).append(write)
    order = sorted(by_term, key=lambda t: t.order)
    by_address = {server.address: trace for server, trace in traces.items()}
    lost = 0
    for term, following in zip(order, order[1:]):
        if term.server == following.server:
            continue
        there = {}
        for e in by_address[following.server]:
            if e.kind == REPLICATED and e.at <= following.begin + 0.001:
                there[e.register] = max(there.get(e.register, 0), e.number)
        lost += sum(write.number > there.get(write.register, 0) for write in by_term[term])
    return lost
