"""What a reader may see of values that one writer counts up, when primaries are killed meanwhile.

Replication is asynchronous: what was acknowledged just before a kill -9 may be gone. The driver measures how much: it asks the
primary for its offset at a moment `since`, waits until the replica has it, and kills then. So what was acknowledged before
`since` has to survive, and what is acknowledged by calls begun after the kill, too; what lies between may be lost. Without a
kill nothing is ever lost: not when slots move, not at a failover by hand.
"""
import threading
import time

FAULTS = ("move", "kill", "failover")  # other disturbances only tell more of these
KEPT = 400  # acknowledgements with their time; a kill looks back for less than a second


class Value:
    """Of one key: `tried` may be there, `floor` must be."""

    def __init__(self):
        self.tried = self.floor = 0
        self.acknowledged = []


class Ledger:
    """All values of all keys, and what the driver did to the cluster."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values = {}
        self.kills = 0  # counted up when a kill begins and when it is done
        self.killing = False
        self.disturbances = []  # [what, begin, end or None]

    def value(self, key):
        with self.lock:
            return self.values.setdefault(key, Value())

    def acknowledge(self, key, number, kills_at_begin):
        """`kills_at_begin`: self.kills when the call was begun."""
        value = self.value(key)
        with self.lock:
            value.acknowledged.append((time.time(), number))
            del value.acknowledged[:-KEPT]
            if kills_at_begin == self.kills and not self.killing:
                value.floor = max(value.floor, number)

    def event(self, event):
        with self.lock:
            if event["event"] == "kill":
                self.kills += 1
                self.killing = True
                for value in self.values.values():
                    survived = [n for at, n in value.acknowledged if at < event["since"] and n <= value.floor]
                    value.floor = max(survived, default=0)
            elif event["event"] == "killed":
                self.kills += 1
                self.killing = False
            elif event["event"] == "begin":
                self.disturbances.append([event["what"], time.time(), None])
            elif event["event"] == "end":
                for disturbance in self.disturbances:
                    if disturbance[0] == event["what"] and disturbance[2] is None:
                        disturbance[2] = time.time()

    def going_on(self):
        """What the driver is doing at this moment, as words for the report."""
        with self.lock:
            return "+".join(sorted({what for what, _, ended in self.disturbances if ended is None and what in FAULTS})) or "nothing"

    def disturbed(self, begin, end, kinds, grace_s):
        """Whether any of these kinds of disturbance touches the time from begin to end."""
        with self.lock:
            return any(
                what in kinds and begun - 0.5 <= end and (ended is None or begin <= ended + grace_s)
                for what, begun, ended in self.disturbances
            )
