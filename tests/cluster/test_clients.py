#!/usr/bin/python3
"""What clients see of a cluster: redirects, CROSSSLOT, READONLY, transactions; valkey-cli -c and Python's cluster
clients follow by themselves."""
import contextlib
import subprocess

from harness import HOST, NATIVE, Cluster, RespError, Skipped, check, equal, load_keys, main, missing_keys, say, wait_until
from resp import slot_of, tag_of

_formed = []


def formed():
    """One cluster for all tests of this file: three primaries, three replicas."""
    if not _formed:
        cluster = Cluster(6, shared=True).start()
        _formed.append(cluster)
        cluster.create(replicas=1)
        load_keys(cluster.addresses, 1000)  # a native node lists replicas in CLUSTER SLOTS once they have data
        for server in cluster:
            wait_until(lambda s=server: all(len(r) == 4 for r in s.call("CLUSTER", "SLOTS")), f"replicas at {server}")
    return _formed[0]


def a_key(slots, name="key"):
    return f"{name}:{{{tag_of(slots[len(slots) // 2])}}}"


def error(reply, start, what):
    check(isinstance(reply, RespError) and str(reply).startswith(start), f"{what}: {reply!r}, expected {start}...")
    return str(reply)


def test_wrong_nodes_answer_moved():
    cluster = formed()
    shards = cluster.shards()
    for owner, replicas, slots in shards:
        key = a_key(slots)
        wanted = f"MOVED {slot_of(key)} {HOST}:{owner.port}"
        for other, _, _ in shards:
            for command in (("GET", key), ("SET", key, "v"), ("EVAL", "return 1", 1, key), ("SPUBLISH", key, "m")):
                reply = other.ask(*command)
                if other is owner:
                    check(not isinstance(reply, RespError), f"{command} at the owner: {reply!r}")
                else:
                    equal(str(error(reply, "MOVED", command[0])), wanted, f"{command[0]} at another primary")
        for replica in replicas:
            equal(error(replica.ask("SET", key, "x"), "MOVED", "SET"), wanted, "SET at its replica")
            equal(error(replica.ask("GET", key), "MOVED", "GET"), wanted, "GET at its replica")


def test_readonly_lets_a_replica_answer():
    cluster = formed()
    owner, replicas, slots = cluster.shards()[0]
    foreign = a_key(cluster.shards()[1][2])
    key = a_key(slots, "readonly")
    connection = replicas[0].connect()
    owner.call("SET", key, "seen")
    equal(connection.ask("READONLY"), "OK", "READONLY")
    wait_until(lambda: connection.ask("GET", key) == "seen", "the replica has it")
    error(connection.ask("SET", key, "x"), "MOVED", "SET on a READONLY connection")
    error(connection.ask("GET", foreign), "MOVED", "another shard's key on a READONLY connection")
    equal(connection.ask("READWRITE"), "OK", "READWRITE")
    error(connection.ask("GET", key), "MOVED", "GET after READWRITE")
    connection.call("READONLY")
    other = replicas[0].connect()
    error(other.ask("GET", key), "MOVED", "READONLY is a connection's own")
    other.close()
    connection.close()


def test_keys_of_several_slots_are_crossslot():
    cluster = formed()
    owner, _, slots = cluster.shards()[0]
    one, two = f"a{{{tag_of(slots[0])}}}", f"b{{{tag_of(slots[1])}}}"
    for command in (
        ("MSET", one, 1, two, 2),
        ("MGET", one, two),
        ("DEL", one, two),
        ("RENAME", one, two),
        ("SUNIONSTORE", one, one, two),
        ("EVAL", "return 1", 2, one, two),
        ("BLPOP", one, two, 1),
        ("COPY", one, two),
        ("XREAD", "COUNT", 1, "STREAMS", one, two, 0, 0),
        ("SORT", one, "STORE", two),
        ("ZUNIONSTORE", one, 1, two),
    ):
        error(owner.ask(*command), "CROSSSLOT Keys in request don't hash to the same slot", " ".join(map(str, command)))
    equal(owner.call("MSET", one, 1, f"c{{{tag_of(slots[0])}}}", 2), "OK", "MSET of one slot")
    equal(owner.call("DEL", one, f"c{{{tag_of(slots[0])}}}"), 2, "DEL of one slot")


def test_scripts_keep_to_their_slot():
    cluster = formed()
    shards = cluster.shards()
    owner, _, slots = shards[0]
    mine, foreign = a_key(slots, "script"), a_key(shards[1][2], "script")
    equal(owner.call("EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, mine), "OK", "a script's own key")
    reply = owner.ask("EVAL", "return redis.call('SET', ARGV[1], 'x')", 1, mine, foreign)
    check(isinstance(reply, RespError), f"a script wrote a key of another shard: {reply!r}")
    equal(shards[1][0].call("EXISTS", foreign), 0, "the foreign key")
    owner.call("DEL", mine)


def test_multi_with_a_wrong_slot_never_runs_half():
    cluster = formed()
    shards = cluster.shards()
    owner, _, slots = shards[0]
    mine, foreign = a_key(slots, "tx"), a_key(shards[1][2], "tx")
    for watched in (False, True):
        what = "with WATCH" if watched else "without WATCH"
        connection = owner.connect()
        connection.call("DEL", mine)
        if watched:
            connection.call("WATCH", mine)
        equal(connection.ask("MULTI"), "OK", "MULTI")
        equal(connection.ask("SET", mine, "half"), "QUEUED", "the right slot")
        reply = connection.ask("SET", foreign, "x")
        check(isinstance(reply, RespError), f"a wrong slot in MULTI {what}: {reply!r}")
        check("MOVED" in str(reply), f"a wrong slot in MULTI {what} is told MOVED: {reply}")
        error(connection.ask("EXEC"), "EXECABORT", f"EXEC {what}")
        equal(connection.ask("EXISTS", mine), 0, f"the half of an aborted transaction {what}")
        equal(connection.ask("PING"), "PONG", "the connection lives")
        connection.close()

    connection = owner.connect()
    replies = connection.pipeline([("MULTI",), ("SET", mine, "1"), ("INCR", mine), ("GET", mine), ("EXEC",)])
    equal(replies[-1], ["OK", 2, "2"], "a transaction of one slot")
    one, two = f"a{{{tag_of(slots[0])}}}", f"b{{{tag_of(slots[1])}}}"
    replies = connection.pipeline([("MULTI",), ("MGET", one, two)])
    check(isinstance(replies[1], RespError), f"CROSSSLOT inside MULTI: {replies}")
    error(connection.ask("EXEC"), "EXECABORT", "EXEC after CROSSSLOT")
    connection.call("WATCH", mine)
    owner.call("SET", mine, "changed")
    replies = connection.pipeline([("MULTI",), ("SET", mine, "lost"), ("EXEC",)])
    equal(replies[-1], None, "EXEC after a watched key changed")
    equal(connection.pipeline([("MULTI",), ("SET", mine, "lost"), ("DISCARD",)])[-1], "OK", "DISCARD")
    equal(connection.call("GET", mine), "changed", "the watched key")
    connection.close()


def test_blocking_and_subscribing_work_at_the_owner():
    cluster = formed()
    owner, _, slots = cluster.shards()[0]
    key = a_key(slots, "queue")
    waiting = owner.connect()
    waiting.send(("BLPOP", key, 10))
    wait_until(lambda: owner.fields("INFO", "clients")["blocked_clients"] != "0", "the client is blocked")
    owner.call("RPUSH", key, "item")
    equal(waiting.read(), [key, "item"], "BLPOP")
    waiting.send(("SSUBSCRIBE", key))
    equal(waiting.read(), ["ssubscribe", key, 1], "SSUBSCRIBE")
    equal(owner.call("SPUBLISH", key, "hello"), 1, "SPUBLISH")
    equal(waiting.read(), ["smessage", key, "hello"], "the message")
    waiting.close()


def test_publish_reaches_every_node():
    cluster = formed()
    if not NATIVE:
        raise Skipped("publishing across nodes has an issue of its own")
    subscriber = cluster[0].connect()
    subscriber.call("SUBSCRIBE", "news")
    cluster[1].call("PUBLISH", "news", "hello")
    equal(subscriber.read(), ["message", "news", "hello"], "a message published at another node")
    subscriber.close()


def test_valkey_cli_follows_redirects():
    cluster = formed()
    commands, expected = [], {}
    for number in range(300):
        commands.append(f"SET cli:{number} v{number}")
        expected[f"cli:{number}"] = f"v{number}"
    done = cluster[5].cli("-c", stdin="\n".join(commands) + "\n")
    equal(done.returncode, 0, done.stdout[-500:])
    equal(done.stdout.count("OK"), 300, f"OKs of valkey-cli -c:\n{done.stdout[-500:]}")
    equal(missing_keys(cluster.addresses, expected), [], "keys set by valkey-cli -c")
    done = cluster[4].cli("-c", stdin="GET cli:1\nMULTI\nGET cli:1\nEXEC\n")
    check("v1" in done.stdout, f"a transaction through valkey-cli -c at the owner:\n{done.stdout}")


def python_client(module_name, class_name):
    cluster = formed()
    try:
        module = __import__(module_name, fromlist=["cluster"])
        library = __import__(f"{module_name}.cluster", fromlist=[class_name])
    except ImportError as reason:
        raise Skipped(f"{module_name} cannot be imported: {reason}") from None
    say(f"{module_name} {module.__version__}")
    client = getattr(library, class_name)(host=HOST, port=cluster[3].port)
    expected = {f"{module_name}:{n}": f"v{n}" for n in range(300)}
    for key, value in expected.items():
        check(client.set(key, value), f"SET {key}")
    for key, value in expected.items():
        equal(client.get(key), value.encode(), key)
    with client.pipeline() as pipe:
        for key in list(expected)[:100]:
            pipe.get(key)
        equal(pipe.execute(), [v.encode() for v in list(expected.values())[:100]], "a pipeline over all shards")
    equal(len(client.get_primaries()), 3, "primaries the client found")
    equal(len(client.get_replicas()), 3, "replicas the client found")
    check(client.mset_nonatomic({"x": 1, "y": 2, "z": 3}), "mset_nonatomic")
    with contextlib.suppress(AttributeError):
        client.close()
    reading = getattr(library, class_name)(host=HOST, port=cluster[0].port, read_from_replicas=True)
    cluster.wait_replicated()
    for key, value in list(expected.items())[:100]:
        equal(reading.get(key), value.encode(), f"{key} with read_from_replicas")


def test_python3_redis():
    python_client("redis", "RedisCluster")


def test_python3_valkey():
    python_client("valkey", "ValkeyCluster")


def test_valkey_benchmark_runs():
    cluster = formed()
    done = subprocess.run(
        [cluster[0].program("valkey-benchmark"), "--cluster", "-h", HOST, "-p", str(cluster[0].port), "-n", "20000",
         "-c", "20", "-P", "8", "-r", "10000", "-t", "set,get", "-q"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    equal(done.returncode, 0, done.stdout + done.stderr)
    check("GET:" in done.stdout.replace("\r", "\n"), done.stdout + done.stderr)


if __name__ == "__main__":
    main(
        test_wrong_nodes_answer_moved,
        test_readonly_lets_a_replica_answer,
        test_keys_of_several_slots_are_crossslot,
        test_scripts_keep_to_their_slot,
        test_multi_with_a_wrong_slot_never_runs_half,
        test_blocking_and_subscribing_work_at_the_owner,
        test_publish_reaches_every_node,
        test_valkey_cli_follows_redirects,
        test_python3_redis,
        test_python3_valkey,
        test_valkey_benchmark_runs,
    )
