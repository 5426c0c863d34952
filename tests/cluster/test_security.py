#!/usr/bin/python3
"""The cluster secret on real servers: a sealed cluster forms, fails over and changes its secret under load; who has
another secret or none stays out, and both sides say why; floods of garbage and replays are counted and harmless; and
without a secret the log warns and protected mode keeps the bus to its machine."""
import random
import socket
import time

from harness import HOST, NATIVE, Cluster, RespError, Server, Skipped, Writer, check, equal, load_keys, main
from harness import missing_keys, new_folder, say, wait_until
from test_failover import new_primary

OLD, NEW, OTHER = "old-cluster-secret-0001", "new-cluster-secret-0002", "another-cluster-secret-3"


def module_only():
    if NATIVE:
        raise Skipped("native clusters have no secret")


def counters(server):
    """The bus' numbers of INFO, without the module's prefix."""
    fields = server.fields("INFO", "swim")
    return {k.removeprefix("swim_"): v.strip() for k, v in fields.items()}


def refusals(server):
    return {k: int(v) for k, v in counters(server).items() if k.startswith("refused_")}


def risen(server, before):
    return {k: v - before[k] for k, v in refusals(server).items() if v != before[k]}


def sealed(count, **more):
    return Cluster(count, config={"swim.secret": OLD} | more)


def logged(server, text):
    wait_until(lambda: text in server.log(), f"{server} logs {text!r}")


def test_a_sealed_cluster_forms_and_fails_over():
    module_only()
    with sealed(6).start() as cluster:
        cluster.create(replicas=1)
        for server in cluster:
            equal(counters(server)["sealed"], "1", f"sealed at {server}")
            check("NO CLUSTER SECRET" not in server.log(), "no warning")
        expected = load_keys(cluster.addresses, 300)
        victim, replicas, slots = cluster.shards()[0]
        writer = Writer(cluster.addresses, slots[::37])
        writer.start()
        wait_until(lambda: len(writer.confirmed) >= 100, "confirmed writes before the kill")
        victim.kill()
        successor = new_primary(cluster, slots, victim)
        check(successor in replicas, f"{successor} took over")
        count = writer.writes
        wait_until(lambda: writer.writes > count + 100, "writes go on")
        victim.start()  # another start: another session, of which nobody has heard
        wait_until(lambda: victim.replication().get("master_link_status") == "up", "the old primary follows", 60)
        writer.finish()
        cluster.wait_ok()
        equal(missing_keys(cluster.addresses, expected | writer.confirmed), [], "lost keys")
        for server in cluster:
            wrong = {k: v for k, v in refusals(server).items() if v and k not in ("refused_stale_session",)}
            equal(wrong, {}, f"refused by {server}")


def key_ids(server):
    """{node id: (key in use, keys installed)} as this node sees it."""
    listed = server.call("CLUSTER", "KEYRING", "LIST")
    nodes = [dict(zip(node[::2], node[1::2])) for node in listed]
    return {node["node"]: (node["in-use"], tuple(sorted(node["installed"]))) for node in nodes}


def test_the_secret_is_changed_under_load_without_a_lost_packet():
    module_only()
    secrets = new_folder() / "secrets"
    secrets.write_text(f"# of this cluster\n{OLD}\n")
    secrets.chmod(0o600)
    with Cluster(6, config={"swim.secret-file": secrets}).start() as cluster:
        cluster.create(replicas=1)
        ids = {s.id() for s in cluster}
        wait_until(lambda: all(set(key_ids(s)) == ids for s in cluster), "everybody lists everybody")
        old = next(iter(key_ids(cluster[0]).values()))[0]
        wait_until(lambda: all(set(key_ids(s).values()) == {(old, (old,))} for s in cluster), "one key everywhere")

        writer = Writer(cluster.addresses, pace_s=0.001)
        writer.start()
        wait_until(lambda: writer.writes > 200, "writes before the change")
        wait_until(lambda: all(s.cluster_info()["cluster_state"] == "ok" for s in cluster), "a quiet cluster")
        before = {s: (refusals(s), counters(s)) for s in cluster}

        secrets.write_text(f"{NEW}\n{OLD}\n")
        new = cluster[0].call("CLUSTER", "KEYRING", "INSTALL")[0]
        reply = cluster[0].ask("CLUSTER", "KEYRING", "USE", new)
        check("not installed on 5 nodes" in str(reply), f"USE before the others have it: {reply!r}")
        for server in cluster[1:]:
            equal(server.call("CLUSTER", "KEYRING", "INSTALL"), [new], f"INSTALL at {server}")
            equal(server.call("CLUSTER", "KEYRING", "INSTALL"), [], f"INSTALL again at {server}")
        both = tuple(sorted([old, new]))
        wait_until(lambda: all(set(key_ids(s).values()) == {(old, both)} for s in cluster), "installed everywhere")
        for server in cluster:
            equal(server.call("CLUSTER", "KEYRING", "USE", new), "OK", f"USE at {server}")
            time.sleep(0.5)  # traffic in every mixture of the two
            if server is cluster[0]:
                reply = server.ask("CLUSTER", "KEYRING", "REMOVE", old)
                check("is in use on 5 nodes" in str(reply), f"REMOVE before the others use another: {reply!r}")
        wait_until(lambda: all(set(key_ids(s).values()) == {(new, both)} for s in cluster), "used everywhere")
        for server in cluster:
            equal(server.call("CLUSTER", "KEYRING", "REMOVE", old), "OK", f"REMOVE at {server}")
        wait_until(lambda: all(set(key_ids(s).values()) == {(new, (new,))} for s in cluster), "removed everywhere")
        count = writer.writes
        wait_until(lambda: writer.writes > count + 500, "writes go on")

        time.sleep(1.5)  # the fields are published once a second
        for server, (refused, counted) in before.items():
            equal(risen(server, refused), {}, f"refused by {server} during the change")
            equal(counters(server)["seal_undelivered"], counted["seal_undelivered"], f"undelivered by {server}")
            say(f"{server}: {counters(server)['datagrams_opened']} datagrams opened, before {counted['datagrams_opened']}")
        writer.finish()
        cluster.wait_ok()
        # The next start reads the file: the new secret first.
        cluster[5].kill()
        cluster[5].start()
        cluster.wait_ok()
        equal(missing_keys(cluster.addresses, writer.confirmed), [], "lost keys")


def test_a_secret_in_the_configuration_stays_and_is_not_shown():
    module_only()
    with Cluster(1, config={"swim.secret": f'"{OLD} {NEW}"'}).start() as cluster:
        server = cluster[0]
        equal(server.call("CONFIG", "SET", "slowlog-log-slower-than", 0), "OK", "slowlog")
        wait_until(lambda: len(key_ids(server)[server.id()][1]) == 2, "both keys")
        old, both = key_ids(server)[server.id()]
        new = next(key for key in both if key != old)
        reply = server.ask("CONFIG", "SET", "swim.secret", "whatever-else-there-may-be")
        check("immutable" in str(reply), f"CONFIG SET swim.secret: {reply!r}")
        check("swim.secret-file" in str(server.ask("CLUSTER", "KEYRING", "INSTALL")), "INSTALL without a file")
        equal(server.call("CLUSTER", "KEYRING", "USE", new), "OK", "USE")
        equal(server.call("CONFIG", "REWRITE"), "OK", "CONFIG REWRITE")
        check(f"{NEW} {OLD}" in (server.folder / "server.conf").read_text(), "the file has the order of the ring")
        slow = str(server.call("SLOWLOG", "GET", 100))
        check(NEW not in slow and OLD not in slow and NEW not in server.log() and OLD not in server.log(), "not shown")
        check(new in server.log(), "the log names the key")


def meet(server, target):
    reply = server.ask("CLUSTER", "MEET", HOST, target.port)
    check(isinstance(reply, RespError) and "secret" in str(reply), f"MEET of {target} at {server}: {reply!r}")


def test_another_secret_or_none_stays_out_and_both_sides_say_why():
    module_only()
    with sealed(3).start() as cluster:
        cluster.create(replicas=0)
        folder = new_folder()
        other = Server(folder, "other", config={"swim.secret": OTHER}).start()
        none = Server(folder, "none").start()
        elsewhere = Server(folder, "elsewhere", config={"swim.secret": OLD, "swim.cluster-name": "test"}).start()
        for outsider in (other, none, elsewhere):
            meet(outsider, cluster[0])
            meet(cluster[1], outsider)
        logged(cluster[0], "under a key that is not in this node's keyring")
        logged(cluster[0], "not sealed with a cluster secret")
        logged(cluster[0], "another swim.cluster-name")
        logged(other, "refuses this node (it does not have the cluster secret that this node uses)")
        logged(none, "refuses this node (it has a cluster secret, this node does not use one)")
        logged(elsewhere, "refuses this node (its swim.cluster-name is another)")
        logged(none, "and this node was given none")
        logged(cluster[1], "refuses this node (it does not have the cluster secret that this node uses)")
        for server in cluster:
            equal(len(server.nodes()), 3, f"nodes that {server} knows")
        cluster.wait_ok()
        equal([len(s.nodes()) for s in (other, none, elsewhere)], [1, 1, 1], "nodes that the others know")


class Recorder:
    """Every UDP datagram to these ports on this machine."""

    def __init__(self, ports):
        self.ports = set(ports)
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        except (AttributeError, PermissionError):
            raise Skipped("recording datagrams takes root") from None
        self.socket.bind(("lo", 0x0800))
        self.socket.settimeout(0.2)

    def record(self, wanted, limit_s=20):
        found = {}  # a packet on lo is seen twice
        deadline = time.monotonic() + limit_s
        while len(found) < wanted and time.monotonic() < deadline:
            try:
                packet = self.socket.recv(65536)
            except TimeoutError:
                continue
            header = (packet[0] & 15) * 4
            if packet[9] != socket.IPPROTO_UDP or len(packet) < header + 8:
                continue
            source, port = (int.from_bytes(packet[header + at : header + at + 2], "big") for at in (0, 2))
            if port in self.ports:
                found[(source, port, packet[header + 8 :])] = None
        return list(found)


def resident_kb(server):
    with open(f"/proc/{server.pid}/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS")))


def test_garbage_and_replays_are_counted_and_harmless():
    module_only()
    with sealed(3).start() as cluster:
        cluster.create(replicas=0)
        recorder = Recorder([s.bus_port for s in cluster])
        writer = Writer(cluster.addresses, pace_s=0.001)
        writer.start()
        recorded = recorder.record(60)
        check(len(recorded) >= 60, f"{len(recorded)} datagrams recorded")
        for _, _, datagram in recorded:
            check(len(datagram) <= 1400, f"a datagram of {len(datagram)} bytes")
        before = {s: refusals(s) for s in cluster}
        target = cluster[0]
        dice = random.Random(7)
        mine = [d for _, port, d in recorded if port == target.bus_port]
        others = [d for _, port, d in recorded if port != target.bus_port]
        memory, sent = resident_kb(target), 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((HOST, 0))
            sender.connect((HOST, target.bus_port))
            sender.settimeout(0.3)
            for round_number in range(200):
                for datagram in mine + others:
                    sender.send(datagram)  # replayed, and meant for others
                    bad = bytearray(datagram)
                    bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
                    sender.send(bad)
                    sender.send(datagram[: dice.randrange(len(datagram))])
                    sender.send(dice.randbytes(dice.choice((1, 40, 52, 1400, 20_000))))
                    sent += 4
            grown = resident_kb(target) - memory
            say(f"flooded with {sent} datagrams; {target} grew by {grown} KB, the writer's keys included")
            check(grown < 10 * 1024, f"{target} grew by {grown} KB")
            answers = 0
            try:
                while True:
                    check(len(sender.recv(65536)) <= 52, "an answer is as small as the smallest packet")
                    answers += 1
            except TimeoutError:
                pass
            # A contact of an earlier start and data for others are answered, within the budget of a source.
            check(answers < 2_000, f"{answers} answers to replays")

        def all_counted():
            more = risen(target, before[target])
            return {"refused_replayed", "refused_forged", "refused_malformed", "refused_oversize"} <= set(more) and more

        say(f"counted: {wait_until(all_counted, 'every kind is counted')}")
        for payload in (b"GET / HTTP/1.1\r\n\r\n", b"VSWM\x01\0\x42\x68", b"VSWM\x02h" + bytes(42), b"VSWM\x02"):
            with socket.create_connection((HOST, target.bus_port), timeout=5) as stream:
                stream.sendall(payload)
                stream.settimeout(6)
                got = b""
                try:
                    while chunk := stream.recv(100):
                        got += chunk
                except OSError:
                    pass
                check(len(got) <= 8, f"{len(got)} bytes in answer to {payload[:8]}")
        count = writer.writes
        wait_until(lambda: writer.writes > count + 200, "writes go on")
        writer.finish()
        cluster.wait_ok()
        equal(writer.outages, [], "outages from the flood")


def test_without_a_secret_the_log_warns():
    module_only()
    folder = new_folder()
    for name, config in (("open", {}), ("protected", {"protected-mode": "yes"})):
        server = Server(folder, name, config=config).start()
        logged(server, "NO CLUSTER SECRET")
        equal("this machine only" in server.log(), name == "protected", f"{name}: keeps to its machine")
        wait_until(lambda s=server: s.call("CLUSTER", "KEYRING", "LIST"), "the keyring view")
        equal(server.call("CLUSTER", "KEYRING", "LIST")[0][1], server.id(), "who is in it")
        check("without a cluster secret" in str(server.ask("CLUSTER", "KEYRING", "INSTALL")), "KEYRING INSTALL")
        check(isinstance(server.ask("CONFIG", "SET", "swim.secret", OLD), RespError), "a secret at run time")


def outside_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise Skipped("this machine has no address but loopback") from None
        return probe.getsockname()[0]


def test_protected_mode_keeps_the_bus_to_this_machine():
    module_only()
    address = outside_address()
    with Cluster(3, config={"protected-mode": "yes", "bind": "0.0.0.0"}).start() as cluster:
        server = cluster[0]
        for other in cluster[1:]:
            equal(other.call("CLUSTER", "MEET", HOST, server.port), "OK", "nodes of one machine meet")

        def knock():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"hello", (address, server.bus_port))
            with socket.create_connection((address, server.bus_port), timeout=5) as stream:
                stream.settimeout(1)
                try:
                    return stream.recv(10) == b""  # closed at once
                except TimeoutError:
                    return False

        check(knock(), "a connection from outside is closed")
        wait_until(lambda: refusals(server)["refused_protected_mode"] >= 2, "refused and counted")
        logged(server, "in protected mode")
        equal(server.call("CONFIG", "SET", "requirepass", "a password"), "OK", "a password")
        client = server.connect()
        client.call("AUTH", "a password")
        logged(server, "talks to every node that reaches it")
        wait_until(lambda: not knock(), "a connection from outside stays")
        client.close()


def test_settings_that_cannot_be():
    module_only()
    folder = new_folder()
    empty = folder / "empty"
    empty.write_text("# nothing\n")
    good = folder / "good"
    good.write_text(OLD + "\n")
    cases = [
        ({"swim.secret": "short"}, (), "16 to 256"),
        ({"swim.secret-file": folder / "missing"}, (), "cannot be read"),
        ({"swim.secret-file": empty}, (), "holds no secret"),
        ({"swim.secret-file": good, "swim.secret": OLD}, (), ""),
        ({}, ("secret", OLD), "MODULE LIST"),
    ]
    for number, (config, arguments, reason) in enumerate(cases):
        server = Server(folder, f"case{number}", config=config, module_arguments=arguments)
        server.start(wait=False)
        wait_until(lambda s=server: not s.alive(), f"{config} ends the start")
        check(reason in server.log(), f"{config}: {server.log_tail()}")
        check(OLD not in server.log() or reason == "MODULE LIST" and arguments, "no secret in the log")


if __name__ == "__main__":
    main(
        test_a_sealed_cluster_forms_and_fails_over,
        test_the_secret_is_changed_under_load_without_a_lost_packet,
        test_a_secret_in_the_configuration_stays_and_is_not_shown,
        test_another_secret_or_none_stays_out_and_both_sides_say_why,
        test_garbage_and_replays_are_counted_and_harmless,
        test_without_a_secret_the_log_warns,
        test_protected_mode_keeps_the_bus_to_this_machine,
        test_settings_that_cannot_be,
    )
