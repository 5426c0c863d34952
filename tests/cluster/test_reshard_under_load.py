#!/usr/bin/python3
"""Slots are moved key by key, there and back, while 16 clients write counters, lists and pairs of keys into them and
primaries are killed (kill -9) at random, each of the two shards between which slots move included.

Asserted: every write that was acknowledged and confirmed by WAIT 1 is there, once and in order, at every read in between and
in the end; no counter gives a confirmed value twice; no value is there twice whatever became of its acknowledgement; the two
keys of a pair are never seen apart; every slot ends with one owner, none stays open, no key lies where it is not served.

  --rounds N   (default 2)      --slots N   moved per direction (default 120)     --seed N"""
import threading

from harness import check, main
from load_rounds import options, play
from slot_mover import SlotMover

SLOTS_WITH_KEYS = 40  # of those that are moved: so that every move has something to do somewhere
MOVERS = 4
OPTIONS = options(rounds=2, slots=120)


class Moves(threading.Thread):
    """All of the slots from one shard to another, some of them open at the same time."""

    def __init__(self, shards, slots, source, target):
        super().__init__(daemon=True)
        self.movers = [SlotMover(shards.primary_of) for _ in range(MOVERS)]
        self.slots, self.source, self.target = slots, source, target
        self.done, self.failure = 0, None

    def run(self):
        parts = [threading.Thread(target=self.move, args=(m, self.slots[i::MOVERS])) for i, m in enumerate(self.movers)]
        for part in parts:
            part.start()
        for part in parts:
            part.join()

    def move(self, mover, slots):
        try:
            for slot in slots:
                mover.move(slot, self.source, self.target)
                self.done += 1
        except Exception as problem:  # noqa: BLE001 - it fails the test
            self.failure = problem
        mover.close()

    def pause_s(self, rng, kills):
        """Early once, then somewhere inside what is left: a kill takes seconds, in which moving waits or goes on."""
        return 0.2 + rng.random() * (1.5 + len(self.slots) / 1000) if kills else 0.05 + rng.random() * 0.3

    def told(self):
        retries, replaced = (sum(getattr(m, name) for m in self.movers) for name in ("retries", "replaced"))
        return f"{self.done} slots moved, {retries} steps repeated, {replaced} copies replaced"


def judge(total):
    check(total["confirmed"] > 500 and total["ASK"] > 0, f"the load did not meet the moves: {total}")


def test_slots_move_under_load_while_primaries_die():
    play(OPTIONS, Moves, SLOTS_WITH_KEYS, judge)


if __name__ == "__main__":
    main(test_slots_move_under_load_while_primaries_die)
