#!/usr/bin/python3
"""A shard that lost the majority of its voters refuses, says so in CLUSTER INFO and in the log, and heals by itself as soon
as one of them is back; the other shards do not notice. Losing most primaries at once stops nobody else's failover."""
import itertools
import random
import time

from harness import NATIVE, VERSION, Skipped, check, equal, main, say, wait_until
from faults import witness_of
from history import now
from network import Network
from rounds import ROUNDS, SEED, Round, Tally

CONFIG = {"cluster-require-full-coverage": "no", "appendonly": "yes", "appendfsync": "always"}


def test_loss_of_a_majority():
    """Once the witness comes back first, once the replica; the primary lives on all the time."""
    if NATIVE:
        raise Skipped("a native shard has no voters of its own")
    rng, tally = random.Random(SEED), Tally("loss of a majority")
    with Network(6, config=CONFIG).start() as network:
        network.create(replicas=1)
        for number in range(ROUNDS or 2):
            shards = network.shards()
            shard = rng.choice(shards)
            this = Round(network, shard, rng).start()
            witness, replica = witness_of(network, this.primary), this.replicas[0]
            # The third shard loses nobody, neither a member nor a witness that it needs.
            calm = Round(network, next(s for s in shards if s[0] is not shard[0] and witness not in [s[0], *s[1]]), rng).start()
            lapses = this.primary.log().count("lease lost")
            lost_at = now()
            witness.kill()
            replica.kill()
            wait_until(lambda: this.primary.cluster_info()["swim_shard_majority"] == "no", "CLUSTER INFO says so")
            info = this.primary.cluster_info()
            equal((info["cluster_state"], info["swim_lease_ms"]), ("fail", "0"), f"CLUSTER INFO at {this.primary}")
            check(this.primary.log().count("lease lost") > lapses, f"{this.primary}'s log says nothing")
            last = max(w.replied for w in this.history.writes)
            check(last - lost_at < 2, f"acknowledged {last - lost_at:.2f} s after the loss")
            time.sleep(2)
            check(max(w.replied for w in this.history.writes) == last, "it acknowledged without a majority")
            back = (witness, replica)[number % 2]
            back.start()
            back_at = now()
            wait_until(lambda: max(w.sent for w in this.history.writes) > back_at, "it heals by itself", 60)
            healed = next(w.replied for w in this.history.writes if w.sent > back_at)
            (replica if back is witness else witness).start()
            silence = max(b.replied - a.replied for a, b in zip(calm.history.writes, calm.history.writes[1:]))
            calm_result = calm.finish()
            tally.add(calm_result, "the calm shard", **{"silence of the calm shard": silence})
            tally.add(
                this.finish(), f"{'witness' if back is witness else 'replica'} came back",
                served_s=last - lost_at, healed_s=healed - back_at,
            )  # fmt: skip
    tally.end()


def test_most_primaries_at_once():
    """Two of three; both shards fail over, each on its own, and the third never stops. Neither is the other one's witness: a
    shard that loses both has lost its majority."""
    rng, tally = random.Random(SEED), Tally("two of three primaries at once")
    with Network(6, config=CONFIG).start() as network:
        network.create(replicas=1)
        for _ in range(ROUNDS or 2):
            shards = network.shards()
            rng.shuffle(shards)
            witness = {s[0]: witness_of(network, s[0]) for s in shards}
            apart = [x for x in itertools.permutations(shards) if witness[x[0][0]] is not x[1][0] and witness[x[1][0]] is not x[0][0]]
            if not NATIVE and not apart:
                say("of any two primaries one is the witness of the other")
                continue
            shards = apart[0]
            rounds = [Round(network, shard, rng).start() for shard in shards]
            killed_at = now()
            for this in rounds[:2]:
                this.primary.kill()
            if NATIVE:
                time.sleep(8)
                failed_over = [any(w.server != r.primary.address for w in r.history.writes) for r in rounds[:2]]
                say(f"failed over natively after 8 s: {failed_over}")
                outages = [None, None]
            else:
                outages = [this.wait_for_successor(killed_at).replied - killed_at for this in rounds[:2]]
            calm = rounds[2].history.writes
            silence = max(b.replied - a.replied for a, b in zip(calm, calm[1:]))
            for this in rounds[:2]:
                this.primary.start()
            results = [this.finish() for this in rounds]
            for result, outage in zip(results, outages):
                tally.add(result, "that lost its primary", outage_s=outage)
            tally.add(results[2], "the third", silence_of_the_third=silence)
    tally.end()


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(test_loss_of_a_majority, test_most_primaries_at_once)
