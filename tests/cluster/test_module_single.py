#!/usr/bin/python3
"""One server with the module: it loads, serves after ADDSLOTSRANGE, and answers like a node of a cluster."""
import sys

from module_server import VERSIONS, Checks, Server, serve_all_slots, wait_until

check = Checks()


def looks_like_a_cluster(c):
    info = c("INFO")
    check("INFO says cluster_enabled:1", "cluster_enabled:1\r\n" in info)
    check("INFO's mode is cluster", "_mode:cluster\r\n" in info and "_mode:standalone" not in info)
    check("INFO has a swim section", "swim_role:primary" in c("INFO", "swim"))
    check.equal("CONFIG GET cluster-enabled", c("CONFIG", "GET", "cluster-enabled"), ["cluster-enabled", "yes"])
    check.equal("CONFIG GET databases", c("CONFIG", "GET", "databases"), ["databases", "1"])
    check.equal("CONFIG GET of something else is the server's", c("CONFIG", "GET", "port")[0], "port")
    all_settings = c("CONFIG", "GET", "*")
    pairs = dict(zip(all_settings[::2], all_settings[1::2]))
    check("CONFIG GET * is complete and rewritten", len(pairs) > 150 and pairs["cluster-enabled"] == "yes")
    check.equal("swim.lease-ttl-ms is a setting", pairs.get("swim.lease-ttl-ms"), "1000")
    check.error("which is fixed at start", c.ask("CONFIG", "SET", "swim.lease-ttl-ms", "500"), "ERR")
    c.ask("HELLO", "3")
    check("INFO in RESP3", "cluster_enabled:1" in c("INFO", "cluster"))
    check.equal("CONFIG GET in RESP3 is a map", c("CONFIG", "GET", "databases"), {"databases": "1"})
    check("CLUSTER SHARDS in RESP3", isinstance(c("CLUSTER", "SHARDS"), list))
    c.ask("HELLO", "2")


def refuses(c):
    texts = {
        ("SELECT", "1"): "ERR SELECT is not allowed in cluster mode",
        ("SWAPDB", "0", "1"): "ERR SWAPDB is not allowed in cluster mode",
        ("MOVE", "a", "1"): "ERR MOVE is not allowed in cluster mode",
        ("COPY", "{t}a", "{t}b", "DB", "3"): "ERR DB index is out of range",
        ("REPLICAOF", "127.0.0.1", "1"): "ERR REPLICAOF not allowed in cluster mode.",
        ("SLAVEOF", "NO", "ONE"): "ERR REPLICAOF not allowed in cluster mode.",
        ("FAILOVER",): "ERR FAILOVER not allowed in cluster mode.",
        ("MSET", "a", "1", "b", "2"): "CROSSSLOT Keys in request don't hash to the same slot",
        ("DEL", "a", "b"): "CROSSSLOT",
        ("EVAL", "return 1", "2", "a", "b"): "CROSSSLOT",
        ("SUNIONSTORE", "d", "a", "b"): "CROSSSLOT",
        ("XREAD", "STREAMS", "a", "b", "0", "0"): "CROSSSLOT",
        ("SORT", "a", "STORE", "b"): "CROSSSLOT",
        ("CLUSTER",): "ERR wrong number of arguments for 'cluster' command",
    }
    for words, text in texts.items():
        check.error(" ".join(words), c.ask(*words), text)
    check.equal("SELECT 0 is fine", c.ask("SELECT", "0"), "OK")
    check.equal("COPY within the slot is fine", c.ask("COPY", "{t}a", "{t}b"), 0)
    check.equal("MSET within a slot is fine", c.ask("MSET", "{t}a", "1", "{t}b", "2"), "OK")
    check.equal("SORT .. STORE within a slot is fine", c.ask("SORT", "{t}l", "STORE", "{t}m"), 0)
    check.equal("MIGRATE's keys are seen", c.ask("MIGRATE", "127.0.0.1", "1", "", "0", "5", "KEYS", "{t}x", "{t}y"), "NOKEY")


def acl(server, c):
    c("ACL", "SETUSER", "narrow", "on", ">p", "~*", "+get", "+set")
    n = server.client()
    n("AUTH", "narrow", "p")
    check.equal("a narrow user reads", n.ask("GET", "{t}a"), "1")
    check.error("a narrow user may not ask for CLUSTER", n.ask("CLUSTER", "INFO"), "NOPERM")
    check.error("nor for INFO", n.ask("INFO"), "NOPERM")
    c("CLUSTER", "DELSLOTS", str(c("CLUSTER", "KEYSLOT", "{u}a")))
    wait_until(lambda: "CLUSTERDOWN" in str(n.ask("GET", "{u}a")), 5)
    check.error("a redirect error passes narrow rules", n.ask("GET", "{u}a"), "CLUSTERDOWN")
    c("CLUSTER", "ADDSLOTS", str(c("CLUSTER", "KEYSLOT", "{u}a")))
    n.close()


def run(version):
    print(f"-- valkey {version}")
    with Server(version) as server:
        c = server.client()
        check("an empty node is not ok", "cluster_state:fail" in c("CLUSTER", "INFO"))
        check.error("and serves nothing", c.ask("SET", "a", "1"), "CLUSTERDOWN Hash slot not served")
        c = serve_all_slots(server)
        my_id = c("CLUSTER", "MYID")
        check("CLUSTER MYID is a node id", len(my_id) == 40)
        nodes = c("CLUSTER", "NODES")
        check("CLUSTER NODES shows this node with all slots", f"{my_id} 127.0.0.1:{server.port}@" in nodes
              and "myself,master" in nodes and " 0-16383" in nodes, nodes)
        check.equal("CLUSTER SLOTS", c("CLUSTER", "SLOTS")[0][:2], [0, 16383])
        check.equal("SET", c.ask("SET", "a", "1"), "OK")
        check.equal("GET", c.ask("GET", "a"), "1")
        check.equal("READONLY", c.ask("READONLY"), "OK")
        check.equal("READWRITE", c.ask("READWRITE"), "OK")
        check.equal("ASKING", c.ask("ASKING"), "OK")
        looks_like_a_cluster(c)
        refuses(c)
        acl(server, c)
        check.error("MODULE UNLOAD", c.ask("MODULE", "UNLOAD", "swim"), "ERR")
        check.equal("still serving", c.ask("GET", "a"), "1")


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
