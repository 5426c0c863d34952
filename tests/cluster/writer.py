"""Cluster-aware clients of our own: a map from slots to nodes that follows MOVED, a writer that knows which of its
writes were acknowledged and which of those a replica had confirmed, and a reader that checks them."""
import threading
import time
import traceback

from resp import SLOTS, Client, RespError, address_of_redirect, slot_of, tag_of

REDIRECTS_MAX = 5


class ClusterClient:
    """One thread's client. call() follows MOVED and raises OSError or RespError when the cluster does not serve."""

    def __init__(self, addresses, timeout_s=1.0):
        self.addresses = [tuple(a) for a in addresses]
        self.timeout_s = timeout_s
        self.owner = {}  # slot -> address, learnt from MOVED and CLUSTER SLOTS
        self._connections = {}
        self._next = 0

    def close(self):
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def connection(self, address):
        connection = self._connections.get(address)
        if connection is None:
            connection = self._connections[address] = Client(*address, timeout_s=self.timeout_s)
        return connection

    def drop(self, address):
        connection = self._connections.pop(address, None)
        if connection is not None:
            connection.close()

    def another(self):
        """Some node, another one each time: whoever knows redirects."""
        self._next += 1
        return self.addresses[self._next % len(self.addresses)]

    def refresh(self):
        for _ in self.addresses:
            address = self.another()
            try:
                for first, last, primary, *_ in self.connection(address).call("CLUSTER", "SLOTS"):
                    for slot in range(first, last + 1):
                        self.owner[slot] = (primary[0], primary[1])
                return
            except (OSError, RespError):
                self.drop(address)
        raise ConnectionError("no node answers CLUSTER SLOTS")

    def call_at(self, key, *arguments):
        """(reply, address that gave it)"""
        slot = slot_of(key)
        address = self.owner.get(slot) or self.another()
        for _ in range(REDIRECTS_MAX):
            try:
                reply = self.connection(address).ask(*arguments)
            except OSError:
                self.drop(address)
                for lost in [s for s, at in self.owner.items() if at == address]:
                    del self.owner[lost]
                raise
            if not isinstance(reply, RespError):
                self.owner[slot] = address
                return reply, address
            if not str(reply).startswith("MOVED"):
                self.owner.pop(slot, None)
                self.refresh()
                raise reply
            address = address_of_redirect(reply)
            self.owner[slot] = address
        self.owner.pop(slot, None)
        raise RespError(f"more than {REDIRECTS_MAX} redirects, the last: {reply}")

    def call(self, key, *arguments):
        return self.call_at(key, *arguments)[0]


class Outage:
    def __init__(self, began, reason):
        self.began, self.ended, self.reasons = began, None, [reason]

    @property
    def seconds(self):
        return None if self.ended is None else self.ended - self.began

    def __repr__(self):
        took = "still on" if self.ended is None else f"{self.seconds:.3f} s"
        return f"<outage {took}: {'; '.join(dict.fromkeys(self.reasons))}>"


class Writer(threading.Thread):
    """SETs keys of its own, each once with one value, one at a time, into `slots`; a write that fails is tried again
    until it is acknowledged. Every `confirm_every` writes WAIT tells which of them a replica has."""

    def __init__(self, addresses, slots=None, name="w", confirm_every=20, retry_s=0.005, pace_s=0.0, timeout_s=1.0):
        super().__init__(daemon=True)
        self.client = ClusterClient(addresses, timeout_s)
        self.slots = list(slots) if slots is not None else list(range(0, SLOTS, 61))
        self.prefix, self.confirm_every, self.retry_s, self.pace_s = name, confirm_every, retry_s, pace_s
        self.acknowledged = {}  # key -> value
        self.acknowledged_at = {}  # key -> monotonic time
        self.confirmed = {}  # key -> value; on a replica too
        self.outages = []
        self.writes = 0
        self._pending = {}  # address -> keys acknowledged there since the last WAIT that succeeded
        self._since_confirm = 0
        self._stopping = threading.Event()
        self._failure = None

    def run(self):
        try:
            self.client.refresh()
            number = 0
            while not self._stopping.is_set():
                slot = self.slots[number % len(self.slots)]
                self._write(f"{self.prefix}:{{{tag_of(slot)}}}:{number}", f"{self.prefix}-{number}")
                number += 1
                if self.pace_s:
                    self._stopping.wait(self.pace_s)
        except Exception as failure:  # noqa: BLE001 - handed to whoever stops us
            self._failure = failure
            traceback.print_exc()

    def _write(self, key, value):
        outage = None
        while not self._stopping.is_set():
            try:
                reply, address = self.client.call_at(key, "SET", key, value)
            except (OSError, RespError) as problem:
                now = time.monotonic()
                if outage is None:
                    outage = Outage(now, str(problem))
                    self.outages.append(outage)
                elif outage.reasons[-1] != str(problem) and len(outage.reasons) < 50:
                    outage.reasons.append(str(problem))
                if isinstance(problem, OSError):  # what that connection held can no longer be confirmed
                    self._forget_lost_connections()
                self._stopping.wait(self.retry_s)
                continue
            now = time.monotonic()
            if outage is not None:
                outage.ended = now
            assert reply == "OK", f"SET {key}: {reply!r}"
            self.acknowledged[key], self.acknowledged_at[key] = value, now
            self._pending.setdefault(address, []).append(key)
            self.writes += 1
            self._since_confirm += 1
            if self._since_confirm >= self.confirm_every:
                self._confirm()
            return

    def _forget_lost_connections(self):
        for address in list(self._pending):
            if address not in self.client._connections:
                del self._pending[address]

    def _confirm(self):
        self._since_confirm = 0
        for address, keys in list(self._pending.items()):
            connection = self.client._connections.get(address)
            if connection is None:
                del self._pending[address]
                continue
            try:
                if connection.call("WAIT", 1, 200) >= 1:
                    self.confirmed.update((k, self.acknowledged[k]) for k in keys)
                    self._pending[address] = []
            except RespError:
                self._pending[address] = []  # no longer a primary
            except OSError:
                self.client.drop(address)
                del self._pending[address]

    def stop(self):
        self._stopping.set()
        self.join(30)
        if self.is_alive():
            raise RuntimeError("the writer does not stop")
        self.client.close()
        if self._failure is not None:
            raise self._failure

    def finish(self):
        """Stops; whatever the last WAITs can still confirm is confirmed."""
        self._stopping.set()
        self.join(30)
        if self._failure is None and not self.is_alive():
            self._confirm()
        self.stop()

    def outage_since(self, moment):
        """The first outage that began then or later and is over; None while there is none."""
        return next((o for o in self.outages if o.began >= moment and o.ended is not None), None)


def missing_keys(addresses, expected, limit_s=30):
    """Those of `expected` (key -> value) that do not read back: [(key, wanted, found)]. Waits for the cluster to serve,
    never for a value to change."""
    client = ClusterClient(addresses, timeout_s=3)
    missing, deadline = [], time.monotonic() + limit_s
    try:
        for key, value in expected.items():
            while True:
                try:
                    found = client.call(key, "GET", key)
                    break
                except (OSError, RespError) as problem:
                    if time.monotonic() > deadline:
                        raise AssertionError(f"GET {key} is not served: {problem}") from problem
                    time.sleep(0.05)
            if found != value:
                missing.append((key, value, found))
    finally:
        client.close()
    return missing


def load_keys(addresses, count, name="k", value=None):
    """Sets `count` keys by pipelines to their owners; returns key -> value."""
    client = ClusterClient(addresses, timeout_s=10)
    client.refresh()
    expected = {f"{name}:{n}": value or f"{name}-{n}" for n in range(count)}
    by_owner = {}
    for key in expected:
        by_owner.setdefault(client.owner[slot_of(key)], []).append(key)
    for address, keys in by_owner.items():
        for at in range(0, len(keys), 500):
            for reply in client.connection(address).pipeline(("SET", k, expected[k]) for k in keys[at : at + 500]):
                if reply != "OK":
                    raise AssertionError(f"SET at {address}: {reply}")
    client.close()
    return expected
