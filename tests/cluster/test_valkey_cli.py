#!/usr/bin/python3
"""Every command of valkey-cli --cluster against real servers, and what it leaves behind: nodes agree, all slots are
covered, no slot stays open, every key reads back. The valkey-cli is the server's own version's."""
import os
import re
import signal
import time

from harness import HOST, NATIVE, Cluster, Server, check, cli, equal, load_keys, main, missing_keys, new_folder, say, wait_until
from processes import spawn
from resp import SLOTS, slot_of, tag_of


def cluster_cli(server, command, *arguments, code=0, limit_s=240, stdin=None):
    """valkey-cli --cluster <command>; its output without colours. `code` None: any."""
    done = cli(server.program("valkey-cli"), "--cluster", command, *arguments, limit_s=limit_s, stdin=stdin)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    if code is not None:
        equal(done.returncode, code, f"valkey-cli --cluster {command} {' '.join(map(str, arguments))}\n{said[-3000:]}")
    return said


def at(server):
    return f"{HOST}:{server.port}"


def keys_per_slot(server, slots):
    connection = server.connect(timeout_s=60)
    counts = connection.pipeline([("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots])
    connection.close()
    return dict(zip(slots, counts))


def healthy(cluster, expected, servers=None):
    """check finds nothing to complain about and every key reads back."""
    servers = servers or cluster.servers
    cluster.wait_ok(servers)
    said = cluster_cli(servers[0], "check", at(servers[0]))
    for line in ("[OK] All nodes agree about slots configuration.", "[OK] All 16384 slots covered."):
        check(line in said, f"check does not say {line}\n{said}")
    check("[WARNING]" not in said and "[ERR]" not in said, said)
    equal(missing_keys([s.address for s in servers], expected), [], "keys that do not read back")
    # No key lies where it is not served.
    for primary, _, slots in cluster.shards():
        equal(primary.call("DBSIZE"), sum(keys_per_slot(primary, slots).values()), f"keys of {primary} in slots that it serves")


def slots_of(cluster):
    return {primary: len(slots) for primary, _, slots in cluster.shards()}


def test_create_check_info_call_and_set_timeout():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 500)
        healthy(cluster, expected)
        said = cluster_cli(cluster[0], "info", at(cluster[0]))
        check("500 keys in 3" in said, said)
        said = cluster_cli(cluster[0], "call", at(cluster[0]), "config", "get", "maxmemory")
        equal(said.count("maxmemory"), 6 + said.split("\n")[0].count("maxmemory"), f"nodes that answered the call\n{said}")
        said = cluster_cli(cluster[0], "call", at(cluster[0]), "dbsize", "--cluster-only-masters")
        equal(sum(f":{s.port}:" in said for s in cluster), 3, f"primaries that answered the call\n{said}")
        said = cluster_cli(cluster[0], "set-timeout", at(cluster[0]), 3000)
        check("New node timeout set. 6 OK, 0 ERR." in said, said)
        for server in cluster:
            equal(server.call("CONFIG", "GET", "cluster-node-timeout"), ["cluster-node-timeout", "3000"], "the timeout")


def test_reshard_there_and_back():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 3000)
        (one, _, _), (two, _, _), (three, _, _) = cluster.shards()
        before = slots_of(cluster)
        downs = lambda: {s: s.log().count("cluster state changed: fail") for s in cluster}  # noqa: E731
        downs_before = downs()
        for source, target in ((one, two), (two, one)):
            began = time.monotonic()
            cluster_cli(
                one, "reshard", at(three), "--cluster-from", source.id(), "--cluster-to", target.id(),
                "--cluster-slots", 300, "--cluster-yes",
            )  # fmt: skip
            say(f"300 slots from {source} to {target} in {time.monotonic() - began:.1f} s")
            healthy(cluster, expected)
        equal(slots_of(cluster), before, "slots after moving there and back")
        cluster_cli(
            one, "reshard", at(one), "--cluster-from", "all", "--cluster-to", three.id(), "--cluster-slots", 100,
            "--cluster-yes", "--cluster-pipeline", 3,
        )  # fmt: skip
        healthy(cluster, expected)
        equal(slots_of(cluster)[three], before[three] + 100, "slots of the target of a reshard from all")
        equal(downs(), downs_before, "how often somebody saw slots without an owner")
        survives_restarts(cluster, expected)


def survives_restarts(cluster, expected):
    """Who owns what is in the logs: all processes end at once and come back (without their data)."""
    before = slots_of(cluster)
    for server in cluster:
        server.call("SAVE")
    for server in cluster:
        server.kill()
    for server in cluster:
        server.start(wait=False)
    for server in cluster:
        server.wait_for_ping()
    cluster.wait_ok()
    equal(sorted(slots_of(cluster).values()), sorted(before.values()), "slots after a restart of all")
    healthy(cluster, expected)
    for primary, _, slots in cluster.shards():
        slot = next(s for s, count in keys_per_slot(primary, slots).items() if count)
        names = primary.call("CLUSTER", "GETKEYSINSLOT", slot, 100)
        equal(len(names), primary.call("CLUSTER", "COUNTKEYSINSLOT", slot), f"keys listed for slot {slot}")
        check(all(slot_of(name) == slot for name in names), f"keys listed for slot {slot}: {names}")


def test_rebalance_with_weights_and_empty_primaries():
    with Cluster(4).start() as cluster:
        cluster.create(replicas=0, servers=cluster.servers[:3])
        expected = load_keys([s.address for s in cluster.servers[:3]], 1500)
        added = cluster_cli(cluster[0], "add-node", at(cluster[3]), at(cluster[0]))
        check("[OK] New node added correctly." in added, added)
        wait_until(lambda: all(len(s.nodes()) == 4 for s in cluster), "four nodes everywhere")
        said = cluster_cli(cluster[0], "rebalance", at(cluster[0]))
        check("No rebalancing needed" in said, said)
        equal(len(slots_of(cluster)), 3, "primaries with slots")
        # Weights close to what there is: the test is about who moves what, not about thousands of slots.
        new, heavy = cluster[3].id(), cluster[1].id()
        cluster_cli(
            cluster[0], "rebalance", at(cluster[0]), "--cluster-use-empty-masters", "--cluster-weight", f"{new}=0.05"
        )
        healthy(cluster, expected)
        moved = slots_of(cluster)[cluster[3]]
        check(abs(moved - SLOTS * 0.05 / 3.05) <= 3, f"slots of the empty primary of weight 0.05 of 3.05: {moved}")
        cluster_cli(
            cluster[0], "rebalance", at(cluster[0]), "--cluster-weight", f"{new}=0.05", f"{heavy}=1.1",
            "--cluster-threshold", 1,
        )  # fmt: skip
        healthy(cluster, expected)
        moved = slots_of(cluster)[cluster[1]]
        check(abs(moved - SLOTS * 1.1 / 3.15) <= 3, f"slots of the primary of weight 1.1 of 3.15: {moved}")
        # A primary of weight 0 is emptied.
        cluster_cli(
            cluster[0], "rebalance", at(cluster[0]), "--cluster-weight", f"{new}=0", f"{heavy}=1.1"
        )
        healthy(cluster, expected)
        check(cluster[3] not in slots_of(cluster), f"the primary of weight 0 keeps slots: {slots_of(cluster)}")


def test_add_node_del_node_and_again():
    with Cluster(5).start() as cluster:
        trio = cluster.servers[:3]
        cluster.create(replicas=0, servers=trio)
        expected = load_keys([s.address for s in trio], 300)
        primary, replica = cluster[3], cluster[4]
        for attempt in ("first", "again"):
            cluster_cli(trio[0], "add-node", at(primary), at(trio[0]))
            wait_until(lambda: all(len(s.nodes()) == 4 for s in cluster.servers[:4]), "four nodes everywhere")
            owner = trio[1]
            said = cluster_cli(
                trio[0], "add-node", at(replica), at(trio[0]), "--cluster-slave", "--cluster-master-id", owner.id()
            )
            check("[OK] New node added correctly." in said, said)
            cluster.wait_ok()
            equal(replica.nodes()[replica.id()].primary, owner.id(), f"the primary of the added replica, {attempt}")
            moved = cluster_cli(
                trio[0], "reshard", at(trio[0]), "--cluster-from", owner.id(), "--cluster-to", primary.id(),
                "--cluster-slots", 50, "--cluster-yes",
            )  # fmt: skip
            check("Moving slot" in moved, moved)
            healthy(cluster, expected)
            said = cluster_cli(trio[0], "del-node", at(trio[0]), primary.id(), code=None)
            check("is not empty" in said, f"del-node of a primary with slots:\n{said}")
            cluster_cli(
                trio[0], "reshard", at(trio[0]), "--cluster-from", primary.id(), "--cluster-to", owner.id(),
                "--cluster-slots", 50, "--cluster-yes",
            )  # fmt: skip
            healthy(cluster, expected)
            for server in (replica, primary):
                cluster_cli(trio[0], "del-node", at(trio[0]), server.id())
                wait_until(lambda s=server: len(s.nodes()) == 1, f"{server} is alone")
            wait_until(lambda: all(len(s.nodes()) == 3 for s in trio), "three nodes everywhere")
            healthy(cluster, expected, trio)
            say(f"added and removed, {attempt}")


def test_import_from_a_standalone_server():
    source = Server(new_folder(), "standalone", native=True, config={"cluster-enabled": "no"})
    source.start()
    wanted = {f"imported:{n}": f"value-{n}" for n in range(700)}
    connection = source.connect()
    connection.pipeline(("SET", k, v) for k, v in wanted.items())
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        said = cluster_cli(cluster[0], "import", at(cluster[0]), "--cluster-from", at(source), "--cluster-copy")
        check("imported:" in said and "OK" in said, said[-500:])
        healthy(cluster, wanted)
        equal(source.call("DBSIZE"), 700, "keys of the source after an import that copies")
        said = cluster_cli(cluster[0], "import", at(cluster[0]), "--cluster-from", at(source), "--cluster-replace")
        healthy(cluster, wanted)
        equal(source.call("DBSIZE"), 0, "keys of the source after an import that moves")
    source.kill()


def test_backup():
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        load_keys(cluster.addresses, 300)
        folder = new_folder()
        said = cluster_cli(cluster[0], "backup", at(cluster[0]), folder)
        check("Backup created into:" in said, said)
        files = sorted(os.listdir(folder))
        equal(len([f for f in files if f.endswith(".rdb")]), 3, f"dumps in {files}")
        check("nodes.json" in files, f"no description of the nodes in {files}")
        for server in cluster:
            dump = next(f for f in files if server.id() in f and f.endswith(".rdb"))
            with open(os.path.join(folder, dump), "rb") as file:
                check(file.read(5) in (b"REDIS", b"VALKE"), f"{dump} is no dump")
        cluster.wait_ok()


def interrupted(cluster, source, target, slots, stop_after):
    """A reshard whose valkey-cli is killed after that many slots. Returns the server that spoke for the cluster."""
    log = new_folder() / "reshard.log"
    process = spawn(
        [source.program("valkey-cli"), "--cluster", "reshard", at(source), "--cluster-from", source.id(), "--cluster-to",
         target.id(), "--cluster-slots", str(slots), "--cluster-yes", "--cluster-pipeline", "1"], log, log.parent,
    )  # fmt: skip
    moved = lambda: log.read_text(errors="replace").count(": \n") + log.read_text(errors="replace").count(".\n")  # noqa: E731
    wait_until(lambda: moved() >= stop_after or process.poll() is not None, "slots are being moved", 60, every_s=0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return log.read_text(errors="replace")


def open_slots(cluster):
    return [line for s in cluster.running() for line in s.call("CLUSTER", "NODES").splitlines() if "[" in line]


def half_moved(cluster, source, target, slot, keys, moved):
    """`slot` is open between the two, with `moved` of its `keys` keys at the target: what an interrupted reshard leaves."""
    names = {f"half:{n}:{{{tag_of(slot)}}}": f"half-{n}" for n in range(keys)}
    for name, value in names.items():
        equal(source.call("SET", name, value), "OK", f"SET {name}")
    equal(target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id()), "OK", "SETSLOT IMPORTING")
    equal(source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id()), "OK", "SETSLOT MIGRATING")
    if moved:
        reply = source.call("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *list(names)[:moved])
        equal(reply, "OK", "MIGRATE")
    return names


def test_fix_after_an_interrupted_reshard():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 2000)
        (source, _, _), (target, _, _), _ = cluster.shards()
        for stop_after in (3, 20, 21):
            interrupted(cluster, source, target, 100, stop_after)
            say(f"open after the kill: {len(open_slots(cluster))} lines")
            cluster_cli(source, "fix", at(source))
            healthy(cluster, expected)
        equal(open_slots(cluster), [], "open slots after fix")


def test_fix_whatever_was_moved():
    """No key moved yet, some, most, all: fix finds an end for each, and every key is still there."""
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 300)
        (source, _, slots), (target, _, _), _ = cluster.shards()
        for number, moved in enumerate((0, 2, 5, 8, 10)):
            slot = slots[number]
            expected |= half_moved(cluster, source, target, slot, 10, moved)
            said = cluster_cli(source, "fix", at(source))
            say(f"{moved} of 10 keys were at the target: " + " ".join(re.findall(r">>> (Case \d|No single clear owner)", said)))
            healthy(cluster, expected)
        equal(open_slots(cluster), [], "open slots after fix")


def test_fix_after_a_server_died_in_the_middle():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        expected = load_keys(cluster.addresses, 1000)
        (source, _, slots), (target, _, _), (third, _, _) = cluster.shards()
        for number, victim in enumerate((source, target)):
            slot = slots[-1 - number]
            expected |= half_moved(cluster, source, target, slot, 6, 3)
            wait_until(lambda: int(source.replication()["connected_slaves"]) and int(target.replication()["connected_slaves"]), "replicas")
            cluster.wait_replicated()
            victim.kill()
            wait_until(lambda: len({p for p, _, _ in cluster.shards() if p.alive()}) == 3, "a new primary took over", 30)
            check(open_slots(cluster), "the slot is still open: its state is in the logs of the shards")
            victim.start()
            cluster.wait_ok()
            cluster_cli(third, "fix", at(third))
            healthy(cluster, expected)
            by_slot = {s: p for p, _, owned in cluster.shards() for s in owned}
            source = by_slot[slots[0]]
            target = next(p for p, _, owned in cluster.shards() if slots[0] not in owned and p is not third)
        equal(open_slots(cluster), [], "open slots after fix")


def test_fix_covers_slots_that_nobody_owns():
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        expected = load_keys(cluster.addresses, 1000)
        first, second = cluster.shards()[0][0], cluster.shards()[1][0]
        keep = [s for s, count in keys_per_slot(second, cluster.shards()[1][2]).items() if count][:2]
        equal(second.call("CLUSTER", "DELSLOTS", *keep), "OK", "DELSLOTS of slots with keys")
        empty = [s for s, count in keys_per_slot(first, cluster.shards()[0][2]).items() if not count][:3]
        equal(first.call("CLUSTER", "DELSLOTS", *empty), "OK", "DELSLOTS of empty slots")
        wait_until(lambda: all(int(s.cluster_info()["cluster_slots_assigned"]) == SLOTS - 5 for s in cluster), "everybody sees it")
        said = cluster_cli(first, "fix", at(first), stdin="yes\nyes\n")
        check("Covering slot" in said, said[-1500:])
        healthy(cluster, expected)


if __name__ == "__main__":
    main(
        test_create_check_info_call_and_set_timeout,
        test_reshard_there_and_back,
        test_rebalance_with_weights_and_empty_primaries,
        test_add_node_del_node_and_again,
        test_import_from_a_standalone_server,
        test_backup,
        test_fix_after_an_interrupted_reshard,
        test_fix_whatever_was_moved,
        test_fix_after_a_server_died_in_the_middle,
        test_fix_covers_slots_that_nobody_owns,
    )
