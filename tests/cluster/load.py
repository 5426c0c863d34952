"""Clients that write what can be checked to the last value: counters, lists of unique values, pairs of keys that only
ever change together. They follow MOVED and ASK, try again on TRYAGAIN, and after every write ask by WAIT whether a replica
has it.

What is promised of a write that was acknowledged and confirmed by WAIT: it is there for ever, once, in order. A write that
was acknowledged and not confirmed may be lost with its primary (replication is asynchronous), one whose connection broke may
or may not have happened; neither may ever be there twice."""
import random
import threading
import time

from resp import Client, RespError, address_of_redirect, slot_of, tag_of

NOT_YET = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "UNBLOCKED", "MASTERDOWN", "NOREPLICAS")
LIST_VALUES_MAX = 150
PAUSE_MAX_S = 0.02  # between two commands of a client: 16 of them would else take the machine from the servers


class Unknown(Exception):
    """The connection broke: the write may or may not have happened."""


class Expected:
    """Of one list: what may and what must be in it."""

    def __init__(self):
        self.tried, self.confirmed = [], []


class LoadClient(threading.Thread):
    """One connection per server; `slots` are where its keys live."""

    def __init__(self, number, addresses, slots, counters, seed):
        super().__init__(daemon=True)
        self.number, self.seeds, self.slots = number, list(addresses), list(slots)
        self.counters = counters  # key -> lock-protected set of confirmed replies, shared by all clients
        self.rng = random.Random(seed)
        self.owner, self.connections = {}, {}
        self.lists, self.pairs = {}, {}
        self.redirects = {"MOVED": 0, "ASK": 0, "TRYAGAIN": 0}
        self.confirmed = self.acknowledged = self.unknown = self.reads = 0
        self.wrong = []
        self.next_value = 0
        self.stopping = threading.Event()
        self.failure = None

    # -- talking to the cluster

    def connection(self, address):
        if address not in self.connections:
            self.connections[address] = Client(*address, timeout_s=5)
        return self.connections[address]

    def drop(self, address):
        connection = self.connections.pop(address, None)
        if connection is not None:
            connection.close()

    def command(self, key, *words, wait=False):
        """(reply, confirmed). Raises Unknown; waits for as long as nobody serves the key."""
        slot, asking, address = slot_of(key), False, None
        while True:
            address = address or self.owner.get(slot) or self.rng.choice(self.seeds)
            sent = [["ASKING"]] * asking + [list(words)] + [["WAIT", 1, 1000]] * wait
            try:
                connection = self.connection(address)
            except OSError:
                self.owner.pop(slot, None)
                address, asking = None, False
                if self.stopping.wait(0.05):
                    raise Unknown from None
                continue
            try:
                replies = connection.pipeline(sent)
            except (OSError, ValueError) as problem:
                self.drop(address)
                self.owner.pop(slot, None)
                raise Unknown from problem
            reply = replies[1 if asking else 0]
            if not isinstance(reply, RespError):
                return reply, bool(wait and isinstance(replies[-1], int) and replies[-1] >= 1)
            kind = str(reply).split()[0]
            if kind not in ("MOVED", "ASK") + NOT_YET:
                raise reply
            if kind in self.redirects:
                self.redirects[kind] += 1
            asking, address = False, None
            if kind == "MOVED":
                self.owner[slot] = address_of_redirect(reply)
            elif kind == "ASK":
                address, asking = address_of_redirect(reply), True
            else:
                self.owner.pop(slot, None) if kind != "TRYAGAIN" else None
                time.sleep(0.01)
            if self.stopping.is_set() and kind in NOT_YET:
                raise Unknown

    # -- what is written

    def push(self):
        slot = self.rng.choice(self.slots)
        name, at = self.lists.get(slot, (None, 0)), 0
        if name[0] is None or len(name[1].tried) >= LIST_VALUES_MAX:
            at = name[2] + 1 if name[0] else 0
            name = self.lists[slot] = (f"list:{self.number}:{at}:{{{tag_of(slot)}}}", Expected(), at)
            self.all_lists[name[0]] = name[1]
        key, expected, _ = name
        self.next_value += 1
        value = f"{self.number}-{self.next_value}"
        expected.tried.append(value)
        _, confirmed = self.command(key, "RPUSH", key, value, wait=True)
        self.acknowledged += 1
        if confirmed:
            self.confirmed += 1
            expected.confirmed.append(value)

    def count(self):
        key = self.rng.choice(list(self.counters))
        value, confirmed = self.command(key, "INCR", key, wait=True)
        self.acknowledged += 1
        if confirmed:
            self.confirmed += 1
            self.counters[key].add(value, f"client {self.number}", self.wrong)

    def pair(self):
        slot = self.rng.choice(self.slots)
        one, two = (f"pair:{self.number}:{side}:{{{tag_of(slot)}}}" for side in "ab")
        self.next_value += 1
        value = f"{self.number}-{self.next_value}"
        tried = self.pairs.setdefault((one, two), {"tried": [], "confirmed": None})
        tried["tried"].append(value)
        _, confirmed = self.command(one, "MSET", one, value, two, value, wait=True)
        self.acknowledged += 1
        if confirmed:
            self.confirmed += 1
            tried["confirmed"] = len(tried["tried"]) - 1

    def look(self):
        """A read in between sees every confirmed write, no write twice, no half pair."""
        self.reads += 1
        if self.pairs and self.rng.random() < 0.3:
            (one, two), written = self.rng.choice(list(self.pairs.items()))
            self.wrong += wrong_pair(one, self.command(one, "MGET", one, two)[0], written)
        elif self.all_lists:
            key, expected = self.rng.choice(list(self.all_lists.items()))
            self.wrong += wrong_list(key, self.command(key, "LRANGE", key, 0, -1)[0], expected)

    def run(self):
        try:
            while not self.stopping.is_set():
                work = self.rng.choices((self.push, self.count, self.pair, self.look), (4, 3, 2, 2))[0]
                try:
                    work()
                except Unknown:
                    self.unknown += 1
                self.stopping.wait(self.rng.random() * PAUSE_MAX_S)
        except Exception as problem:  # noqa: BLE001 - it fails the test
            self.failure = problem
        for address in list(self.connections):
            self.drop(address)

    all_lists = None

    def start(self):
        self.all_lists = {}
        super().start()

    def check(self):
        """Everything once more, with nobody writing."""
        self.stopping.clear()
        for key, expected in self.all_lists.items():
            self.wrong += wrong_list(key, self.read(key, "LRANGE", key, 0, -1), expected)
        for (one, two), written in self.pairs.items():
            self.wrong += wrong_pair(one, self.read(one, "MGET", one, two), written)

    def read(self, key, *words):
        for _ in range(20):
            try:
                return self.command(key, *words)[0]
            except Unknown:
                time.sleep(0.2)
        raise AssertionError(f"{key} is not served")


class Counter:
    """The confirmed replies of a key that everybody increments."""

    def __init__(self):
        self.seen, self.lock = set(), threading.Lock()

    def add(self, value, who, wrong):
        with self.lock:
            if value in self.seen:
                wrong.append(f"{who} was confirmed the value {value} of a counter that another had been confirmed")
            self.seen.add(value)


def wrong_list(key, found, expected):
    wrong = []
    if len(set(found)) != len(found):
        wrong.append(f"{key} holds values twice: {[v for v in found if found.count(v) > 1][:4]}")
    if missing := [v for v in expected.confirmed if v not in set(found)]:
        wrong.append(f"{key} lost {len(missing)} of {len(expected.confirmed)} confirmed values: {missing[:4]}")
    order = {value: at for at, value in enumerate(expected.tried)}
    if strange := [v for v in found if v not in order]:
        wrong.append(f"{key} holds what nobody pushed: {strange[:4]}")
    elif any(order[a] > order[b] for a, b in zip(found, found[1:])):
        wrong.append(f"{key} is out of order")
    return wrong


def wrong_pair(name, found, written):
    one, two = found
    if one != two:
        return [f"{name} and its other half differ: {one} and {two}"]
    at = written["tried"].index(one) if one in written["tried"] else -1
    if one is not None and at < 0:
        return [f"{name} holds what nobody wrote: {one}"]
    if written["confirmed"] is not None and at < written["confirmed"]:
        return [f"{name} went back to {one} behind the confirmed {written['tried'][written['confirmed']]}"]
    return []
