#!/usr/bin/python3
"""Blocking commands wait and are served as in a native cluster; when their slot leaves they end with MOVED, also when
the role changes, and nothing is popped for nobody."""
import time

from clusters import Cluster
from harness import check, equal, main, wait_until
from module_server import Client, ReplyError
from resp import tag_of
from side_by_side import Pair, begun, replicated

SERVED = """
a> BLPOP %Aq 0
b: RPUSH %Aq one two
a<
a: LRANGE %Aq 0 -1
a: BLPOP %Aq 0
a> BRPOP %Aq %Aq2 0
b: LPUSH %Aq2 x
a<
a> BLMOVE %Asrc %Adst LEFT RIGHT 0
b: RPUSH %Asrc m
a<
b: LRANGE %Adst 0 -1
a> BLMPOP 0 2 %Al1 %Al2 LEFT COUNT 2
b: RPUSH %Al2 1 2 3
a<
a> BRPOPLPUSH %Asrc %Adst 0
b: RPUSH %Asrc n
a<
a> BZPOPMIN %Az 0
b: ZADD %Az 1 one
a<
a> BZPOPMAX %Az %Az2 0
b: ZADD %Az2 2.5 two
a<
a> BZMPOP 0 1 %Az MIN COUNT 5
b: ZADD %Az 1 one 2 two
a<
a> XREAD BLOCK 0 STREAMS %Ax $
b: XADD %Ax 1-1 f v
a<
a: XREAD COUNT 1 STREAMS %Ax 0
a: XREAD COUNT 1 BLOCK 0 STREAMS %Ax 0
b: XGROUP CREATE %Ax g $
a> XREADGROUP GROUP g me BLOCK 0 STREAMS %Ax >
b: XADD %Ax 2-1 f v
a<
a> XREADGROUP GROUP g me BLOCK 0 STREAMS %Ax >
b: DEL %Ax
a<
a: BLPOP %Anone 0.1
a: BLMOVE %Anone %Adst LEFT RIGHT 0.1
a: BLMPOP 0.1 1 %Anone LEFT
a: BZPOPMIN %Anone 0.1
a: XREAD BLOCK 100 STREAMS %Anone $
a: PING
"""

REFUSED = """
a: BLPOP %Bq 0
a: BLPOP %Aq %Cq 0
a: BLPOP %Aq
a: BLPOP %Aq notanumber
a: BLPOP %Aq -1
a: BLMOVE %Aq %Bq LEFT RIGHT 0
a: XREAD BLOCK 0 STREAMS %Bx $
a: XREAD BLOCK -1 STREAMS %Ax $
a: XREADGROUP GROUP g me BLOCK 0 STREAMS %Ax >
b: SET %As text
a: BLPOP %As 0
a> BLPOP %At 0
b: SET %At text
b: DEL %At
b: RPUSH %At x
a<
r2: BLPOP %Aq 0
r2: READONLY
r2: BLPOP %Aq 0
r2: XREAD BLOCK 100 STREAMS %Ax2 $
"""

FAIR = """
a> BLPOP %Af 0
b> BLPOP %Af 0
c> BLPOP %Af 0
d: RPUSH %Af 1
a<
b<
d: RPUSH %Af 2 3
b<
c<
a> BLPOP %Af 0
d: MULTI
d: RPUSH %Af x
d: LPOP %Af
d: RPUSH %Af y
d: EXEC
a<
a> BLPOP %Af 0
d: EVAL "redis.call('rpush', KEYS[1], 'z'); return redis.call('llen', KEYS[1])" 1 %Af
a<
d: LLEN %Af
a> BLPOP %Af 0
a!
d: RPUSH %Af kept
d: LRANGE %Af 0 -1
d: DEL %Af
a> BLPOP %Af 0
a> PING
a> SET %Ag 1
d: RPUSH %Af p
a<
a<
a<
"""

PROTOCOL_3 = """
a~ HELLO 3
a> BLPOP %Aq 0
b: RPUSH %Aq one
a<
a> BZPOPMIN %Az 0
b: ZADD %Az 1.5 m
a<
a> XREAD BLOCK 0 STREAMS %Ax $
b: XADD %Ax 1-1 f v
a<
a: BLPOP %Anone 0.05
a: XREAD BLOCK 50 STREAMS %Anone $
b: DEL %Ax
"""

USERS = """
a: ACL SETUSER popper on >secret ~%A* -@all +blpop +ping
b: AUTH popper secret
b> BLPOP %Au 0
a: RPUSH %Au 1
b<
b: BLPOP %Cother 0
b: BRPOP %Au 0
b> BLPOP %Au 0
a: ACL SETUSER popper ~nothing
a: ACL SETUSER default >pass
a: RPUSH %Au2 1
c> BLPOP %Au2 0
c<
c: AUTH pass
c: BLPOP %Au2 0
c> BLPOP %Au2 0
a: RPUSH %Au2 2
c<
a: ACL DELUSER popper
a: DEL %Au
a: ACL SETUSER default nopass
"""


def test_the_same_answers_as_native():
    pair = Pair()
    pair.talk("served", SERVED)
    pair.talk("refused", REFUSED)
    pair.talk("fair, and nothing lost", FAIR)
    pair.talk("RESP3", PROTOCOL_3)
    pair.talk("users", USERS)
    for cluster in pair.clusters:
        replicated(cluster)
    equal(pair.differences, 0, f"lines that differ of {pair.compared}")
    pair.end()


def waiting(cluster, *commands, server=0):
    clients = []
    for words in commands:
        client = Client(cluster[server].port)
        client.send(*words)
        clients.append(client)
    wait_until(
        lambda: int(cluster[server].fields("INFO", "clients")["blocked_clients"]) == len(commands), "they all wait"
    )
    return clients


def key(slot, name):
    return "{" + tag_of(slot) + "}" + name


def test_a_slot_that_leaves_ends_the_wait_with_moved():
    cluster = begun(Cluster(2).start())
    cluster.create_small(cluster[:2], [])
    q = key(100, "q")
    leaving = waiting(
        cluster, ["BLPOP", q, 0], ["XREAD", "BLOCK", 0, "STREAMS", q, "$"], ["BLMOVE", q, key(100, "r"), "LEFT", "LEFT", 0]
    )
    # Nobody has the slot first: with full coverage required the whole cluster is down then, as it is natively.
    equal(cluster[0].call("CLUSTER", "DELSLOTS", 100), "OK", "DELSLOTS")
    for client in leaving:
        reply = client.read()
        check(isinstance(reply, ReplyError) and str(reply).startswith(("MOVED 100 ", "CLUSTERDOWN")), repr(reply))
        equal(client.ask("PING"), "PONG", "the connection stays")
    wait_until(lambda: cluster[1].ask("CLUSTER", "ADDSLOTS", 100) == "OK", "ADDSLOTS")
    wait_until(lambda: cluster[1].ask("RPUSH", q, "x") == 1, "n1 serves it")
    wait_until(lambda: "MOVED" in str(cluster[0].ask("LLEN", q)), "n0 knows")
    equal(str(leaving[0].ask("BLPOP", q, 0)), f"MOVED 100 127.0.0.1:{cluster[1].port}", "who asks now")
    equal(cluster[1].call("LRANGE", q, 0, -1), ["x"], "nothing was popped")


def test_a_full_cluster_without_coverage_ends_only_whose_slot_left():
    cluster = begun(Cluster(2, config={"cluster-require-full-coverage": "no"}).start())
    cluster.create_small(cluster[:2], [])
    leaving, staying = waiting(cluster, ["BLPOP", key(100, "q"), 0], ["BLPOP", key(101, "q"), 0])
    equal(cluster[0].call("CLUSTER", "DELSLOTS", 100), "OK", "DELSLOTS")
    check(str(leaving.read()).startswith(("MOVED 100 ", "CLUSTERDOWN Hash slot not served")), "the one")
    equal(cluster[0].call("RPUSH", key(101, "q"), "y"), 1, "push")
    equal(staying.read(), [key(101, "q"), "y"], "the other is served")


def test_client_unblock_kill_and_timeouts():
    cluster = begun(Cluster(1).start())
    server = cluster[0]
    server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_until(lambda: server.cluster_info()["cluster_state"] == "ok", "it serves")
    a, b, c = waiting(cluster, ["BLPOP", "q", 0], ["BLPOP", "q", 0], ["BLPOP", "q", 0])
    ids = [line.split("id=")[1].split()[0] for line in server.call("CLIENT", "LIST").splitlines() if "cmd=swim.wait" in line]
    equal(len(ids), 3, "all of them wait in the module")
    equal(server.call("CLIENT", "UNBLOCK", ids[0]), 1, "UNBLOCK")
    equal(a.read(), None, "as if its time were over")
    equal(server.call("CLIENT", "UNBLOCK", ids[1], "ERROR"), 1, "UNBLOCK ERROR")
    equal(str(b.read()), "UNBLOCKED client unblocked via CLIENT UNBLOCK", "with an error")
    equal(server.call("CLIENT", "KILL", "ID", ids[2]), 1, "KILL")
    wait_until(lambda: int(server.fields("INFO", "clients")["blocked_clients"]) == 0, "nobody waits")
    equal(server.call("RPUSH", "q", "1"), 1, "what is pushed now")
    equal(server.call("LRANGE", "q", 0, -1), ["1"], "stays")
    equal(a.ask("BLPOP", "q", 0), ["q", "1"], "and the connection works on")
    for words in (("swim.wait", "BLPOP", "q", "0"), ("swim.wait-write-as", "BLPOP", "q", "0"), ("swim.wait",)):
        check(isinstance(a.ask(*words), ReplyError), f"{words} by hand is refused")
    began = time.monotonic()
    equal(a.ask("BLPOP", "q", "0.2"), None, "timeout")
    check(0.15 < time.monotonic() - began < 1, "after its time")


def test_a_lost_lease_ends_the_wait_and_pops_nothing():
    cluster = begun(Cluster(3).start())
    cluster.create_small(cluster[:1], [(cluster[1], cluster[0]), (cluster[2], cluster[0])])
    old = cluster[0]
    [a] = waiting(cluster, ["BLPOP", "q", 0])
    old.stop()
    wait_until(lambda: any(s.role() == "master" for s in cluster[1:]), "another is promoted", 30)
    new = next(s for s in cluster[1:] if s.role() == "master")
    wait_until(lambda: new.ask("RPUSH", "q", "x") == 1, "it serves")
    old.cont()
    a.socket.settimeout(10)
    reply = a.read()
    check(
        isinstance(reply, ReplyError) and str(reply).startswith(("MOVED ", "CLUSTERDOWN ", "UNBLOCKED force unblock")),
        f"the client that waited at the old primary: {reply!r}",
    )
    equal(new.call("LRANGE", "q", 0, -1), ["x"], "nothing was popped")


def test_a_role_change_redirects_who_waits():
    cluster = begun(Cluster(2).start())
    cluster.create_small(cluster[:1], [(cluster[1], cluster[0])])
    cluster.wait_replicated()
    [a] = waiting(cluster, ["BLPOP", "q", 0])
    equal(cluster[1].call("CLUSTER", "FAILOVER"), "OK", "FAILOVER")
    a.socket.settimeout(30)
    reply = a.read()
    check(isinstance(reply, ReplyError) and str(reply).startswith("MOVED "), f"the client that waited: {reply!r}")


if __name__ == "__main__":
    main(
        test_the_same_answers_as_native,
        test_a_slot_that_leaves_ends_the_wait_with_moved,
        test_a_full_cluster_without_coverage_ends_only_whose_slot_left,
        test_client_unblock_kill_and_timeouts,
        test_a_lost_lease_ends_the_wait_and_pops_nothing,
        test_a_role_change_redirects_who_waits,
    )
