#!/usr/bin/python3
"""The way from a native cluster to one with the module, and back, as docs/switching.md tells it: a plain server replicates each old
primary, ends with its data on disk, and starts anew on them as a node of the other kind. Nothing is lost in between."""
from harness import HOST, NATIVE, Cluster, Server, Skipped, check, equal, load_keys, main, missing_keys, new_folder, say, wait_until
from resp import SLOTS

KEYS = 2_000
HALVES = ((0, SLOTS // 2 - 1), (SLOTS // 2, SLOTS - 1))
ON_DISK = {"save": "3600 1", "repl-diskless-sync-delay": 0}


def formed(nodes, halves=HALVES):
    """Each of them serves its half; they know each other."""
    for node, (first, last) in zip(nodes, halves):
        has = set(node.nodes()[node.id()].slots())  # a native node takes those that it finds keys of
        node.call("CLUSTER", "ADDSLOTS", *[slot for slot in range(first, last + 1) if slot not in has])
    nodes[1].call("CLUSTER", "MEET", HOST, nodes[0].port)
    wait_until(lambda: all(n.cluster_info()["cluster_state"] == "ok" for n in nodes), "both say ok")
    wait_until(lambda: all(len(n.nodes()) == 2 for n in nodes), "they know each other")


def plain_copy_of(primary, name):
    """A server outside of any cluster that has all of it and goes on following."""
    copy = Server(primary.folder.parent, name, native=True, config={**ON_DISK, "cluster-enabled": "no"}).start()
    copy.call("REPLICAOF", HOST, primary.port)
    wait_until(lambda: copy.replication().get("master_link_status") == "up", f"{copy} follows {primary}")
    return copy


def switched(olds, native):
    """Servers of the other kind, on the data of these, which are fenced and then ended."""
    copies = [plain_copy_of(old, f"copy{i}") for i, old in enumerate(olds)]
    for old in olds:
        old.call("CLIENT", "PAUSE", 600_000, "WRITE")  # no write from here on
    for old, copy in zip(olds, copies):
        offset = int(old.replication()["master_repl_offset"])
        wait_until(lambda o=offset, c=copy: int(c.replication()["slave_repl_offset"]) >= o, f"{copy} has all of it")
    news = []
    for copy in copies:
        copy.call("REPLICAOF", "NO", "ONE")
        copy.terminate()
        copy.wait_exit()
        news.append(Server(copy.folder.parent, copy.name, port=copy.port, native=native, config=ON_DISK).start())
    for old in olds:
        old.kill()
    formed(news)
    return news


def test_to_the_module_and_back():
    if NATIVE:
        raise Skipped("between both kinds")
    folder = new_folder()
    olds = [Server(folder, f"old{i}", native=True, config=ON_DISK).start() for i in range(2)]
    formed(olds)
    wanted = load_keys([s.address for s in olds], KEYS)
    news = switched(olds, native=False)
    equal(missing_keys([s.address for s in news], wanted), [], "keys after the way there")
    equal(sum(int(s.call("DBSIZE")) for s in news), KEYS, "keys of the new cluster")
    say("there")
    more = load_keys([s.address for s in news], KEYS + 500)
    backs = switched(news, native=True)
    equal(missing_keys([s.address for s in backs], more), [], "keys after the way back")
    check(all(s.cluster_info()["cluster_slots_ok"] == str(SLOTS) for s in backs), "all slots are served")
    say("and back")


if __name__ == "__main__":
    main(test_to_the_module_and_back)
