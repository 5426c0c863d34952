"""The cluster that clients are tried on, what is done to it meanwhile, and the client's program that is told of it."""
import json
import queue
import subprocess
import threading
import time

from harness import Client, Cluster, RespError, say, wait_until
from load_rounds import Shards
from resp import tag_of

MOVED_SLOTS = 400  # the first ones, from the first shard to the second and back
FINAL = ("success", "failed", "cancelled")
CALM_S = 7  # at the end nothing happens: every kind of use has to be well again


def tags_for(cluster):
    """Where the clients' keys live: slots that will move and, of each shard, slots that stay."""
    slots = list(range(0, MOVED_SLOTS, MOVED_SLOTS // 5)) + [MOVED_SLOTS + 100]
    slots += [shard[2][at] for shard in cluster.shards()[1:] for at in (7, 1000)]
    return [tag_of(slot) for slot in slots]


class Program:
    """A client's program: its words and environment come from the library's row in clients_libraries.py."""

    def __init__(self, command, environment, log):
        self.log = log
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
            )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def wait_for(self, word, limit_s):
        deadline = time.monotonic() + limit_s
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the client's program did not say {word!r} within {limit_s} s") from None
            if line is None:
                raise AssertionError(f"the client's program ended: {self.log.read_text(errors='replace')[-2000:]}")
            if line == word or word == "{" and line.startswith("{"):
                return line

    def event(self, event, **fields):
        """Told before it is done: the program says that it has noted it."""
        self.process.stdin.write(json.dumps({"event": event, **fields}) + "\n")
        self.process.stdin.flush()
        if event != "stop":
            self.wait_for("noted", 30)

    def stop(self, limit_s):
        """What it says of all its calls."""
        self.event("stop")
        return json.loads(self.wait_for("{", limit_s))

    def end(self):
        self.process.kill()
        self.process.wait()


class Move(threading.Thread):
    """CLUSTER MIGRATESLOTS from one shard to another, asked for again until all slots have arrived."""

    def __init__(self, shards, source, target, limit_s=120):
        super().__init__(daemon=True)
        self.shards, self.source, self.target, self.limit_s = shards, source, target, limit_s
        self.failure = self.last_problem = None
        self.asked = 0

    def run(self):
        deadline = time.monotonic() + self.limit_s
        while not self.arrived():
            if time.monotonic() > deadline:
                self.failure = AssertionError(f"slots did not move within {self.limit_s} s: {self.last_problem}")
                return
            time.sleep(0.1)

    def arrived(self):
        try:
            (source, _), (target_at, target) = self.shards.primary_of(self.source), self.shards.primary_of(self.target)
            ranges = ask(target_at, "CLUSTER", "SLOTS")
            owned = {s for first, last, primary, *_ in ranges if primary[2] == target for s in range(first, last + 1)}
            left = [slot for slot in range(MOVED_SLOTS) if slot not in owned]
            if left and not self.under_way(source):
                ask(source, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", left[0], left[-1], "NODE", target)
                self.asked += 1
            return not left
        except (OSError, RespError, LookupError) as problem:
            self.last_problem = problem
            return False

    @staticmethod
    def under_way(source):
        listed = ask(source, "CLUSTER", "GETSLOTMIGRATIONS")
        return any(one[one.index("state") + 1] not in FINAL for one in listed)


def ask(address, *words):
    client = Client(*address, timeout_s=5)
    try:
        return client.call(*words)
    finally:
        client.close()


class Faults:
    """One round after the other: slots move there, a primary dies, one is failed over by hand, slots move back (every other
    time a primary dies meanwhile). Servers are started by the main thread, so this runs there."""

    def __init__(self, cluster, program):
        self.cluster, self.program = cluster, program
        self.shards = Shards(cluster)
        self.moves = self.kills = self.failovers = 0

    def play(self, seconds):
        began = time.monotonic()
        number = 0
        while number == 0 or time.monotonic() - began < seconds:
            self.move(0, 1)
            time.sleep(1)
            self.kill(number % 3)
            time.sleep(1)
            self.fail_over((number + 1) % 3)
            time.sleep(1)
            self.move(1, 0, killing=number % 2 if number % 2 else None)
            time.sleep(2)
            number += 1
        self.cluster.wait_ok()
        time.sleep(CALM_S)
        return f"{self.moves} moves, {self.kills} kills, {self.failovers} failovers by hand in {time.monotonic() - began:.0f} s"

    def move(self, source, target, killing=None):
        self.program.event("begin", what="move")
        mover = Move(self.shards, source, target)
        mover.start()
        if killing is not None:
            wait_until(lambda: mover.asked or not mover.is_alive(), "the move began", 60)
            self.kill(killing)
        mover.join()
        if mover.failure is not None:
            raise mover.failure
        self.moves += 1
        self.program.event("end", what="move")

    def shard(self, number):
        """(primary, its replica), once its members agree."""
        members = self.shards.members[number]
        return next((p, r[0]) for p, r, _ in self.cluster.shards() if r and p.id() in members)

    def kill(self, number):
        """kill -9; the program knows a moment `since`, before which everything that was acknowledged has reached the replica."""
        victim, replica = self.shard(number)
        self.program.event("begin", what="kill")
        # Subscribers of a classic channel elsewhere miss nothing, except what the dying node was to pass on.
        pubsub = ["dying", "cut"] if int(victim.call("PUBSUB", "NUMSUB", "news")[1]) else ["dying"]
        for what in pubsub:
            self.program.event("begin", what=what)
        since = time.time()
        offset = int(victim.replication()["master_repl_offset"])
        wait_until(
            lambda: int(replica.replication()["slave_repl_offset"]) >= offset,
            f"{replica} has what {victim} had", 30, every_s=0.005,
        )  # fmt: skip
        self.program.event("kill", since=since)
        victim.kill()
        self.program.event("killed")
        self.program.event("end", what="dying")
        self.kills += 1
        wait_until(lambda: replica.role() == "master", f"{replica} took over", 60)
        time.sleep(1)
        victim.start()
        self.cluster.wait_ok()
        for what in ("kill", "cut"):
            self.program.event("end", what=what)

    def fail_over(self, number):
        _, replica = self.shard(number)
        self.program.event("begin", what="failover")

        def asked():
            if replica.role() == "master":
                return True
            replica.ask("CLUSTER", "FAILOVER")
            try:
                return wait_until(lambda: replica.role() == "master", "it is primary", 10)
            except AssertionError:
                return False

        wait_until(asked, f"{replica} is primary after CLUSTER FAILOVER", 60)
        self.cluster.wait_ok()
        self.failovers += 1
        self.program.event("end", what="failover")


def new_cluster():
    cluster = Cluster(6).start()
    say(f"a cluster of 3 primaries and 3 replicas, {cluster[0].version}")
    cluster.create(replicas=1)
    return cluster


def empty(cluster):
    for primary, _, _ in cluster.shards():
        primary.call("FLUSHALL")
    cluster.wait_ok()
    cluster.wait_replicated()
