#!/usr/bin/python3
"""CLUSTER commands with bad arguments, and what cluster mode refuses: word for word what a native cluster server of the
same version answers. The same commands go to both."""
import re

from harness import NATIVE, VERSION, Cluster, Server, Skipped, equal, main, new_folder, say, wait_until
from resp import tag_of

UNKNOWN = "0123456789abcdef0123456789abcdef01234567"

# On a node without slots.
EMPTY_NODE = """
CLUSTER
CLUSTER NOSUCH
CLUSTER NOSUCH arg
CLUSTER MEET
CLUSTER MEET 127.0.0.1
CLUSTER MEET 127.0.0.1 abc
CLUSTER MEET 127.0.0.1 0
CLUSTER MEET 127.0.0.1 -1
CLUSTER MEET 127.0.0.1 65536
CLUSTER MEET 127.0.0.1 7000 abc
CLUSTER MEET 127.0.0.1 7000 99999
CLUSTER MEET 127.0.0.1 7000 17000 more
CLUSTER MEET not.an.address.. 7000
CLUSTER FORGET
CLUSTER FORGET {unknown}
CLUSTER FORGET short
CLUSTER FORGET {myself}
CLUSTER FORGET {myself} more
CLUSTER REPLICATE
CLUSTER REPLICATE {unknown}
CLUSTER REPLICATE short
CLUSTER REPLICATE {myself}
CLUSTER REPLICATE {unknown} more
CLUSTER REPLICAS
CLUSTER REPLICAS {unknown}
CLUSTER REPLICAS short
CLUSTER SLAVES {unknown}
CLUSTER ADDSLOTS
CLUSTER ADDSLOTS abc
CLUSTER ADDSLOTS -1
CLUSTER ADDSLOTS 16384
CLUSTER ADDSLOTS 99999999999999999999
CLUSTER ADDSLOTS 1 1
CLUSTER ADDSLOTS 1 abc
CLUSTER ADDSLOTSRANGE
CLUSTER ADDSLOTSRANGE 1
CLUSTER ADDSLOTSRANGE 1 2 3
CLUSTER ADDSLOTSRANGE 5 1
CLUSTER ADDSLOTSRANGE 1 16384
CLUSTER ADDSLOTSRANGE a b
CLUSTER ADDSLOTSRANGE 1 5 3 7
CLUSTER DELSLOTS
CLUSTER DELSLOTS 1
CLUSTER DELSLOTS abc
CLUSTER DELSLOTS 16384
CLUSTER DELSLOTSRANGE
CLUSTER DELSLOTSRANGE 1
CLUSTER DELSLOTSRANGE 5 1
CLUSTER DELSLOTSRANGE 1 5
CLUSTER DELSLOTSRANGE 1 16384
CLUSTER FLUSHSLOTS more
CLUSTER SET-CONFIG-EPOCH
CLUSTER SET-CONFIG-EPOCH abc
CLUSTER SET-CONFIG-EPOCH -1
CLUSTER SET-CONFIG-EPOCH 5 6
CLUSTER BUMPEPOCH more
CLUSTER KEYSLOT
CLUSTER KEYSLOT a b
CLUSTER KEYSLOT {tag}foo
CLUSTER COUNTKEYSINSLOT
CLUSTER COUNTKEYSINSLOT abc
CLUSTER COUNTKEYSINSLOT -1
CLUSTER COUNTKEYSINSLOT 16384
CLUSTER GETKEYSINSLOT
CLUSTER GETKEYSINSLOT 0
CLUSTER GETKEYSINSLOT abc 1
CLUSTER GETKEYSINSLOT 16384 1
CLUSTER GETKEYSINSLOT 0 abc
CLUSTER GETKEYSINSLOT 0 -1
CLUSTER GETKEYSINSLOT 0 1 2
CLUSTER INFO more
CLUSTER NODES more
CLUSTER SLOTS more
CLUSTER SHARDS more
CLUSTER MYID more
CLUSTER MYSHARDID more
CLUSTER SAVECONFIG more
CLUSTER RESET NOSUCH
CLUSTER RESET SOFT more
CLUSTER COUNT-FAILURE-REPORTS {unknown}
CLUSTER COUNT-FAILURE-REPORTS
CLUSTER LINKS more
CLUSTER FAILOVER
CLUSTER FAILOVER NOSUCH
CLUSTER FAILOVER FORCE TAKEOVER
CLUSTER SETSLOT
CLUSTER SETSLOT 1
CLUSTER SETSLOT abc NODE {unknown}
CLUSTER SETSLOT 16384 NODE {unknown}
CLUSTER SETSLOT 1 NODE {unknown}
CLUSTER SETSLOT 1 NOSUCH
CLUSTER SETSLOT 1 MIGRATING {unknown}
CLUSTER SETSLOT 1 IMPORTING {unknown}
GET key
SET key value
READONLY more
READWRITE more
ASKING more
SELECT 0
SELECT 1
SELECT abc
SELECT 99
SWAPDB 0 1
SWAPDB 0 0
MOVE key 1
COPY {tag}a {tag}b DB 1
REPLICAOF 127.0.0.1 7000
REPLICAOF NO ONE
SLAVEOF 127.0.0.1 7000
FAILOVER
FAILOVER ABORT
MSET a 1 b 2
PING
"""

# On a node that has every slot, and one key in each of two slots.
SERVING_NODE = """
CLUSTER ADDSLOTS 5
CLUSTER ADDSLOTSRANGE 0 16383
CLUSTER SET-CONFIG-EPOCH 7
CLUSTER REPLICATE {unknown}
CLUSTER REPLICATE {myself}
CLUSTER RESET
CLUSTER RESET SOFT
CLUSTER RESET HARD
CLUSTER FLUSHSLOTS
CLUSTER COUNTKEYSINSLOT 0
CLUSTER GETKEYSINSLOT 0 10
CLUSTER SETSLOT 0 NODE {unknown}
CLUSTER SETSLOT 0 MIGRATING {unknown}
CLUSTER SETSLOT 0 IMPORTING {unknown}
CLUSTER FAILOVER
GET {key0}
MGET {key0} {key1}
MSET {key0} 1 {key1} 2
DEL {key0} {key1} nothing
RENAME {key0} {key1}
EVAL return 0 {key0} {key1}
EVAL script 2 {key0} {key1}
SELECT 1
MOVE {key0} 1
SWAPDB 0 1
COPY {key0} {key0}x DB 1
COPY {key0} {key0}x DB 0
REPLICAOF 127.0.0.1 7000
CONFIG GET cluster-enabled
CONFIG GET databases
SPUBLISH {key0} message
SUBSCRIBE
KEYS *{slot1}*
DBSIZE
EXEC
DISCARD
MULTI more
WATCH
NOSUCHCOMMAND {key0}
GET
SET {key0}
XREADGROUP GROUP g c STREAMS {key0}
BLPOP {key0} {key1} 0
"""


def pair(config=None):
    """(ours, native), both fresh"""
    if NATIVE:
        raise Skipped("compares the module with native")
    ours = Server(new_folder(), "ours", config=config)
    native = Server(new_folder(), "native", native=True, config=config)
    ours.start()
    native.start()
    wait_until(lambda: ours.cluster_info() and native.cluster_info(), "both answer CLUSTER INFO")
    return ours, native


def answer(server, line, words):
    """The reply, with this server's id and port taken out."""
    command = [w.format(**words) for w in line.split()]
    reply = repr(server.ask(*command))
    return reply.replace(words["myself"], "<myself>").replace(str(server.port), "<port>")


def compare(ours, native, lines):
    differences = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        found = []
        for server in (ours, native):
            tags = [tag_of(0), tag_of(1)]
            words = {
                "unknown": UNKNOWN, "myself": server.id(), "tag": "{t}", "slot1": tags[1],
                "key0": f"key:{{{tags[0]}}}", "key1": f"key:{{{tags[1]}}}",
            }  # fmt: skip
            try:
                found.append(answer(server, line, words))
            except OSError as problem:
                found.append(f"broken connection: {problem}")
        if found[0] != found[1] and not (VERSION != "8.0" and line in OTHERWISE_LATER):
            differences.append(f"  {line}\n      ours   {found[0]}\n      native {found[1]}")
    if differences:
        raise AssertionError(f"{len(differences)} replies differ:\n" + "\n".join(differences))


# What we do not give on 9.x, or 8.1 words otherwise: several databases in cluster mode (design 3), CLUSTER FAILOVER; MEET's newer wording.
OTHERWISE_LATER = (
    "CLUSTER MEET 127.0.0.1 0", "CLUSTER MEET 127.0.0.1 -1", "CLUSTER MEET 127.0.0.1 65536",
    "CLUSTER MEET 127.0.0.1 7000 99999", "CLUSTER REPLICATE {unknown} more", "CLUSTER FAILOVER FORCE TAKEOVER",
    "SELECT 1", "SELECT 99", "MOVE {key0} 1", "CONFIG GET databases",
    "MSET a 1 b 2",  # 8.x looks for the owner of the first key before it compares slots, as we do
)  # fmt: skip


def finish(*servers):
    for server in servers:
        server.kill()


def test_a_node_without_slots():
    ours, native = pair()
    compare(ours, native, EMPTY_NODE)
    finish(ours, native)


def test_a_node_that_serves_everything():
    ours, native = pair()
    for server in (ours, native):
        equal(server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383), "OK", "ADDSLOTSRANGE")
        wait_until(lambda s=server: s.cluster_info()["cluster_state"] == "ok", "cluster_state ok")
        for slot in (0, 1):
            server.call("SET", f"key:{{{tag_of(slot)}}}", "value")
    compare(ours, native, SERVING_NODE)
    finish(ours, native)


# Between nodes of a cluster of three primaries; {other} and {third} are primaries, {replica} is a replica, {own} a slot of
# the asked node, {foreign} one of {other}.
IN_A_CLUSTER = """
CLUSTER ADDSLOTS {own}
CLUSTER ADDSLOTS {foreign}
CLUSTER ADDSLOTSRANGE {own} {own}
CLUSTER ADDSLOTSRANGE 0 16383
CLUSTER SETSLOT {own} MIGRATING
CLUSTER SETSLOT {own} MIGRATING {unknown}
CLUSTER SETSLOT {own} MIGRATING {replica}
CLUSTER SETSLOT {own} IMPORTING {other}
CLUSTER SETSLOT {own} NODE
CLUSTER SETSLOT {own} NODE {unknown}
CLUSTER SETSLOT {own} NODE {replica}
CLUSTER SETSLOT {own} NODE {other}
CLUSTER SETSLOT {own} STABLE
CLUSTER SETSLOT {own} STABLE TIMEOUT
CLUSTER SETSLOT {own} NOSUCH {other}
CLUSTER SETSLOT {foreign} MIGRATING {other}
CLUSTER SETSLOT {foreign} IMPORTING
CLUSTER SETSLOT {foreign} IMPORTING {unknown}
CLUSTER SETSLOT {foreign} IMPORTING {replica}
CLUSTER SETSLOT {foreign} NODE {other}
CLUSTER SETSLOT 16384 MIGRATING {other}
CLUSTER SETSLOT -1 NODE {other}
CLUSTER SETSLOT abc STABLE
CLUSTER FLUSHSLOTS
CLUSTER RESET
CLUSTER REPLICATE {other}
CLUSTER REPLICATE {replica}
CLUSTER REPLICAS {replica}
CLUSTER SET-CONFIG-EPOCH 9
CLUSTER FORGET {unknown}
"""

ON_A_REPLICA = """
CLUSTER SETSLOT {own} MIGRATING {other}
CLUSTER SETSLOT {foreign} IMPORTING {other}
CLUSTER SETSLOT {foreign} NODE {other}
CLUSTER SETSLOT {own} STABLE
CLUSTER SETSLOT abc STABLE
CLUSTER REPLICATE {replica}
CLUSTER FORGET {myprimary}
CLUSTER FORGET {replica}
"""


def test_nodes_of_a_cluster_and_nothing_changes():
    sides = []
    for native in (False, True):
        if NATIVE:
            raise Skipped("compares the module with native")
        cluster = Cluster(6)
        for server in cluster:
            server.native = native
        cluster.start()
        cluster.create(replicas=1)
        (one, replicas, own), (two, _, foreign), (three, _, _) = cluster.shards()
        one.call("SET", f"key:{{{tag_of(own[0])}}}", "value")
        ids = {"other": two.id(), "third": three.id(), "replica": replicas[0].id(), "myprimary": one.id()}
        sides.append((cluster, one, replicas[0], ids | {"own": own[0], "foreign": foreign[0], "unknown": UNKNOWN}))
    before = [sorted((n.id, n.ranges, n.primary) for n in side[0].view().values()) for side in sides]
    found = []
    for at, lines in ((1, IN_A_CLUSTER), (2, ON_A_REPLICA)):
        for line in filter(None, map(str.strip, lines.splitlines())):
            told = []
            for side in sides:
                reply = repr(side[at].ask(*[w.format(**side[3]) for w in line.split()]))
                for name, word in side[3].items():
                    reply = reply.replace(str(word), f"<{name}>") if len(str(word)) == 40 else reply
                told.append(reply)
            if told[0] != told[1]:
                found.append(f"  {line}\n      ours   {told[0]}\n      native {told[1]}")
    for side, was in zip(sides, before):
        side[0].wait_ok()
        equal(sorted((n.id, n.ranges, n.primary) for n in side[0].view().values()), was, "who owns what, after all errors")
        equal([line for s in side[0] for line in s.call("CLUSTER", "NODES").splitlines() if "[" in line], [], "open slots")
        side[0].end()
    if found:
        raise AssertionError(f"{len(found)} replies differ:\n" + "\n".join(found))


def test_help_and_command_info():
    ours, native = pair()
    wanted = {line.split()[0] for line in native.call("CLUSTER", "HELP") if line[:1].isupper() and line.split()[0].isupper()}
    given = {line.split()[0] for line in ours.call("CLUSTER", "HELP") if line[:1].isupper() and line.split()[0].isupper()}
    say(f"CLUSTER HELP lacks {sorted(wanted - given)}")
    for word in ("MEET", "FORGET", "REPLICATE", "RESET", "NODES", "SLOTS", "SHARDS", "ADDSLOTS", "INFO", "MYID"):
        equal(word in given, True, f"{word} in CLUSTER HELP")
    finish(ours, native)


def comparable(reply):
    """Design 3: inside MULTI a redirect or CROSSSLOT is told as an unknown command of that name. On 9.x there
    is no database but 0 with us."""
    told = re.match(r"RespError\(.ERR unknown command .*?(MOVED|CROSSSLOT|CLUSTERDOWN)", reply)
    if told or re.match(r"RespError\(.(MOVED|CROSSSLOT|CLUSTERDOWN)", reply):
        return re.search("MOVED|CROSSSLOT|CLUSTERDOWN", reply)[0]
    if VERSION.startswith("9"):
        reply = reply.replace("SELECT is not allowed in cluster mode", "DB index is out of range")
    return reply


def test_multi_and_scripts():
    """Inside MULTI and scripts, where an answer must not change what EXEC does."""
    ours, native = pair()
    for server in (ours, native):
        equal(server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383), "OK", "ADDSLOTSRANGE")
        wait_until(lambda s=server: s.cluster_info()["cluster_state"] == "ok", "cluster_state ok")
    one, two = f"a{{{tag_of(0)}}}", f"b{{{tag_of(1)}}}"
    scenarios = (
        [("MULTI",), ("SET", one, 1), ("GET", one), ("EXEC",)],
        [("MULTI",), ("MGET", one, two), ("SET", one, "half"), ("EXEC",), ("GET", one)],
        [("MULTI",), ("SET", one), ("EXEC",)],
        [("MULTI",), ("NOSUCH", one), ("EXEC",)],
        [("MULTI",), ("SELECT", 0), ("EXEC",)],
        [("MULTI",), ("MULTI",), ("DISCARD",)],
        [("WATCH", one), ("MULTI",), ("SET", one, 2), ("EXEC",), ("GET", one)],
        [("MULTI",), ("WATCH", one), ("DISCARD",)],
        [("MULTI",), ("INCR", one), ("LPUSH", one, 1), ("EXEC",)],
        [("MULTI",), ("CLUSTER", "KEYSLOT", "foo"), ("EXEC",)],
        [("MULTI",), ("CLUSTER", "COUNTKEYSINSLOT", "abc"), ("EXEC",)],
        [("EVAL", "return redis.call('GET', KEYS[1])", 1, one)],
        [("EVAL", "return redis.call('SELECT', 1)", 0)],
    )
    differences = []
    for scenario in scenarios:
        found = []
        for server in (ours, native):
            connection = server.connect()
            found.append([repr(r) for r in connection.pipeline(scenario)])
            connection.close()
        if [comparable(r) for r in found[0]] != [comparable(r) for r in found[1]]:
            differences.append(f"  {scenario}\n      ours   {found[0]}\n      native {found[1]}")
    if differences:
        raise AssertionError(f"{len(differences)} scenarios differ:\n" + "\n".join(differences))
    finish(ours, native)


if __name__ == "__main__":
    main(
        test_a_node_without_slots,
        test_a_node_that_serves_everything,
        test_nodes_of_a_cluster_and_nothing_changes,
        test_help_and_command_info,
        test_multi_and_scripts,
    )
