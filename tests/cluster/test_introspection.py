#!/usr/bin/python3
"""Every view of CLUSTER, field by field, beside a native cluster of the same shape and settings and the same server: the
same fields in the same order, of the same types, and the same values once ids, ports and times have been replaced by what
they stand for. What differs on purpose is listed here, with its reason."""
import re

from harness import Cluster, RespError, check, equal, main, say, wait_until
from resp import tag_of

# CLUSTER INFO: fields of ours, and of theirs that come and go with the kind of message (ping, pong, meet, ...).
OWN_INFO = re.compile(r"swim_")
MESSAGE_KINDS = re.compile(r"cluster_stats_messages_\w+_(sent|received)$")
VOLATILE = re.compile(r"cluster_stats_|cluster_current_epoch|cluster_my_epoch")

SLOT_STATS = [
    "SLOTSRANGE 0 2", "SLOTSRANGE 5461 5470", "SLOTSRANGE 16383 16383", "SLOTSRANGE 5", "SLOTSRANGE 5 3",
    "SLOTSRANGE -1 3", "SLOTSRANGE 0 16384", "SLOTSRANGE x 3", "SLOTSRANGE 1 2 3", "ORDERBY", "ORDERBY KEY-COUNT LIMIT 3",
    "ORDERBY KEY-COUNT LIMIT 3 ASC", "ORDERBY key-count desc limit 2", "ORDERBY KEY-COUNT LIMIT 0",
    "ORDERBY KEY-COUNT LIMIT 16385", "ORDERBY CPU-USEC", "ORDERBY X", "ORDERBY KEY-COUNT UP", "NONSENSE 1 2", "",
]  # fmt: skip
TEXTS = [
    "COUNT-FAILURE-REPORTS {replica}", "COUNT-FAILURE-REPORTS x", "COUNTKEYSINSLOT 0", "COUNTKEYSINSLOT 16384",
    "KEYSLOT a", "REPLICAS x", "REPLICAS {replica}", "LINKS x", "MYID x", "FAILOVER x", "FAILOVER FORCE x",
    "SAVECONFIG", "SLOTS x", "SHARDS x", "INFO x", "NODES x",
]  # fmt: skip


class Shape:
    """Three primaries and a replica each, with names for everything that differs from cluster to cluster."""

    def __init__(self, native, config):
        self.cluster = Cluster(6, config=config)
        for index, server in enumerate(self.cluster):
            server.native = native
            server.config = dict(config) | {"cluster-announce-human-nodename": f"human{index}"}
            if index != 1:
                server.config["cluster-announce-hostname"] = f"host{index}.example"
        self.cluster.start()
        pairs = [(self.cluster[i + 3], self.cluster[i]) for i in range(3)]
        self.cluster.create_small(self.cluster[:3], pairs)
        self.names = {}
        for index, server in enumerate(self.cluster):
            self.names[server.id()] = f"<node{index}>"
            self.names[str(server.bus_port)] = f"<bus{index}>"
            self.names[str(server.port)] = f"<port{index}>"
            if index < 3:
                self.names[server.call("CLUSTER", "MYSHARDID")] = f"<shard{index}>"
        for slot, keys in ((0, 1), (2, 3), (5461, 2)):
            for key in range(keys):
                owner = self.cluster[0 if slot < 5461 else 1]
                equal(owner.call("SET", f"{key}{{{tag_of(slot)}}}", 1), "OK", "SET")
        self.cluster.wait_replicated()
        # Offsets flow before anything is compared: a replica without one is not offered to clients.
        wait_until(lambda: all(len(r) == 4 for s in self.cluster for r in s.call("CLUSTER", "SLOTS")), "replicas in SLOTS", 60)

    def named(self, value):
        if isinstance(value, list):
            return [self.named(item) for item in value]
        text = str(value)
        for key, name in self.names.items():
            text = re.sub(rf"(?<![0-9a-f]){key}(?![0-9a-f])", name, text)
        return text if isinstance(value, (str, RespError)) else (value if text == str(value) else text)

    def ask(self, server, command):
        words = command.format(replica=self.cluster[3].id()).split() if isinstance(command, str) else command
        return self.named(server.ask("CLUSTER", *words))


def nodes_of(text):
    """CLUSTER NODES by name, the times left as their kind."""
    found = {}
    for line in text.splitlines():
        fields = line.split(" ")
        fields[4], fields[5] = ("0" if f == "0" else "ms" if re.fullmatch(r"\d{13}", f) else f for f in fields[4:6])
        fields[6] = "epoch" if fields[6].isdigit() else fields[6]
        found[fields[0]] = fields[1:]
    return found


def shards_of(reply):
    """CLUSTER SHARDS by slots, each node by name; offsets as their type."""
    found = {}
    for shard in reply:
        equal(shard[::2][:2], ["slots", "nodes"], "the fields of a shard")
        nodes = []
        for node in shard[3]:
            offset = node.index("replication-offset") + 1
            check(isinstance(node[offset], int), f"replication-offset is a number, not {node[offset]!r}")
            nodes.append(node[:offset] + ["offset"] + node[offset + 1 :])
        found[str(shard[1])] = (sorted(nodes), shard[4:])
    return found


def links_of(reply):
    found = []
    for link in reply:
        link = list(link)
        for name in ("create-time", "send-buffer-allocated", "send-buffer-used"):
            at = link.index(name) + 1
            check(isinstance(link[at], int) and link[at] >= 0, f"{name} is a number, not {link[at]!r}")
            link[at] = name
        found.append(link)
    return sorted(found)


def info_of(text):
    fields = dict(line.split(":", 1) for line in text.splitlines() if line)
    names = [n for n in fields if not OWN_INFO.match(n) and not (MESSAGE_KINDS.match(n) and n not in KEPT)]
    return [(n, "number" if VOLATILE.match(n) and fields[n].isdigit() else fields[n]) for n in names]


KEPT = {"cluster_stats_messages_sent", "cluster_stats_messages_received"}


def compare(ours, theirs, what, take=lambda reply: reply):
    mine, native = take(ours), take(theirs)
    if mine != native:
        raise AssertionError(f"{what}:\n  module {mine}\n  native {native}")


def compare_all(module, native):
    for index in (0, 4):  # a primary, another shard's replica
        ours, theirs = module.cluster[index], native.cluster[index]

        def both(command, take=lambda reply: reply, i=index, a=ours, b=theirs):
            compare(module.ask(a, command), native.ask(b, command), f"CLUSTER {command} at n{i}", take)

        both("NODES", nodes_of)
        both("SLOTS")
        both("SHARDS", shards_of)
        both("LINKS", links_of)
        both("INFO", info_of)
        both("MYID")
        both("MYSHARDID")
        for text in TEXTS:
            if not (text == "COUNT-FAILURE-REPORTS x" and index == 4):
                both(text)
        for text in SLOT_STATS:
            both(f"SLOT-STATS {text}")
    say(f"{len(TEXTS)} texts, {len(SLOT_STATS)} SLOT-STATS, NODES, SLOTS, SHARDS, LINKS, INFO: the same")


def compare_with(config):
    module, native = Shape(False, config), Shape(True, config)
    compare_all(module, native)
    for shape in (module, native):
        shape.cluster.end()


def test_by_ip():
    compare_with({"availability-zone": "zone-1"})


def test_by_host_name():
    compare_with({"cluster-preferred-endpoint-type": "hostname"})


def test_unknown_endpoint():
    compare_with({"cluster-preferred-endpoint-type": "unknown-endpoint"})


if __name__ == "__main__":
    main(test_by_ip, test_by_host_name, test_unknown_endpoint)
