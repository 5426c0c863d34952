#!/usr/bin/python3
"""MULTI, EXEC and DISCARD answer what a native cluster answers, line by line; what EXEC runs is replicated as one."""
import time

from clusters import Cluster
from harness import VERSION, check, equal, main, wait_until
from module_server import Client, ReplyError
from resp import tag_of
from side_by_side import Pair, begun, replicated

QUEUE_TIME = """
a: MULTI
a: SET %Ak 1
a: INCR %Ak
a: GET %Ak
a: EXEC
a: EXEC
a: DISCARD
a: MULTI
a: SET %Bk 1
a: SET %Ak 2
a: EXEC
a: GET %Ak
a: MULTI
a: GET %Ak
a: GET %Bk
a: GET %Ck
a: DISCARD
a: MULTI
a: MGET %Ax %Cx
a: EXEC
a: MULTI
a: SET %Ax 1
a: SET %Cx 1
a: EXEC
a: EXISTS %Ax
a: MULTI
a: EXEC
a: MULTI
a: MULTI
a: WATCH %Ax
a: EXEC
a: MULTI
a: NOSUCH x
a: SET %Ax
a: CLIENT NOSUCH
a: EXEC
a: MULTI
a: SET %Ax 1
a: EXEC extra
a: EXEC
a: MULTI
a: DISCARD extra
a: DISCARD
a: MULTI extra
a: EXEC
a: MULTI
a: SET %Ax 1
a: RESET
a: GET %Ax
a: MULTI
a: REPLICAOF NO ONE
a: EXEC
a: MULTI
a: SELECT 0
a: PING
a: PING hello
a: ECHO x
a: EXEC
a: MULTI
a: SHUTDOWN
a: SAVE
a: EXEC
"""

EXEC_TIME = """
a: SET %As text
a: MULTI
a: INCR %As
a: LPUSH %As x
a: SET %At 5
a: EXEC
a: GET %At
a: DEL %Aq
a: MULTI
a: BLPOP %Aq 0
a: RPUSH %Aq one two three
a: BLPOP %Aq 0
a: BLMOVE %Aq %Aq2 LEFT RIGHT 0
a: BRPOP %Anone 0
a: XADD %Ax 1-1 f v
a: XREAD BLOCK 0 STREAMS %Ax $
a: XREAD COUNT 1 STREAMS %Ax 0
a: BZPOPMIN %Anone 0
a: EXEC
a: LRANGE %Aq 0 -1
a: MULTI
a: EVAL "return {redis.call('set', KEYS[1], 'e'), redis.call('get', KEYS[1])}" 1 %Ae
a: EVAL "return redis.call('get', KEYS[1])" 1 %Be
a: EXEC
a: MULTI
a: EVAL "return redis.call('set', KEYS[1], 'e')" 1 %Ae
a: EVAL "return redis.error_reply('NOPERM me')" 0
a: EVAL "return redis.call('get', '%Bundeclared')" 0
a: EVAL "return redis.call('nosuch')" 1 %Ae
a: GET %Ae
a: EXEC
a: MULTI
a: CLUSTER MYID
a: CLUSTER KEYSLOT %A
a: CLUSTER COUNTKEYSINSLOT 4000
a: CONFIG GET maxmemory-policy
a: CONFIG SET maxmemory-samples 5
a: DBSIZE
a: TYPE %Ae
a: OBJECT ENCODING %At
a: FLUSHALL
a: DBSIZE
a: PUBLISH channel message
a: ACL WHOAMI
a: WAIT 0 0
a: EXEC
a: MULTI
a: SET %Ae 1
a: READONLY
a: READWRITE
a: EXEC
a: MULTI
a: SORT %Anone STORE %Asorted
a: COPY %Ae %Ae2
a: RENAME %Ae %Ae3
a: EXEC
a: MULTI
a: COPY %Ae %Be2
a: EXEC
a: MULTI
a: SET %Ae 1
a!
a: GET %Ae
"""

PROTOCOL_3 = """
a~ HELLO 3 SETNAME me
a: MULTI
a: HSET %Ah f 1 g 2.5
a: HGETALL %Ah
a: ZADD %Az 1.5 m
a: ZSCORE %Az m
a: SMEMBERS %Anone
a: GET %Anone
a: EVAL "redis.setresp(3); return {double=3.5}" 0
a: EXEC
a: MULTI
a: HGETALL %Bh
a: EXEC
a: CLIENT GETNAME
"""

WATCHES = """
a: WATCH %Aw
b: SET %Aw x
a: MULTI
a: SET %Aw y
a: EXEC
a: GET %Aw
a: WATCH %Aw
a: MULTI
a: SET %Aw z
a: EXEC
a: GET %Aw
a: WATCH %Aw
a: UNWATCH
b: SET %Aw x
a: MULTI
a: SET %Aw v
a: EXEC
a: WATCH %Bw
a: WATCH %Aw %Cw
a: WATCH %Aw
a: DISCARD
a: MULTI
a: DISCARD
a: MULTI
a: SET %Aw u
a: EXEC
a: GET %Aw
"""

REPLICA = """
r2: MULTI
r2: GET %Ak
r2: EXEC
r2: READONLY
r2: MULTI
r2: GET %Ak
r2: EXISTS %Ak %Ak
r2: EXEC
r2: MULTI
r2: GET %Ak
r2: SET %Ak 2
r2: EXEC
r2: MULTI
r2: GET %Bk
r2: EXEC
r2: MULTI
r2: FLUSHALL
r2: EXEC
r2: MULTI
r2: EVAL_RO "return redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL "return redis.call('get', KEYS[1])" 1 %Ak
r2: EVAL "return redis.call('set', KEYS[1], 1)" 1 %Ak
r2: EXEC
r2: MULTI
r2: READWRITE
r2: GET %Ak
r2: EXEC
r2: GET %Ak
"""

USERS = """
a: ACL SETUSER narrow on >secret ~%A* &* -@all +get +set +multi +exec +ping +acl|whoami
a: ACL SETUSER nomulti on >secret ~* &* +@all -multi
b: AUTH narrow secret
b: MULTI
b: SET %Au 1
b: GET %Au
b: ACL WHOAMI
b: EXEC
b: MULTI
b: SET other 1
b: EXEC
b: MULTI
b: DEL %Au
b: EXEC
b: MULTI
b: GET %Bu
b: EXEC
b: MULTI
b: SET %Au 2
b: GET %Au
a: ACL SETUSER narrow -get
b: EXEC
b: MULTI
b: SET %Au 3
a: ACL SETUSER narrow resetkeys
b: EXEC
c: AUTH nomulti secret
c: MULTI
c: SET %Au 5
c: EXEC
a: ACL SETUSER default >pass
d: MULTI
d: SET %Au 6
d: EXEC
d: AUTH pass
d: MULTI
d: SET %Au 7
d: EXEC
d: GET %Au
d: ACL SETUSER default nopass
"""

MEMORY = """
a: CONFIG SET maxmemory 1
a: MULTI
a: SET %Am 1
a: GET %Am
a: EXEC
a: CONFIG SET maxmemory 0
a: MULTI
a: SET %Am 1
b: CONFIG SET maxmemory 1
a: EXEC
b: CONFIG SET maxmemory 0
a: GET %Am
a: MULTI
a: GET %Am
b: CONFIG SET maxmemory 1
a: EXEC
b: CONFIG SET maxmemory 0
a: CONFIG SET min-replicas-to-write 5
a: MULTI
a: SET %Am 1
a: EXEC
a: CONFIG SET min-replicas-to-write 0
a: MULTI
a: SET %Am 1
b: CONFIG SET min-replicas-to-write 5
a: EXEC
b: CONFIG SET min-replicas-to-write 0
"""


def test_the_same_answers_as_native():
    pair = Pair()
    pair.talk("queueing", QUEUE_TIME)
    pair.talk("executing", EXEC_TIME)
    pair.talk("RESP3", PROTOCOL_3)
    pair.talk("WATCH stays with the server", WATCHES)
    pair.talk("a key for the replica", "a: SET %Ak 1\na: WAIT 1 1000")
    for cluster in pair.clusters:
        replicated(cluster)
    # Which of two reasons a script's write on a replica is refused for differs from release to release.
    write = """r2: EVAL "return redis.call('set', KEYS[1], 1)" 1 %Ak\n"""
    pair.talk("on a replica", REPLICA if VERSION < "9" else REPLICA.replace(write, ""))
    pair.talk("users", USERS)
    pair.talk("memory and replicas", MEMORY)
    equal(pair.differences, 0, f"lines that differ of {pair.compared}")
    pair.end()


def one_server():
    cluster = begun(Cluster(1).start())
    cluster[0].call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_until(lambda: cluster[0].cluster_info()["cluster_state"] == "ok", "it serves")
    return cluster[0]


class Stream:
    """What a replica would receive: the words of every replicated command."""

    def __init__(self, server):
        self.client = Client(server.port)
        self.client.send("SYNC")
        size = 0
        while not size:
            line = self.client._line()
            size = int(line[1:]) if line.startswith(b"$") and line[1:].isdigit() else 0
            check(not line.startswith(b"-"), line)
        while len(self.client.buffer) < size:
            self.client._fill()
        self.client.buffer = self.client.buffer[size:]

    def until(self, last):
        seen = []
        while not seen or seen[-1] != last:
            words = self.client.read()
            if words[0].upper() not in ("PING", "REPLCONF"):
                seen.append([words[0].upper(), *words[1:]])
        return seen


def test_exec_is_replicated_as_one_transaction():
    server = one_server()
    server.call("CONFIG", "SET", "repl-diskless-sync", "no")
    stream = Stream(server)
    c = Client(server.port)
    c("MULTI")
    c("SET", "{t}a", "1")
    c("INCR", "{t}a")
    c("GET", "{t}a")
    c("EVAL", "server.call('SET', KEYS[1], 'x'); return server.call('DEL', KEYS[1])", "1", "{t}b")
    equal(c("EXEC"), ["OK", 2, "2", 1], "EXEC")
    c("SET", "end", "1")
    seen = stream.until(["SET", "end", "1"])
    equal(
        [w for w in seen if w[0] != "SELECT"],
        [["MULTI"], ["SET", "{t}a", "1"], ["INCR", "{t}a"], ["SET", "{t}b", "x"], ["DEL", "{t}b"], ["EXEC"],
         ["SET", "end", "1"]],
        "the stream",
    )  # fmt: skip


def test_a_slot_that_leaves_before_exec_takes_all_of_it_along():
    cluster = begun(Cluster(2).start())
    cluster.create_small(cluster[:2], [])
    key = "{" + tag_of(100) + "}k"
    c = Client(cluster[0].port)
    c("MULTI")
    equal(c.ask("SET", key, "1"), "QUEUED", "queued while it serves")
    equal(cluster[0].call("CLUSTER", "DELSLOTS", 100), "OK", "the slot is given up")
    wait_until(lambda: "CLUSTERDOWN" in str(cluster[0].ask("GET", key)), "not served")
    reply = c.ask("EXEC")
    check(str(reply).startswith("CLUSTERDOWN"), f"EXEC: {reply!r}")
    equal(str(c.ask("EXEC")), "ERR EXEC without MULTI", "the transaction is over")
    wait_until(lambda: cluster[1].ask("CLUSTER", "ADDSLOTS", 100) == "OK", "the other takes it")
    wait_until(lambda: cluster[1].ask("GET", key) is None, "it serves, and nothing was written")
    wait_until(lambda: "MOVED" in str(cluster[0].ask("GET", key)), "known here")
    c("MULTI")
    check(str(c.ask("SET", key, "2")).startswith("MOVED 100 "), "MOVED when it is queued")
    equal(str(c.ask("EXEC")), "EXECABORT Transaction discarded because of previous errors.", "EXEC")


def test_a_client_that_goes_or_queues_too_much_leaves_nothing_behind():
    server = one_server()
    server.call("CONFIG", "SET", "client-query-buffer-limit", 1024 * 1024)
    before = int(server.fields("INFO", "memory")["used_memory"])
    c = Client(server.port)
    c("MULTI")
    for _ in range(9):
        equal(c.ask("SET", "k", "x" * 100_000), "QUEUED", "queued")
    check(int(server.fields("INFO", "memory")["used_memory"]) > before + 800_000, "the server counts the queue")
    c.close()
    wait_until(lambda: int(server.fields("INFO", "memory")["used_memory"]) < before + 400_000, "freed when it goes")
    c = Client(server.port)
    c("MULTI")
    try:
        for _ in range(20):
            c.ask("SET", "k", "x" * 100_000)
        closed = False
    except (EOFError, OSError):
        closed = True
    check(closed, "a client that queues more than client-query-buffer-limit is closed, as by the server")
    equal(server.call("GET", "k"), None, "and nothing of it ran")


def test_client_pause_holds_exec_and_the_commands_inside_are_nobodys():
    server = one_server()
    a, b = Client(server.port), Client(server.port)
    a("MULTI")
    a("SET", "k", "1")
    b("CLIENT", "PAUSE", "400", "WRITE")
    began = time.monotonic()
    equal(a.ask("EXEC"), ["OK"], "EXEC")
    check(time.monotonic() - began > 0.3, "EXEC waited for the end of the pause")
    for words in (("swim.queue", "SET", "k", "2"), ("swim.exec",), ("swim.exec-write",), ("swim.queue",)):
        check(isinstance(b.ask(*words), ReplyError), f"{words} by hand is refused")
    equal(b("GET", "k"), "1", "unchanged")
    a("MULTI")
    check("concerns the connection" in str(a.ask("CLIENT", "PAUSE", "10000")), "CLIENT PAUSE inside")
    check(str(a.ask("EXEC")).startswith("EXECABORT"), "aborted")


SLOW = "local t = os.clock() repeat until os.clock() - t > 1.5 return server.call('INCR', KEYS[1])"


def test_a_client_that_goes_while_its_script_runs_takes_nothing_down():
    server = one_server()
    server.call("CONFIG", "SET", "busy-reply-threshold", 50)
    for leaves in (True, False):
        # The script takes CPU seconds, of which a busy machine gives few.
        a, b = Client(server.port, timeout=120), Client(server.port, timeout=120)
        a("MULTI")
        a("SET", "{c}before", "1")
        a("EVAL", SLOW, "1", "{c}counter")
        a.send("EXEC")
        time.sleep(0.3)
        check(str(b.ask("GET", "{c}before")).startswith("BUSY"), "the server says that it is busy")
        b.send("MULTI")  # allowed while it is busy, and what follows has to abort it
        equal(b.read(), "OK", "MULTI")
        check(str(b.ask("SET", "k", "1")).startswith("BUSY"), "not queued")
        if leaves:
            a.close()
        else:
            a.send("GET", "{c}before")  # pipelined behind its own EXEC
            equal(a.read(), ["OK", 2], "EXEC")
            equal(a.read(), "1", "and what was sent behind it")
        wait_until(lambda: Client(server.port).ask("GET", "{c}counter") == ("1" if leaves else "2"), "all of it ran")
        check(str(b.ask("EXEC")).startswith("EXECABORT"), "a transaction that lost a command runs nothing")
        check(server.alive(), "the server lives")


def test_python_clients_follow_a_redirect_inside_of_multi():
    cluster = begun(Cluster(2).start())
    cluster.create_small(cluster[:2], [])
    for module, slot in (("valkey", 10000), ("redis", 10001)):
        try:
            library = __import__(module)
        except ImportError:
            print(f"     no python3-{module} here")
            continue
        # A single connection that hears MOVED inside of MULTI, as a stale client of a cluster does.
        key = "{" + tag_of(slot) + "}" + module
        pipe = library.Redis(port=cluster[0].port).pipeline(transaction=True)
        pipe.set(key, "1").incr(key)
        try:
            pipe.execute()
            raised = "nothing"
        except library.exceptions.ResponseError as problem:
            raised = str(problem)
        check(f"MOVED {slot} 127.0.0.1:{cluster[1].port}" in raised, f"{module}: the redirect reaches the caller: {raised}")
        # Its cluster client: the slot has moved since it learned the map.
        if module == "redis":
            client = library.cluster.RedisCluster(host="127.0.0.1", port=cluster[0].port)
        else:
            client = library.cluster.ValkeyCluster(host="127.0.0.1", port=cluster[0].port)
        client.set(key, "1")
        equal(cluster[1].call("CLUSTER", "DELSLOTS", slot), "OK", "moved")
        wait_until(lambda: cluster[0].ask("CLUSTER", "ADDSLOTS", slot) == "OK", "to the other")
        wait_until(lambda: cluster[0].ask("SET", key, "5") == "OK", "which serves it")
        wait_until(lambda: "MOVED" in str(cluster[1].ask("GET", key)), "known by the first")
        pipeline = client.pipeline()
        pipeline.incr(key)
        pipeline.get(key)
        equal(pipeline.execute(), [6, b"6"], f"{module}: a stale pipeline")


if __name__ == "__main__":
    main(
        test_a_client_that_goes_while_its_script_runs_takes_nothing_down,
        test_python_clients_follow_a_redirect_inside_of_multi,
        test_the_same_answers_as_native,
        test_exec_is_replicated_as_one_transaction,
        test_a_slot_that_leaves_before_exec_takes_all_of_it_along,
        test_a_client_that_goes_or_queues_too_much_leaves_nothing_behind,
        test_client_pause_holds_exec_and_the_commands_inside_are_nobodys,
    )
