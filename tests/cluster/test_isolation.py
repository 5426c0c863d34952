#!/usr/bin/python3
"""A primary is cut off together with some clients: it acknowledges for at most a lease, and never after its successor
has begun. --rounds 50 is the table of docs/resilience.md."""
import random
import time

from harness import NATIVE, VERSION, check, main, say
from network import Network
from rounds import ROUNDS, SEED, Round, Tally

LEASE_S = 1.0


def isolate_rounds(title, rounds, cut, beside=True):
    rng, tally = random.Random(SEED), Tally(title)
    with Network(6).start() as network:
        network.create(replicas=1)
        for number in range(rounds):
            shard = rng.choice(network.shards())
            primary = shard[0]
            this = Round(network, shard, rng, beside=primary if beside else None).start()
            time.sleep(rng.random() * 0.3)
            cut_at = cut(network, primary)
            first = this.wait_for_successor(cut_at)
            time.sleep(0.3 + rng.random())
            last = max((w.replied for w in this.history.acknowledged_by(primary.address, cut_at)), default=cut_at)
            network.heal()
            result = this.finish()
            tally.add(result, f"{primary}", served_s=last - cut_at, outage_s=first.replied - cut_at)
            # What ran when is the judge's; this is when its client read it.
            check(NATIVE or last - cut_at < LEASE_S + 1, f"{primary} acknowledged for {last - cut_at:.3f} s")
    tally.end()


def test_a_primary_isolated_with_one_client():
    isolate_rounds("isolated with clients", ROUNDS or 4, lambda network, primary: network.isolate(primary))


def test_a_primary_that_hears_nobody():
    """One-way loss: what it sends arrives, what the others send does not."""
    isolate_rounds(
        "hears no server", ROUNDS // 2 or 2,
        lambda network, primary: network.cut_one_way([s for s in network if s is not primary], [primary]),
    )  # fmt: skip


def test_a_primary_that_is_not_heard():
    isolate_rounds(
        "is heard by no server", ROUNDS // 2 or 2,
        lambda network, primary: network.cut_one_way([primary], [s for s in network if s is not primary]),
    )  # fmt: skip


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(test_a_primary_isolated_with_one_client, test_a_primary_that_hears_nobody, test_a_primary_that_is_not_heard)
