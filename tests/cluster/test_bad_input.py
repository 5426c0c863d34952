#!/usr/bin/python3
"""Wrong input: a server that cannot run whole refuses to start and says what to do; garbage from the network is counted
and dropped."""
import contextlib
import os
import random
import socket

from harness import (
    HOST, MODULE, NATIVE, Cluster, Server, Skipped, Writer, check, equal, load_keys, main, missing_keys,
    new_folder, take_port, wait_until,
)  # fmt: skip


def refuses(server, *words):
    """The server ends at its start, not by a signal, and its log names all of these."""
    server.start(wait=False)
    code = server.wait_exit(30)
    log = server.log()
    check(code > 0, f"{server} ended with {code}:\n{server.log_tail(20)}")
    new = log[log.rfind("Configuration loaded") :].lower()
    missing = [w for w in words if not any(one.lower() in new for one in w.split("|"))]
    check(not missing, f"the log of {server} does not name {missing}:\n{server.log_tail(20)}")


def fresh(**how):
    return Server(new_folder(), "n0", **how)


def module_only():
    if NATIVE:
        raise Skipped("about the module")


def test_wrong_module_arguments():
    module_only()
    for arguments, word in (
        (["no-such-thing", "1"], "no-such-thing"),
        (["lease-ttl-ms"], "lease-ttl-ms"),
        (["lease-ttl-ms", "soon"], "soon"),
        (["lease-ttl-ms", "-5"], "-5"),
        (["lease-ttl-ms", "99999999999999999999"], "99999999999999999999"),
        (["seeds", "nowhere"], "nowhere"),
        (["seeds", "host:99999"], "host:99999"),
    ):
        refuses(fresh(module_arguments=arguments), word)


def test_wrong_configs():
    module_only()
    refuses(fresh(config={"swim.seeds": "nowhere"}), "seeds")
    refuses(fresh(config={"swim.no-such-setting": "1"}), "no-such-setting")


def test_cluster_enabled_yes():
    module_only()
    refuses(fresh(config={"cluster-enabled": "yes"}), "cluster-enabled", "no")


def test_a_busy_bus_port():
    module_only()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        server = fresh()
        with socket.socket(socket.AF_INET, kind) as holder:
            holder.bind((HOST, server.bus_port))
            if kind == socket.SOCK_STREAM:
                holder.listen(1)
            refuses(server, str(server.bus_port), "in use|busy|cannot bind|could not bind")
        server.start()  # and with the port free, the same files serve
        equal(server.call("CLUSTER", "INFO").startswith("cluster_"), True, "CLUSTER INFO")
        server.kill()


def test_a_port_without_room_for_the_bus():
    module_only()
    port = 55_536 + random.randrange(5000)
    refuses(fresh(port=port), "cluster-port|bus port")


def state_files(server):
    """What the module left in the server's folder."""
    ours = {"server.conf", "server.log", "dump.rdb"}
    return [p for p in server.folder.iterdir() if p.is_file() and p.name not in ours]


def test_damaged_state_files():
    module_only()
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        victim = cluster[1]
        victim.kill()
        files = [f for f in state_files(victim) if f.stat().st_size > 0]
        check(files, f"no state file in {list(victim.folder.iterdir())}")
        kept = {f: f.read_bytes() for f in files}
        state = max(files, key=lambda f: f.stat().st_size)
        whole = kept[state]

        for what, damage in (
            ("a flipped bit in an early record", whole[:200] + bytes([whole[200] ^ 0x10]) + whole[201:]),
            ("a flipped bit in the first bytes", bytes([whole[0] ^ 0x10]) + whole[1:]),
            ("other people's file", b"not a state file at all\n" * 50),
        ):
            state.write_bytes(damage)
            try:
                refuses(victim, state.name, "damaged|corrupt|not a state file|unreadable|cannot be read")
            except AssertionError as failure:
                raise AssertionError(f"{what}: {failure}") from None
            equal(state.read_bytes(), damage, f"{what}: a refused file is left as it was")

        # A torn last record is what a crash leaves: cut, not refused.
        state.write_bytes(whole + whole[-7:])
        victim.start()
        cluster.wait_ok()
        victim.kill()

        if os.getuid() == 0:
            state.unlink()
            state.mkdir()  # root reads everything but a folder
        else:
            state.chmod(0)
        refuses(victim, state.name)
        if state.is_dir():
            state.rmdir()
        state.write_bytes(whole)
        state.chmod(0o644)
        victim.start()
        cluster.wait_ok()


def test_a_folder_that_cannot_be_written():
    module_only()
    server = fresh()
    (server.folder / "nodes.conf.swim").mkdir()
    (server.folder / "nodes.conf.swim" / "x").write_text("in the way")
    refuses(server, "nodes.conf.swim")


def test_a_second_server_on_the_same_files():
    module_only()
    with Cluster(1).start() as cluster:
        first = cluster[0]
        second = Server(cluster.folder, "n0", config={"logfile": str(cluster.folder / "second.log")})
        second.start(wait=False)
        code = second.wait_exit(30)
        log = (cluster.folder / "second.log").read_text()
        check(code > 0, f"the second server ended with {code}:\n{log}")
        check("nodes.conf" in log and ("lock" in log.lower() or "use" in log.lower()), f"its log does not say why:\n{log}")
        equal(first.call("PING"), "PONG", "the first one")
        first.kill()
        equal(first.start().call("PING"), "PONG", "the lock does not outlive its holder")


def test_two_servers_in_one_folder():
    """Several servers in one `dir` are common: cluster-config-file keeps their files apart."""
    with Cluster(1).start() as cluster:
        first = cluster[0]
        second = Server(
            cluster.folder, "n0", config={"logfile": str(cluster.folder / "second.log"), "cluster-config-file": "other.conf"}
        )  # fmt: skip
        second.start()
        check(first.id() != second.id(), "two servers in one folder have one id")
        second.kill()


def test_keys_above_database_zero():
    module_only()
    server = fresh(native=True, config={"cluster-enabled": "no", "save": "3600 1"})
    server.start()
    server.call("SELECT", 3)
    server.call("SET", "key", "value")
    server.call("SAVE")
    server.kill()
    server.native = False
    refuses(server, "database")


def test_module_unload_is_refused():
    module_only()
    with Cluster(1).start() as cluster:
        name = cluster[0].call("MODULE", "LIST")[0]
        name = dict(zip(name[::2], name[1::2]))["name"]
        reply = cluster[0].ask("MODULE", "UNLOAD", name)
        check("ERR" in str(reply), f"MODULE UNLOAD: {reply!r}")
        equal(cluster[0].call("PING"), "PONG", "the server")


def test_loading_the_module_at_run_time_is_refused():
    module_only()
    server = fresh(native=True, config={"cluster-enabled": "no", "enable-module-command": "yes"})
    server.start()
    reply = server.ask("MODULE", "LOAD", str(MODULE))
    check("ERR" in str(reply), f"MODULE LOAD: {reply!r}")
    equal(server.call("PING"), "PONG", "the server")
    server.kill()


def counters(server):
    """Every number that CLUSTER INFO and INFO's own section give."""
    fields = server.cluster_info()
    for section in ("swim", "everything"):
        fields = {**server.fields("INFO", section), **fields}
    return {k: int(v) for k, v in fields.items() if v.strip().isdigit()}


REFUSED_WORDS = ("drop", "bad", "refused", "malformed", "invalid", "garbage", "reject")


def refused_packets(server):
    return {k: v for k, v in counters(server).items() if any(w in k.lower() for w in REFUSED_WORDS)}


def test_garbage_datagrams():
    module_only()
    with Cluster(3).start() as cluster:
        cluster.create(replicas=0)
        expected = load_keys(cluster.addresses, 300)
        target = cluster[0]
        before = refused_packets(target)
        check(before, f"neither INFO nor CLUSTER INFO counts refused packets: {sorted(counters(target))}")
        writer = Writer(cluster.addresses, pace_s=0.001)
        writer.start()
        dice = random.Random(7)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect((HOST, target.bus_port))
            for number in range(20_000):
                size = dice.choice((0, 1, 7, 16, 64, 300, 1400, 9000))
                try:
                    sender.send(dice.randbytes(size))
                except ConnectionRefusedError:
                    raise AssertionError("the bus port is closed") from None
        for payload in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"\0" * 64, dice.randbytes(100_000), b""):
            with socket.create_connection((HOST, target.bus_port), timeout=5) as stream:
                try:
                    stream.sendall(payload)
                    stream.settimeout(0.2)
                    stream.recv(100)
                except OSError:
                    pass
        idle = [socket.create_connection((HOST, target.bus_port), timeout=5) for _ in range(50)]

        def risen():
            after = refused_packets(target)
            return {k: v - before.get(k, 0) for k, v in after.items() if v > before.get(k, 0)}

        wait_until(lambda: sum(risen().values()) > 1000, "the counters of refused packets rise")
        count = writer.writes
        wait_until(lambda: writer.writes > count + 200, "writes go on")
        for connection in idle:
            connection.close()
        writer.finish()
        cluster.wait_ok()
        equal(writer.outages, [], "outages from garbage")
        equal(missing_keys(cluster.addresses, expected | writer.acknowledged), [], "lost keys")


def test_a_stranger_cannot_push_us_out():
    """A second cluster's node that sends to our bus port is refused, and both clusters stay what they were."""
    module_only()
    with Cluster(3).start() as ours, Cluster(3).start() as theirs:
        ours.create(replicas=0)
        theirs.create(replicas=0)
        reply = ours[0].ask("CLUSTER", "MEET", HOST, theirs[0].port)
        check("ERR" in str(reply), f"two clusters of several nodes met: {reply!r}")
        ours.wait_ok()
        theirs.wait_ok()
        equal((len(ours[0].nodes()), len(theirs[0].nodes())), (3, 3), "nodes of the two clusters")


def test_internal_commands_called_by_users():
    """The module's own commands hurt nobody who calls them directly, from scripts or in transactions."""
    module_only()
    with Cluster(1).start() as cluster:
        server = cluster[0]
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        names = ("swim.reply", "swim.asking", "swim.cluster", "swim.cluster-admin", "swim.info", "swim.config")
        names += ("swim.as", "swim.publish", "swim.publish-as")
        for name in names:
            for arguments in ((), ("INFO",), ("RESET",), ("GET", "*"), ("a\r\nb", "c"), ("x",) * 50):
                quoted = "".join(f", ARGV[{i + 1}]" for i in range(len(arguments)))
                for commands in (
                    [(name, *arguments)],
                    [("EVAL", f"return redis.pcall('{name}'{quoted})", 0, *arguments)],
                    [("MULTI",), (name, *arguments), ("EXEC",)],
                ):
                    connection = server.connect()
                    # RESET ends the lease: who runs a script in that very turn is cut off.
                    cut_off = (ConnectionResetError,) if arguments == ("RESET",) else ()
                    with contextlib.suppress(*cut_off):
                        connection.pipeline(commands)
                    connection.close()
        equal(server.call("PING"), "PONG", "the server")


def test_acl_categories_hold():
    """A user who may not administer may look at the cluster and nothing more."""
    module_only()
    with Cluster(1).start() as cluster:
        server = cluster[0]
        server.call("ACL", "SETUSER", "reader", "on", "nopass", "~*", "&*", "+@all", "-@admin", "-@dangerous")
        connection = server.connect()
        connection.call("AUTH", "reader", "any")
        for view in ("NODES", "SLOTS", "SHARDS", "INFO", "MYID", "HELP"):
            check("NOPERM" not in str(connection.ask("CLUSTER", view)), f"CLUSTER {view} for a reader")
        for command in (("RESET",), ("FORGET", "x" * 40), ("MEET", HOST, 1), ("ADDSLOTS", 1), ("FLUSHSLOTS",)):
            reply = connection.ask("CLUSTER", *command)
            check("NOPERM" in str(reply), f"CLUSTER {command} for a reader: {reply!r}")
        check("NOPERM" in str(connection.ask("SHUTDOWN")), "SHUTDOWN for a reader")
        connection.close()


def test_rights_to_what_the_module_answers():
    """CLUSTER, INFO, CONFIG and PUBLISH need the rights to these commands, not to the module's."""
    module_only()
    with Cluster(1).start() as cluster:
        server = cluster[0]
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        commands = {
            "+cluster": [("CLUSTER", "NODES"), ("CLUSTER", "BUMPEPOCH")],
            "+info": [("INFO",)],
            "+config|get": [("CONFIG", "GET", "cluster-enabled")],
            "+publish": [("PUBLISH", "c", "m")],
        }
        for number, rule in enumerate(commands):
            server.call("ACL", "SETUSER", f"u{number}", "on", "nopass", "~*", "&*", "-@all", rule)
            connection = server.connect()
            connection.call("AUTH", f"u{number}", "any")
            for other, words in ((o, w) for o, each in commands.items() for w in each):
                reply = connection.ask(*words)
                equal(str(reply).startswith("NOPERM"), other != rule, f"{words} of a user with {rule}: {str(reply)[:80]!r} refused")
            connection.close()
        server.call("CONFIG", "SET", "requirepass", "secret")
        stranger = server.connect()
        for words in (w for each in commands.values() for w in each):
            reply = stranger.ask(*words)
            check(str(reply).startswith(("NOAUTH", "NOPERM")), f"{words} without a password: {str(reply)[:80]!r}")


def test_meet_of_nobody():
    """The answer comes, is an error, and says what to look at."""
    module_only()
    with Cluster(1).start() as cluster:
        reply = cluster[0].ask("CLUSTER", "MEET", HOST, take_port())
        check(str(reply).startswith("ERR"), f"MEET of a port where nobody listens: {reply!r}")
        equal(len(cluster[0].nodes()), 1, "nodes")


if __name__ == "__main__":
    main(
        test_wrong_module_arguments,
        test_wrong_configs,
        test_cluster_enabled_yes,
        test_a_busy_bus_port,
        test_a_port_without_room_for_the_bus,
        test_damaged_state_files,
        test_a_folder_that_cannot_be_written,
        test_a_second_server_on_the_same_files,
        test_two_servers_in_one_folder,
        test_keys_above_database_zero,
        test_module_unload_is_refused,
        test_loading_the_module_at_run_time_is_refused,
        test_garbage_datagrams,
        test_a_stranger_cannot_push_us_out,
        test_internal_commands_called_by_users,
        test_acl_categories_hold,
        test_rights_to_what_the_module_answers,
        test_meet_of_nobody,
    )
