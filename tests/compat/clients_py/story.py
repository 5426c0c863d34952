"""The six kinds of use, written once for all Python libraries; each runs in a thread and with connections of its own.

An adapter offers: connect(), command(client, *words), pipeline(client, commands), transaction(client, commands),
script(client, source, keys, arguments), blpop(client, key, timeout_s), publish(client, channel, message, shard),
subscriber(shard, *channels), which has next() -> [(channel, message)] and close(). What it does not offer is None.
"""
import random
import re
import sys
import threading
import time
import traceback

PAUSE_S = 0.04  # between two steps of a kind: the machine is small
AFTER_ERROR_S = 0.1
BLOCK_S = 5
GRACE_S = 6  # how long a subscriber may take to be back after a disturbance

COUNT = "local n = server.call('INCR', KEYS[1]) server.call('SET', KEYS[2], n) return n"
READ = "return server.call('MGET', KEYS[1], KEYS[2])"
# A push that its client sends twice, because the connection broke, happens once.
PUSH = """if tonumber(ARGV[1]) > tonumber(server.call('GET', KEYS[2]) or 0) then
server.call('SET', KEYS[2], ARGV[1]) server.call('RPUSH', KEYS[1], ARGV[1]) end return 1"""


class Failed(Exception):
    """This call ended with an error, which is counted; the step ends."""


def text_of(problem):
    """An error's kind and words without what changes each time."""
    text = re.sub(r"[0-9a-f]{40}", "<id>", f"{type(problem).__name__}: {problem}".replace("\n", " "))
    return re.sub(r"\d+", "N", text)[:160]


def count_error(errors, problem, ledger, what=""):
    """By its text and by what was done to the cluster when it came."""
    when = errors.setdefault(text_of(problem) + (what and f" [{what}]"), {})
    going_on = ledger.going_on()
    when[going_on] = when.get(going_on, 0) + 1


class Kind(threading.Thread):
    """Repeats its step until told to stop, and counts what became of its calls."""

    def __init__(self, adapter, ledger, tags, hang_s):
        super().__init__(daemon=True)
        self.adapter, self.ledger, self.tags, self.hang_s = adapter, ledger, tags, hang_s
        self.calls = self.ok = self.hangs = 0
        self.errors, self.wrong, self.extra = {}, [], {}
        self.stopping = threading.Event()
        self.last_ok = 0.0
        self.running = {}  # thread -> [when its call began, whether it was counted as hanging]
        self.client = None

    @property
    def label(self):
        return type(self).__name__.lower()

    def call(self, function, *arguments, what=""):
        """`what` tells the calls of a kind apart in the report, where they differ."""
        self.calls += 1
        me = threading.get_ident()
        self.running[me] = [time.monotonic(), False]
        try:
            reply = function(*arguments)
        except Exception as problem:  # noqa: BLE001 - whatever the user of the library would see
            self.error(problem, what)
            raise Failed from problem
        finally:
            began, hung = self.running.pop(me)
            if hung:
                self.extra["longest_s"] = max(self.extra.get("longest_s", 0), round(time.monotonic() - began))
        self.ok += 1
        self.last_ok = time.time()
        return reply

    def error(self, problem, what=""):
        count_error(self.errors, problem, self.ledger, what)

    def succeeded(self, replies):
        """Whether a call that has a reply for each of its commands did; else it counts as an error after all."""
        problem = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if problem is not None:
            self.ok -= 1
            self.error(problem)
        return problem is None

    def look_for_hangs(self):
        for thread, state in list(self.running.items()):
            if not state[1] and time.monotonic() - state[0] > self.hang_s:
                state[1] = True
                self.hangs += 1
                frame = sys._current_frames().get(thread)
                where = traceback.extract_stack(frame)[-4:] if frame else []
                self.extra["hangs_in"] = [f"{f.name}:{f.lineno}" for f in where]

    def say_wrong(self, text):
        if len(self.wrong) < 50:
            self.wrong.append(text)

    def check(self, key, found, floor_before):
        """A reply that shows the key's value: not behind what must be there, not ahead of what was tried."""
        value = self.ledger.value(key)
        floor, number = min(floor_before, value.floor), int(found or 0)
        if number < floor:
            self.say_wrong(f"{key} is {number}, {floor} was acknowledged")
        return number

    def run(self):
        while not self.stopping.is_set():
            try:
                if self.client is None:
                    self.client = self.call(self.adapter.connect)
                self.step(random.choice(self.tags))
            except Failed as failed:
                if isinstance(failed.__cause__, AttributeError):
                    self.client = None  # redis-py's own fault, after which a client's transactions stay broken
                self.stopping.wait(AFTER_ERROR_S)
            except Exception as problem:  # noqa: BLE001 - a reply of a shape that nobody expects
                self.say_wrong(f"{text_of(problem)} {traceback.extract_tb(problem.__traceback__)[-1].lineno}")
            self.stopping.wait(random.random() * 2 * PAUSE_S)

    def finish(self):
        """Called once, when all is quiet."""

    def told(self):
        return {"calls": self.calls, "ok": self.ok, "errors": self.errors, "hangs": self.hangs, "wrong": self.wrong,
                "recovered": time.time() - self.last_ok < 6, **self.extra}  # fmt: skip


class Plain(Kind):
    def step(self, tag):
        key, kills = f"{{{tag}}}plain", self.ledger.kills
        value = self.ledger.value(key)
        floor = value.floor
        self.check(key, self.call(self.adapter.command, self.client, "GET", key), floor)
        value.tried += 1
        self.call(self.adapter.command, self.client, "SET", key, value.tried)
        self.ledger.acknowledge(key, value.tried, kills)
        floor = value.floor
        if self.check(key, self.call(self.adapter.command, self.client, "GET", key), floor) > value.tried:
            self.say_wrong(f"{key} is ahead of what was written")


class Pipelined(Kind):
    def pipeline(self, commands):
        """Its replies; a pipeline with an error in it did not succeed."""
        replies = self.call(self.adapter.pipeline, self.client, commands)
        self.succeeded(replies)
        if len(replies) != len(commands):
            self.say_wrong(f"{len(replies)} replies to a pipeline of {len(commands)}")
        return replies

    def look(self, keys):
        values = [self.ledger.value(key) for key in keys]
        floors = [value.floor for value in values]
        for key, value, floor, reply in zip(keys, values, floors, self.pipeline([["GET", key] for key in keys])):
            if not isinstance(reply, Exception) and self.check(key, reply, floor) > value.tried:
                self.say_wrong(f"{key} is ahead of what was written")

    def step(self, tag):
        tags = [tag] * 4 if self.adapter.pipelines_of_one_slot else random.sample(self.tags, 4)
        keys = [f"{{{t}}}pipelined{n}" for n, t in enumerate(tags)]
        self.look(keys)
        values, kills = [self.ledger.value(key) for key in keys], self.ledger.kills
        for value in values:
            value.tried += 1
        for key, value, reply in zip(keys, values, self.pipeline([["SET", k, v.tried] for k, v in zip(keys, values)])):
            if not isinstance(reply, Exception):
                self.ledger.acknowledge(key, value.tried, kills)
        self.look(keys)


class Pairs(Kind):
    """Two keys that are only ever changed together: their halves are the same to everybody."""

    def pair(self, tag):
        return f"{{{tag}}}{self.label}:a", f"{{{tag}}}{self.label}:b"

    def check_pair(self, key, halves, floor):
        if len(set(map(str, halves))) != 1:
            self.say_wrong(f"{key}: the halves are {halves}")
        return self.check(key, halves[0], floor)

    def step(self, tag):
        one, two = self.pair(tag)
        floor, kills = self.ledger.value(one).floor, self.ledger.kills
        halves = self.count(one, two)
        number = self.check_pair(one, halves, floor)
        if number == floor and kills == self.ledger.kills:
            self.say_wrong(f"{one} is still {floor} after it was counted up")
        self.ledger.acknowledge(one, number, kills)
        floor = self.ledger.value(one).floor
        self.check_pair(one, self.read(one, two), floor)


class Transactional(Pairs):
    def transaction(self, commands):
        replies = self.call(self.adapter.transaction, self.client, commands)
        if not self.succeeded(replies):
            raise Failed
        return replies

    def count(self, one, two):
        first, second, both = self.transaction([["INCR", one], ["INCR", two], ["MGET", one, two]])
        return [first, second, *both]

    def read(self, one, two):
        first, second = self.transaction([["GET", one], ["GET", two]])
        return [first, second]


class Scripted(Pairs):
    def count(self, one, two):
        return [self.call(self.adapter.script, self.client, COUNT, [one, two], [])]

    def read(self, one, two):
        return self.call(self.adapter.script, self.client, READ, [one, two], [])


class Blocking(Kind):
    """One waits in BLPOP, another pushes a moment later."""

    pusher = None

    def step(self, tag):
        if self.pusher is None:
            self.pusher = self.call(self.adapter.connect)
        key, began, kills = f"{{{tag}}}list", time.time(), self.ledger.kills
        popped = self.ledger.value(key)
        floor, got, broke = popped.floor, [], []

        def pop():
            try:
                got.append(self.call(self.adapter.blpop, self.client, key, BLOCK_S, what="pop"))
            except Failed:
                broke.append(True)

        waiter = threading.Thread(target=pop, daemon=True)
        waiter.start()
        time.sleep(random.random() * 0.5)
        popped.tried += 1
        pushed = False
        try:
            self.call(self.adapter.script, self.pusher, PUSH, [key, f"{{{tag}}}pushed"], [popped.tried], what="push")
            pushed = True
        except Failed:
            pass
        waiter.join()
        if broke or not pushed and not got:
            return
        if got[0] is None:
            # A pop whose reply was lost with its connection has happened; without that nothing gets lost.
            if pushed and not self.ledger.disturbed(began, time.time(), ("kill", "failover"), GRACE_S):
                self.say_wrong(f"{key}: {popped.tried} was pushed and not popped within {BLOCK_S} s")
            return
        number = int(got[0])
        if number <= min(floor, popped.floor) or number > popped.tried:
            self.say_wrong(f"{key}: popped {number} after {floor}, {popped.tried} were pushed")
        self.ledger.acknowledge(key, number, kills)
