#!/usr/bin/python3
"""One fault after the other on one cluster, drawn at random, under load: no two primaries, no stale read, nothing lost
that a replica had. --rounds 50 is the table of docs/resilience.md; a fault's name as argument tries that one alone."""
import random
import sys
import time

import faults
from harness import VERSION, main, say
from history import now
from network import Network
from rounds import ROUNDS, SEED, Round, Tally

# What everybody's death at once must not lose is on every disk before it is acknowledged.
CONFIG = {"appendonly": "yes", "appendfsync": "always", "repl-backlog-size": "1mb"}
CHOSEN = [fault for fault in faults.ALL if fault.__name__ in sys.argv]
sys.argv = [word for word in sys.argv if word not in [fault.__name__ for fault in CHOSEN]]


def longest_silence(writes, since):
    """The longest time without an acknowledged write, from `since` on."""
    times = [since] + sorted(w.replied for w in writes if w.replied > since) + [now()]
    return max(b - a for a, b in zip(times, times[1:]))


def mixed_rounds(title, rounds, chosen, **options):
    rng, tally, left = random.Random(SEED), Tally(title), []
    with Network(6, config=CONFIG, **options).start() as network:
        network.create(replicas=1, limit_s=180)
        for _ in range(rounds):
            left = left or rng.sample(chosen, len(chosen))  # each as often as the others
            fault = left.pop()
            this = Round(network, rng.choice(network.shards()), rng, crowd=2).start()
            time.sleep(rng.random() * 0.3)
            since = now()
            say(f"{fault.__name__} on {this.primary}")
            fault(this, network, rng)
            time.sleep(0.5)
            silence = longest_silence(this.history.writes, since)
            tally.add(this.finish(limit_s=180), fault.__name__, **{f"silence, {fault.__name__}": silence})
    tally.end()


def test_mixed_faults():
    mixed_rounds("mixed faults", ROUNDS or 10, CHOSEN or faults.ALL)


def test_loss_and_jitter():
    """All the time a fifth of the packets between servers is lost and every packet takes up to 50 ms longer than the one
    before; now and then a primary is killed."""
    rng, tally = random.Random(SEED), Tally("20 % loss, 50 ms jitter")
    with Network(6, config=CONFIG, jitter_ms=25).start() as network:  # a packet passes two cables
        network.create(replicas=1, limit_s=180)
        for number in range(ROUNDS // 5 or 1):
            this = Round(network, rng.choice(network.shards()), rng).start()
            network.lose(network.servers, network.servers)
            since = now()
            time.sleep(5)
            silence = longest_silence(this.history.writes, since)
            killed_at = now()
            this.primary.kill()
            first = this.wait_for_successor(killed_at, limit_s=120)
            this.primary.start()
            network.heal()
            tally.add(this.finish(limit_s=180), f"{this.primary}", silence=silence, outage=first.replied - killed_at)
    tally.end()


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(test_mixed_faults, test_loss_and_jitter)
