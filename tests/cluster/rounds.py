"""What the tests of faults have in common: a network of servers, load on one of its shards while something goes wrong
there, and the judgement of each round. Command line: --rounds N, --seed N, beside the names of tests."""
import random
import statistics
import sys
import time

from expect import NATIVE, VERSION, check, say, wait_until
from history import COUNTED, NEVER, History, HistoryClient, Register, Terms, executions, judge, now, read_of
from network import COMPANION, CROWD, OPERATOR
from resp import Client, RespError

SLOTS_PER_REGISTER = 97


def option(name, default):
    """--name value, taken off the command line."""
    if f"--{name}" not in sys.argv:
        return default
    at = sys.argv.index(f"--{name}")
    value = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    return int(value)


SEED = option("seed", random.randrange(1 << 30))
ROUNDS = option("rounds", 0)


class Round:
    """Load on one shard from several places, then the judgement. `crowd`, `confirmers`, `readers`: clients that lose a
    server together with its peers; `companions` stay with the server `beside`, one of each kind."""

    def __init__(self, network, shard, rng, crowd=1, confirmers=1, readers=1, beside=None, registers=12):
        self.network, self.rng = network, rng
        self.primary, self.replicas, self.slots = shard
        self.members = [self.primary, *self.replicas]
        self.history, self.registers, self.clients = History(), [], []
        self.began = now()
        kinds = [(k, CROWD, None) for k, n in (("write", crowd), ("confirm", confirmers), ("read", readers)) for _ in range(n)]
        if beside is not None:
            kinds += [(kind, COMPANION, beside.address) for kind in ("write", "confirm", "read")]
        written = []
        for kind, source, only in kinds:
            mine = self.new_registers(registers) if kind != "read" else None
            written += mine or []
            self.clients.append((kind, source, only, mine))
        addresses = [s.address for s in self.members]
        self.clients = [
            HistoryClient(self.history, addresses, mine or written, kind, source, only, rng.random())
            for kind, source, only, mine in self.clients
        ]

    def new_registers(self, count):
        made = [Register(self.rng.choice(self.slots)) for _ in range(count)]
        self.registers += made
        return made

    def start(self, enough=60):
        for client in self.clients:
            client.start()
        wait_until(
            lambda: len(self.history.writes) >= enough and len(self.history.confirmed) >= 5 and len(self.history.reads) > 5,
            "acknowledged and confirmed writes, and reads", 60,
        )  # fmt: skip
        return self

    def acknowledged_elsewhere(self, since, count=30):
        """Some other server of the shard acknowledges writes that were sent after `since`."""
        old = self.primary.address
        return sum(w.server != old and w.sent > since for w in self.history.writes[-4000:]) >= count

    def wait_for_successor(self, since, limit_s=60):
        wait_until(lambda: self.acknowledged_elsewhere(since), f"a successor of {self.primary} acknowledges writes", limit_s)
        return next(w for w in self.history.writes if w.server != self.primary.address and w.sent > since)

    def finish(self, limit_s=90):
        """Everybody healed: the clients end, the shard is whole again, everything is read once more; the judgement."""
        for client in self.clients:
            client.stop()
        self.network.wait_ok(limit_s=limit_s)
        self.read_everything()
        result = judge(self.history, Terms.told_by(self.members), {s: executions(s, self.began) for s in self.members})
        self.network.wait_replicated()
        return result

    def read_everything(self):
        connection, server = None, None
        for register in self.registers:
            for _ in range(200):
                try:
                    server = server or self.rng.choice(self.members).address
                    connection = connection or Client(*server, timeout_s=5, source=OPERATOR)
                    sent = now()
                    value, ran_at, lease_until = connection.call("TRACE.GET", register.key)
                except (OSError, RespError):
                    if connection is not None:
                        connection.close()
                    connection = server = None
                    time.sleep(0.02)
                    continue
                self.history.reads.append(
                    read_of(register, value, server, sent, now(), ran_at / 1e9, lease_until / 1e9)
                )  # fmt: skip
                break
            else:
                raise AssertionError(f"{register.key} is not served")
        if connection is not None:
            connection.close()


class Tally:
    """The sums over rounds; natively what must never be is counted only, too."""

    def __init__(self, title):
        self.title, self.sums, self.measures, self.rounds, self.bad = title, {}, {}, 0, []

    def add(self, result, what="", **measures):
        self.rounds += 1
        for name in NEVER + COUNTED:
            self.sums[name] = self.sums.get(name, 0) + result[name]
        for name, value in measures.items():
            if value is not None:
                self.measures.setdefault(name, []).append(value)
        if wrong := {name: result[name] for name in NEVER if result[name]}:
            self.bad.append(f"round {self.rounds} {what}: {wrong}\n" + "\n".join(f"    {e}" for e in result["examples"]))
            say(self.bad[-1])
        brief = ", ".join(f"{name} {result[name]}" for name in COUNTED) + "".join(
            f", {name} {value:.2f}" for name, value in measures.items() if value is not None
        )
        say(f"round {self.rounds} {what}: {brief}")

    def end(self):
        say(f"== {self.title}, {'native' if NATIVE else 'module'} {VERSION}, seed {SEED}: {self.rounds} rounds")
        for name in NEVER + COUNTED:
            print(f"   {name:20} {self.sums.get(name, 0)}")
        for name, values in self.measures.items():
            print(f"   {name:20} {min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f} (min, median, max)")
        sys.stdout.flush()
        check(NATIVE or not self.bad, "what must never happen:\n" + "\n".join(self.bad))
