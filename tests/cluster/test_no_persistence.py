#!/usr/bin/python3
"""A primary without persistence is killed and comes back empty within 300 ms, 20 times: it can never wipe its replica,
no key is lost."""
import os
import random
import time

from harness import NATIVE, Cluster, Skipped, Writer, check, equal, load_keys, main, missing_keys, say, wait_until

ROUNDS = int(os.environ.get("VSWIM_ROUNDS", "20"))


def whole_shard(cluster, slots):
    def whole():
        primary, replicas, _ = next(s for s in cluster.shards() if s[2][0] == slots[0])
        up = [r for r in replicas if r.alive() and r.replication().get("master_link_status") == "up"]
        return len(up) == 1 and primary.alive() and primary.role() == "master" and (primary, up[0])

    return wait_until(whole, "a primary and its linked replica", 60)


def test_an_empty_primary_never_wipes_its_replica():
    if NATIVE:
        raise Skipped("native loses the keys")
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 1500)
        cluster.wait_replicated()
        shards = [slots for _, _, slots in cluster.shards()]
        number = quick = 0
        while quick < ROUNDS:
            check(number < ROUNDS + 20, "this machine is too slow to restart a server within 300 ms")
            number += 1
            slots = shards[number % 3]
            primary, replica = whole_shard(cluster, slots)
            writer = Writer(cluster.addresses, slots[::37], name=f"r{number}")
            writer.start()
            wait_until(lambda: len(writer.confirmed) >= 60, "confirmed writes")
            down_s = random.uniform(0.0, 0.2)
            began = time.monotonic()
            primary.kill()
            time.sleep(down_s)
            primary.start(wait=False)
            down_s = time.monotonic() - began
            quick += down_s < 0.3
            primary.wait_for_ping()
            count = writer.writes
            wait_until(lambda: writer.writes > count + 20, "more writes", 60)
            now, _ = whole_shard(cluster, slots)
            writer.finish()
            expected |= writer.confirmed
            mine = {k: v for k, v in expected.items() if k.startswith(f"r{number}:")}
            equal(missing_keys(cluster.addresses, mine), [], f"round {number}: lost keys")
            say(f"round {number}: down {down_s * 1000:.0f} ms, primary {primary} -> {now}, {writer.outage_since(began)}")
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")
        cluster.wait_ok()


if __name__ == "__main__":
    main(test_an_empty_primary_never_wipes_its_replica)
