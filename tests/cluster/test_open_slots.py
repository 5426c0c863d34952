#!/usr/bin/python3
"""A slot that is being moved key by key, command by command, beside a native cluster of the same shape: what the source,
the target, a replica and a third party answer, before, between and after. And what only holds here: the state is in the
shards' logs, a slot with keys is not given away."""
import re

from harness import HOST, NATIVE, VERSION, Cluster, Skipped, check, equal, main, say, wait_until
from resp import RespError, tag_of

SLOT = 5
UNKNOWN = "0123456789abcdef0123456789abcdef01234567"

# (who, commands on one connection; the last one's answer counts). source, target, third; replica is the source's.
PREPARE = """
source SET k1{t} v
source SET k2{t} v
source SET m1{t} v
source SET m2{t} v
source RPUSH l{t} 1 2 3
source CLUSTER SETSLOT 5 MIGRATING {unknown}
source CLUSTER SETSLOT 5 MIGRATING
source CLUSTER SETSLOT 5 MIGRATING {replica}
source CLUSTER SETSLOT 5 IMPORTING {target}
source CLUSTER SETSLOT 5 NODE {target}
source CLUSTER SETSLOT 5 NODE {unknown}
source CLUSTER SETSLOT 5 NODE {replica}
source CLUSTER SETSLOT 5 STABLE
source CLUSTER SETSLOT 16384 STABLE
source CLUSTER SETSLOT abc STABLE
source CLUSTER SETSLOT 5 STABLE TIMEOUT
source CLUSTER SETSLOT 5 STABLE TIMEOUT abc
source CLUSTER SETSLOT 5 STABLE TIMEOUT -1
source CLUSTER SETSLOT 5 STABLE TIMEOUT 1000
source CLUSTER SETSLOT 5 STABLE more
source CLUSTER SETSLOT 5 NODE {source}
source CLUSTER SETSLOT 5 NODE {source} TIMEOUT 99999999999999999999
target CLUSTER SETSLOT 5 MIGRATING {source}
target CLUSTER SETSLOT 5 IMPORTING {replica}
target CLUSTER SETSLOT 5 IMPORTING {source} TIMEOUT abc
replica CLUSTER SETSLOT 5 IMPORTING {target}
target CLUSTER SETSLOT 5 IMPORTING {source}
source CLUSTER SETSLOT 5 MIGRATING {target}
source CLUSTER SETSLOT 5 MIGRATING {target}
target CLUSTER SETSLOT 5 IMPORTING {source}
"""

ON_AN_OPEN_SLOT = """
GET k1{t}
GET none{t}
MGET k1{t} k2{t}
MGET k1{t} none{t}
MGET n1{t} n2{t}
MGET n1{t} n1{t}
SET new{t} v
DEL n1{t} n2{t}
DEL none{t}
RENAME k1{t} k9{t}
EXISTS none{t}
SUNIONSTORE d{t} k1{t}
OBJECT ENCODING none{t}
XREAD COUNT 1 STREAMS none{t} 0
SORT none{t}
WATCH none{t}
EVAL return(redis.call('get',KEYS[1])) 1 k1{t}
EVAL return(redis.call('get',KEYS[1])) 1 none{t}
EVAL return(redis.call('set','undeclared{t}','x')) 1 k1{t}
EVAL return(redis.call('get','undeclared{t}')) 1 k1{t}
SPUBLISH channel{t} message
SSUBSCRIBE channel{t}
CLUSTER COUNTKEYSINSLOT 5
MIGRATE 127.0.0.1 {target_port} none{t} 0 1000
"""

# The whole transaction is one command in this: its keys count together, when EXEC comes. 9.x looks for them only then, the
# module as 8.x also when a command is queued.
IN_A_TRANSACTION = """
MULTI | GET k1{t} | GET k2{t} | EXEC
MULTI | GET k1{t} | GET none{t}
MULTI | GET k1{t} | GET none{t} | EXEC
MULTI | GET n1{t} | EXEC
MULTI | DEL undone{t} | EXEC
MULTI | EVAL return(redis.call('get',KEYS[1])) 1 k1{t} | EXEC
"""

MOVE = """
source MIGRATE 127.0.0.1 {target_port} k1{t} 0 1000
source GET k1{t}
target ASKING | GET k1{t}
source MGET k1{t} k2{t}
target ASKING | MGET k1{t} k2{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 COPY KEYS k2{t} l{t}
source GET k2{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 KEYS k2{t} l{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 AUTH wrong KEYS k2{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 AUTH2 nobody wrong KEYS k2{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 AUTH2 mover secret REPLACE KEYS k2{t}
source MIGRATE 127.0.0.1 {target_port} "" 0 1000 REPLACE KEYS l{t}
source CLUSTER COUNTKEYSINSLOT 5
source CLUSTER GETKEYSINSLOT 5 10
target GET k1{t}
target CLUSTER SETSLOT 5 NODE {target}
source CLUSTER SETSLOT 5 NODE {target}
third CLUSTER SETSLOT 5 NODE {target}
source GET k1{t}
target GET k1{t}
target LRANGE l{t} 0 -1
target MGET k1{t} k2{t}
third GET k1{t}
source MIGRATE 127.0.0.1 {target_port} k1{t} 0 1000
source CLUSTER SETSLOT 5 MIGRATING {target}
target CLUSTER SETSLOT 5 IMPORTING {source}
target CLUSTER SETSLOT 5 STABLE
"""


class Side:
    """A cluster and who is who in it."""

    def __init__(self, native):
        self.cluster = Cluster(6)
        for server in self.cluster:
            server.native = native
        self.cluster.start()
        self.cluster.create(replicas=1)
        (self.source, replicas, _), (self.target, _, _), (self.third, _, _) = self.cluster.shards()
        self.replica = replicas[0]
        # A native primary tells SETSLOT only those replicas that are online by then.
        wait_until(lambda: self.source.call("WAIT", 1, 100) >= 1, "the source's replica is online")
        self.words = {"t": "{" + tag_of(SLOT) + "}", "unknown": UNKNOWN, "target_port": self.target.port}
        self.words |= {name: self.server(name).id() for name in ("source", "target", "third", "replica")}
        self.target.call("ACL", "SETUSER", "mover", "on", ">secret", "~*", "&*", "+@all")

    def server(self, name):
        return getattr(self, name)

    def answer(self, who, line):
        """Of the last of these commands, all on one new connection; ids and ports by name."""
        connection = self.server(who).connect()
        reply = None
        for command in line.split(" | "):
            words = [w if w != '""' else "" for w in (w.format(**self.words) for w in command.split())]
            try:
                reply = connection.ask(*words)
            except TimeoutError:
                reply = "no answer"
        connection.close()
        text = repr(reply).replace("Script attempted", "Attempted")  # 9.x words it so
        for name in ("source", "target", "third", "replica"):
            text = text.replace(self.words[name], f"<{name}>").replace(str(self.server(name).port), f"<{name} port>")
        return text


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def differences(sides, who, lines):
    found = []
    for line in lines:
        ours, native = (side.answer(who, line) for side in sides)
        if ours != native:
            found.append(f"  {who}: {line}\n      ours   {ours}\n      native {native}")
    return found


def a_key_leaves_before_exec(sides):
    """Of two keys that were both there when the commands were queued."""
    told = []
    for side in sides:
        t = side.words["t"]
        connection = side.source.connect()
        for command in (["MULTI"], ["GET", "m1" + t], ["SET", "m2" + t, "changed"]):
            connection.ask(*command)
        moved = side.source.call("MIGRATE", HOST, side.target.port, "m1" + t, 0, 1000)
        told.append((moved, str(connection.ask("EXEC")), side.source.call("GET", "m2" + t)))
        connection.close()
        equal(side.source.call("MIGRATE", HOST, side.target.port, "m2" + t, 0, 1000), "OK", "MIGRATE of the other")
    equal(told[0][1].split()[0], "TRYAGAIN", "EXEC after one of its keys has left")
    return [] if told[0] == told[1] else [f"  EXEC after a key has left: {told}"]


def settle(side):
    """The replica knows what its primary knows."""
    def same():
        offset = int(side.source.replication()["master_repl_offset"])
        return int(side.replica.replication()["slave_repl_offset"]) >= offset

    wait_until(same, "the replica has caught up")


def test_an_open_slot_beside_a_native_one():
    if NATIVE:
        raise Skipped("compares the module with native")
    sides = Side(native=False), Side(native=True)
    found = []
    for line in lines_of(PREPARE):
        who, command = line.split(" ", 1)
        found += differences(sides, who, [command])
    for side in sides:
        settle(side)
    for who in ("source", "target", "third"):
        for line in lines_of(ON_AN_OPEN_SLOT):
            found += differences(sides, who, [line, "ASKING | " + line])
    for who in ("source", "target", "third") if VERSION.startswith("8") else ():
        for line in lines_of(IN_A_TRANSACTION):
            found += differences(sides, who, [line, "ASKING | " + line])
    found += a_key_leaves_before_exec(sides)
    for line in ("GET k1{t}", "GET none{t}", "MGET k1{t} none{t}", "MGET n1{t} n2{t}", "SET k1{t} v"):
        found += differences(sides, "replica", [line, "READONLY | " + line])
    shown = [
        [re.findall(r"\[.*?\]", side.answer(who, "CLUSTER NODES")) for who in ("source", "target", "third")]
        for side in sides
    ]
    equal(shown[0], shown[1], "open slots in CLUSTER NODES of source, target, third")
    # The replica's own line has them, too; natively only if it was known to be recent enough when SETSLOT came.
    equal(re.findall(r"\[.*?\]", sides[0].answer("replica", "CLUSTER NODES")), shown[0][0], "of the replica")
    for side in sides:
        side.target.ask("DEL", "undeclared" + side.words["t"])
    for line in lines_of(MOVE):
        who, command = line.split(" ", 1)
        found += differences(sides, who, [command])
        if line.startswith("third CLUSTER SETSLOT"):  # ours has promised it, and lets go when it hears of the other's claim
            for side in sides:
                wait_until(lambda s=side: "[" not in s.source.call("CLUSTER", "NODES"), "the source has let go")
    for side in sides:
        side.cluster.end()
    if found:
        raise AssertionError(f"{len(found)} replies differ:\n" + "\n".join(found))


def test_the_state_of_an_open_slot_survives_both_primaries():
    side = Side(native=NATIVE)
    for line in lines_of(PREPARE)[-4:-2]:
        equal(side.answer(*line.split(" ", 1)), "'OK'", line)
    source_shard, target_shard = side.cluster.shards()[0], side.cluster.shards()[1]
    for victim, (heir, *_) in ((side.source, source_shard[1]), (side.target, target_shard[1])):
        victim.kill()
        wait_until(lambda h=heir: h.role() == "master" and h.cluster_info()["cluster_state"] == "ok", f"{heir} took over", 30)
        victim.start()
        side.cluster.wait_ok()
    source, target = source_shard[1][0], target_shard[1][0]
    key = "none" + side.words["t"]
    equal(str(source.ask("GET", key)), f"ASK {SLOT} {HOST}:{target.port}", "the new source's answer")
    connection = target.connect()
    equal((connection.ask("ASKING"), connection.ask("SET", key, "v")), ("OK", "OK"), "the new target's answers")
    connection.close()
    equal(target.call("CLUSTER", "SETSLOT", SLOT, "NODE", target.id()), "OK", "SETSLOT NODE at the new target")
    equal(target.call("GET", key), "v", "the key at its new owner")
    wait_until(lambda: all(str(s.ask("GET", key)).startswith("MOVED") for s in side.cluster if s is not target),
               "everybody knows the new owner")  # fmt: skip
    side.cluster.end()


def test_a_slot_with_keys_is_not_given_away():
    """Native mode lets the target take it and the source then deletes the keys."""
    if NATIVE:
        raise Skipped("the module's own promise")
    side = Side(native=False)
    key = "k" + side.words["t"]
    side.source.call("SET", key, "v")
    refused = side.target.ask("CLUSTER", "SETSLOT", SLOT, "NODE", side.target.id())
    check(isinstance(refused, RespError) and "still holds keys at its owner" in str(refused), f"{refused}")
    equal(side.source.call("GET", key), "v", "the key at its owner")
    say("an empty slot is: without MIGRATING and IMPORTING before")
    side.source.call("DEL", key)
    equal(side.target.call("CLUSTER", "SETSLOT", SLOT, "NODE", side.target.id()), "OK", "SETSLOT NODE of an empty slot")
    equal(side.target.call("SET", key, "w"), "OK", "SET at the new owner")
    side.cluster.wait_ok()
    side.cluster.end()


if __name__ == "__main__":
    main(
        test_an_open_slot_beside_a_native_one,
        test_the_state_of_an_open_slot_survives_both_primaries,
        test_a_slot_with_keys_is_not_given_away,
    )
