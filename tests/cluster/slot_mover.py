"""Moves slots key by key, as valkey-cli does, but goes on where it was when a server dies: every step is repeated from
what the servers say, never from what was remembered."""
import time

from resp import Client, RespError

BATCH = 20
MIGRATE_TIMEOUT_MS = 3000


class SlotMover:
    """`primary_of(shard)` names the present primary's (address, id) of a shard by any of its members' ids."""

    def __init__(self, primary_of, limit_s=90):
        self.primary_of = primary_of
        self.limit_s = limit_s
        self.moved = self.retries = self.replaced = 0
        self.last_problem = None
        self._connections = {}

    def ask(self, address, *command):
        connection = self._connections.get(address)
        if connection is None:
            connection = self._connections[address] = Client(*address, timeout_s=10)
        try:
            return connection.ask(*command)
        except (OSError, ValueError):
            self._connections.pop(address).close()
            raise

    def call(self, address, *command):
        reply = self.ask(address, *command)
        if isinstance(reply, RespError):
            raise reply
        return reply

    def move(self, slot, source, target, stop=lambda: False):
        """Until the target's primary owns the slot, or `stop` says so; False then."""
        deadline = time.monotonic() + self.limit_s
        while not stop():
            try:
                if self._try(slot, self.primary_of(source), self.primary_of(target)):
                    self.moved += 1
                    return True
            except (OSError, ValueError, LookupError, RespError) as problem:
                self.last_problem = problem
                self.retries += 1
            if time.monotonic() > deadline:
                raise AssertionError(f"slot {slot} cannot be moved for {self.limit_s} s: {self.last_problem}")
            time.sleep(0.05)
        return False

    def _try(self, slot, source, target):
        (source_address, source_id), (target_address, target_id) = source, target
        reply = self.ask(target_address, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        if "already the owner" not in str(reply):  # else NODE says whether it is, or only has not let go yet
            if isinstance(reply, RespError):
                raise reply
            self.call(source_address, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            self._empty(slot, source_address, target_address)
        self.call(target_address, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        self.call(source_address, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        return True

    def _empty(self, slot, source, target):
        while names := self.call(source, "CLUSTER", "GETKEYSINSLOT", slot, BATCH):
            command = ["MIGRATE", target[0], target[1], "", 0, MIGRATE_TIMEOUT_MS]
            reply = self.ask(source, *command, "KEYS", *names)
            if "BUSYKEY" in str(reply):
                # Its copy was made before the source died, and the source's successor has gone on with the key.
                self.replaced += 1
                reply = self.ask(source, *command, "REPLACE", "KEYS", *names)
            if isinstance(reply, RespError):
                raise reply

    def close(self):
        for connection in self._connections.values():
            connection.close()
        self._connections = {}
