#!/usr/bin/python3
"""SHUTDOWN and SIGTERM of a primary whose RDB save takes over 3 s: primaryship is handed over before the save, without
waiting for the lease, and no acknowledged write is lost, replicated or not.

No clock is asserted. The lease is made longer than the save, so a hand-over that waited for it would come after the
end of the old process; the test asserts that the successor's first write came while the old process still lived."""
import signal
import time

from harness import NATIVE, Cluster, Skipped, Writer, check, equal, load_keys, main, missing_keys, say, wait_until
from test_failover import new_primary

SAVE_KEYS, SAVE_KEY_DELAY_US = 1500, 3000  # 4.5 s at least
LEASE_TTL_MS = 12_000


def hand_over(cluster, how, number):
    victim, replicas, slots = cluster.shards()[number]
    check(victim.call("DBSIZE") >= SAVE_KEYS, f"{victim} has enough keys for a slow save")
    equal(victim.call("CONFIG", "SET", "save", "3600 1"), "OK", "CONFIG SET save")
    equal(victim.call("CONFIG", "SET", "rdb-key-save-delay", SAVE_KEY_DELAY_US), "OK", "CONFIG SET rdb-key-save-delay")
    writer = Writer(cluster.addresses, slots[::37], name=f"g{number}", confirm_every=10**9)
    writer.start()
    wait_until(lambda: writer.writes > 500, "writes before the end")
    # It may be so short that no write fails; then the writer was redirected.
    elsewhere = lambda: any(writer.client.owner.get(s) not in (None, victim.address) for s in writer.slots)  # noqa: E731
    check(not elsewhere(), f"{victim} has the slots")
    began = time.monotonic()
    say(f"{how} at {victim}")
    if how == "SHUTDOWN":
        connection = victim.connect()
        connection.send(("SHUTDOWN",))
    else:
        victim.signal(getattr(signal, how))
    wait_until(lambda: writer.outage_since(began) or elsewhere(), "the hand-over", 60)
    count = writer.writes
    wait_until(lambda: writer.writes > count, "a write after the hand-over", 60)
    outage = writer.outage_since(began)
    alive = victim.alive()
    successor = new_primary(cluster, slots, victim)
    code = victim.wait_exit(60)
    took = time.monotonic() - began
    say(f"{victim} -> {successor}: {outage}, the old process ended after {took:.1f} s with {code}")
    equal(code, 0, f"exit code of {victim}")
    check(successor in replicas, f"{successor} took over")
    count = writer.writes
    wait_until(lambda: writer.writes > count + 100, "more writes")
    writer.finish()
    equal(missing_keys(cluster.addresses, writer.acknowledged), [], "acknowledged keys that are lost")
    log = victim.log()
    check("DB saved on disk" in log, f"{victim} saved its RDB")
    check(took > 3, f"the save took {took:.1f} s, which proves nothing")
    check(alive, "the hand-over came only after the old process had ended")
    return victim, successor


def test_shutdown_and_sigterm_hand_over():
    if NATIVE:
        raise Skipped("native 8.0 has no hand-over at its end")
    with Cluster(6, module_arguments=["lease-ttl-ms", LEASE_TTL_MS]).start() as cluster:
        cluster.create(replicas=1, limit_s=180)
        load_keys(cluster.addresses, SAVE_KEYS * 3 + 600)
        cluster.wait_replicated()
        for number, how in enumerate(("SHUTDOWN", "SIGTERM", "SIGINT")):
            victim, successor = hand_over(cluster, how, number)
            victim.start()
            wait_until(lambda v=victim: v.replication().get("master_link_status") == "up", "back as a replica", 90)
            equal(int(victim.replication()["master_port"]), successor.port, "whom it follows")
        cluster.wait_ok(limit_s=120)


def test_shutdown_of_a_replica_and_nowait():
    """A replica's end and SHUTDOWN NOW of a primary end at once; the cluster goes on."""
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, (replica,), slots = cluster.shards()[0]
        writer = Writer(cluster.addresses, slots[::37])
        writer.start()
        wait_until(lambda: writer.writes > 200, "writes")
        replica.connect().send(("SHUTDOWN", "NOSAVE"))
        equal(replica.wait_exit(), 0, "the replica's exit code")
        count = writer.writes
        wait_until(lambda: writer.writes > count + 200, "writes without the replica")
        equal(writer.outages, [], "outages from a replica's end")
        replica.start()
        cluster.wait_ok()
        count = len(writer.confirmed)
        wait_until(lambda: len(writer.confirmed) > count + 100, "confirmed writes")
        primary.connect().send(("SHUTDOWN", "NOSAVE", "NOW"))
        equal(primary.wait_exit(), 0, "the primary's exit code")
        new_primary(cluster, slots, primary)
        count = writer.writes
        wait_until(lambda: writer.writes > count + 100, "writes at the successor", 60)
        writer.finish()
        equal(missing_keys(cluster.addresses, writer.confirmed), [], "confirmed keys that are lost")


def test_everybody_shuts_down_at_once():
    """An orderly end of the whole cluster: nobody waits for ever, and the keys are there after the start."""
    with Cluster(6, config={"appendonly": "yes"}).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 1000)
        cluster.wait_replicated()
        for server in cluster:
            server.terminate()
        for server in cluster:
            equal(server.wait_exit(60), 0, f"exit code of {server}")
        cluster.start()
        cluster.wait_ok(limit_s=120)
        equal(missing_keys(cluster.addresses, expected), [], "lost keys")


if __name__ == "__main__":
    main(
        test_shutdown_and_sigterm_hand_over,
        test_shutdown_of_a_replica_and_nowait,
        test_everybody_shuts_down_at_once,
    )
