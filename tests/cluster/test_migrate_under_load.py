#!/usr/bin/python3
"""The same load and the same promises as test_reshard_under_load, but the slots move by CLUSTER MIGRATESLOTS, many at once,
while primaries are killed: a migration that a death ends is asked for again. No client ever sees half of a slot: no ASK and
no TRYAGAIN is answered.

  --rounds N   (default 1)      --slots N   moved per direction (default 400)     --seed N"""
import threading
import time

from harness import NATIVE, Skipped, check, equal, main
from load_rounds import options, play
from resp import Client, RespError

SLOTS_WITH_KEYS = 60
AT_ONCE = 100  # slots of one migration
FINAL = ("success", "failed", "cancelled")
OPTIONS = options(rounds=1, slots=400)


class Migrations(threading.Thread):
    """All of the slots from one shard to another, whoever their primaries are."""

    def __init__(self, shards, slots, source, target):
        super().__init__(daemon=True)
        self.shards, self.slots, self.source, self.target = shards, slots, source, target
        self.begun, self.failure = 0, None

    def run(self):
        try:
            for at in range(0, len(self.slots), AT_ONCE):
                self.move(self.slots[at : at + AT_ONCE])
        except Exception as problem:  # noqa: BLE001 - it fails the test
            self.failure = problem

    def move(self, slots):
        deadline = time.monotonic() + 180
        while True:
            check(time.monotonic() < deadline, f"slots {slots[0]}-{slots[-1]} do not arrive: {self.state()}")
            try:
                left = [slot for slot in slots if slot not in self.owned(self.target)]
                if not left:
                    return
                self.ask_for(left)
            except (OSError, RespError, LookupError):
                pass
            time.sleep(0.05)

    def owned(self, shard):
        """What the shard's own primary serves."""
        address, name = self.shards.primary_of(shard)
        client = Client(*address, timeout_s=2)
        try:
            ranges = client.call("CLUSTER", "SLOTS")
        finally:
            client.close()
        return {s for first, last, primary, *_ in ranges if primary[2] == name for s in range(first, last + 1)}

    def ask_for(self, slots):
        """One migration of what the source still has, unless one is under way."""
        address, _ = self.shards.primary_of(self.source)
        _, target = self.shards.primary_of(self.target)
        client = Client(*address, timeout_s=5)
        try:
            going = [m for m in client.call("CLUSTER", "GETSLOTMIGRATIONS") if m[m.index("state") + 1] not in FINAL]
            if any(m[m.index("operation") + 1] == "EXPORT" for m in going):
                return
            words = [word for slot in slots for word in (slot, slot)]
            client.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words, "NODE", target)
            self.begun += 1
        finally:
            client.close()

    def state(self):
        found = []
        for shard in (self.source, self.target):
            try:
                address, _ = self.shards.primary_of(shard)
                client = Client(*address, timeout_s=2)
                found.append(client.call("CLUSTER", "GETSLOTMIGRATIONS")[:3])
                client.close()
            except (OSError, RespError, LookupError) as problem:
                found.append(problem)
        return found

    @staticmethod
    def pause_s(rng, _kills):
        return rng.random() * 0.6

    def told(self):
        return f"{len(self.slots)} slots in {self.begun} migrations"


def judge(total):
    equal((total["ASK"], total["TRYAGAIN"]), (0, 0), "halves of slots that clients saw")
    check(total["confirmed"] > 500, f"the load did not meet the moves: {total}")


def test_slots_migrate_under_load_while_primaries_die():
    if NATIVE:
        raise Skipped("8.0 has no MIGRATESLOTS")
    play(OPTIONS, Migrations, SLOTS_WITH_KEYS, judge)


if __name__ == "__main__":
    main(test_slots_migrate_under_load_while_primaries_die)
