#!/usr/bin/python3
"""A process that is stopped and goes on later (SIGSTOP, SIGCONT) while it works through what it was sent and with more
in its buffers: what it runs after its lease never leaves it. --rounds 100 is the table of docs/resilience.md."""
import random
import time

from faults import NODE_THREAD
from harness import NATIVE, VERSION, Skipped, check, equal, main, say
from history import Write, now, read_of
from network import CROWD, Network
from resp import Client
from rounds import ROUNDS, SEED, Round, Tally
from thread_stop import state_of, stopped_thread

CONNECTIONS, BEFORE, AFTER = 5, 500, 100  # 2500 commands on their way when it stops, 500 or 1000 more while it is stopped
SCRIPT = "return redis.call('SET', KEYS[1], ARGV[1])"


class Burst:
    """Commands in the buffers of one server, and later the replies that came nevertheless."""

    def __init__(self, this, server, rng):
        self.this, self.server, self.rng = this, server, rng
        self.connections = [Client(*server.address, timeout_s=30, source=CROWD) for _ in range(CONNECTIONS)]
        self.registers = [this.new_registers(8) for _ in self.connections]
        self.waiting = [[] for _ in self.connections]  # (register, number or None for a read, sent)
        for connection in self.connections:
            connection.call("PING")

    def send(self, count):
        for connection, registers, waiting in zip(self.connections, self.registers, self.waiting):
            commands, sent = [], now()
            for _ in range(count):
                register, form = self.rng.choice(registers), self.rng.random()
                if form < 0.1:
                    commands.append(("TRACE.GET", register.key))
                    waiting.append((register, None, sent))
                    continue
                value = register.next_value()
                script = ("EVAL", SCRIPT, 1, register.key, value)
                commands.append(("SET", register.key, value) if form < 0.9 else script)
                waiting.append((register, register.number, sent))
            connection.send(*commands)

    def collect(self, what_is_there=False):
        """What is answered until the connection ends, or without waiting what is there; (replies, acknowledgements)."""
        replies = good = 0
        for connection, waiting in zip(self.connections, self.waiting):
            try:
                while waiting and (not what_is_there or connection.answers_within(0.02)):
                    reply = connection.read()
                    register, number, sent = waiting.pop(0)
                    replies += 1
                    if number is None and isinstance(reply, list):
                        value, ran_at, lease_until = reply
                        self.this.history.reads.append(
                            read_of(register, value, self.server.address, sent, now(), ran_at / 1e9, lease_until / 1e9)
                        )  # fmt: skip
                    elif reply == "OK":
                        self.this.history.writes.append(Write(register.id, number, self.server.address, sent, now()))
                        good += 1
            except OSError:
                waiting.clear()
        return replies, good


def one_stop(network, rng, tally):
    shard = rng.choice(network.shards())
    primary = shard[0]
    this = Round(network, shard, rng).start()
    burst = Burst(this, primary, rng)
    time.sleep(rng.random() * 0.2)
    burst.send(BEFORE)
    time.sleep(rng.random() * 0.02)
    primary.stop()
    stopped_at = now()
    burst.send(AFTER)
    burst.collect(what_is_there=True)
    # Half of them sleep for about a lease, where the deadline falls between two commands; the others through a failover.
    if rng.random() < 0.5:
        time.sleep(0.7 + rng.random() * 0.6)
    else:
        this.wait_for_successor(stopped_at)
        burst.send(AFTER)
        time.sleep(rng.random() * 0.5)
    primary.cont()
    continued_at = now()
    replies, in_flight = burst.collect()
    time.sleep(0.3)
    # Answered behind the stop: what ran before it, at most one turn of the event loop, or within the lease after it.
    tally.add(
        this.finish(), f"{primary} slept {continued_at - stopped_at:.2f} s",
        answered_after=replies, acknowledged_after=in_flight,
    )  # fmt: skip


def stop_rounds(title, rounds, **options):
    rng, tally = random.Random(SEED), Tally(title)
    with Network(6, **options).start() as network:
        network.create(replicas=1)
        for _ in range(rounds):
            one_stop(network, rng, tally)
        if not NATIVE:
            fences = sum(int(server.fields("INFO", "swim").get("swim_fences", 0)) for server in network)
            say(f"fences: {fences}")
    tally.end()


def test_stops_under_load():
    stop_rounds("SIGSTOP, SIGCONT", ROUNDS or 8)


def test_stops_with_io_threads():
    stop_rounds("SIGSTOP, SIGCONT, io-threads 3", ROUNDS // 2 or 2, config={"io-threads": 3})


def test_stops_with_aof_always():
    stop_rounds("SIGSTOP, SIGCONT, AOF always", ROUNDS // 2 or 2, config={"appendonly": "yes", "appendfsync": "always"})


def test_the_node_thread_alone_stops():
    """The main thread goes on and hears nothing of leases any more: it serves to the end of the one it has, and no longer."""
    if NATIVE:
        raise Skipped("there is no node thread")
    rng, tally = random.Random(SEED), Tally("the node thread alone stops")
    with Network(6).start() as network:
        network.create(replicas=1)
        for _ in range(ROUNDS // 2 or 3):
            this = Round(network, rng.choice(network.shards()), rng).start()
            primary, since = this.primary, now()
            with stopped_thread(primary.pid, NODE_THREAD):
                this.wait_for_successor(since)
                equal(state_of(primary.pid, NODE_THREAD), "t", "the node thread's state")
                equal(primary.call("PING"), "PONG", "the main thread answers")
                reply = primary.ask("SET", this.registers[0].key, "late")
                check(str(reply).startswith("CLUSTERDOWN"), f"a write at {primary}: {reply!r}")
                time.sleep(rng.random())
            tally.add(this.finish(), f"{primary}")
    tally.end()


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(test_stops_under_load, test_stops_with_io_threads, test_stops_with_aof_always, test_the_node_thread_alone_stops)
