#!/usr/bin/python3
"""MULTI of a client that watches is the server's, under the filter: a wrong slot fails when queued, EXEC never runs half of a transaction."""
import sys

from module_server import VERSIONS, Checks, ReplyError, Server, serve_all_slots, wait_until

check = Checks()


def watched_multi(c):
    c("WATCH", "nobody changes this")
    c("MULTI")


def run(version):
    print(f"-- valkey {version}")
    with Server(version) as server:
        c = serve_all_slots(server)
        watched_multi(c)
        check.equal("queued", c.ask("SET", "{t}a", "1"), "QUEUED")
        check.equal("queued", c.ask("INCR", "{t}a"), "QUEUED")
        check.equal("CLUSTER in a transaction is queued", c.ask("CLUSTER", "MYID"), "QUEUED")
        reply = c.ask("EXEC")
        check("EXEC runs them", isinstance(reply, list) and reply[:2] == ["OK", 2] and len(reply[2]) == 40, reply)

        watched_multi(c)
        c("SET", "{t}b", "1")
        check.error("another slot in one transaction fails when queued", c.ask("SET", "{u}b", "1"), "ERR unknown command 'CROSSSLOT'")
        check.error("and aborts it", c.ask("EXEC"), "EXECABORT")
        check.equal("nothing ran", c.ask("GET", "{t}b"), None)

        watched_multi(c)
        check.error("SELECT 1 fails when queued", c.ask("SELECT", "1"), "ERR unknown command")
        check.error("and aborts", c.ask("EXEC"), "EXECABORT")

        # A slot that leaves between queueing and EXEC.
        slot = str(c("CLUSTER", "KEYSLOT", "{v}a"))
        other, d = server.client(), server.client()
        d("WATCH", "w")
        watched_multi(c)
        check.equal("queued while served", c.ask("SET", "{v}a", "1"), "QUEUED")
        check.equal("the slot is given up", other.ask("CLUSTER", "DELSLOTS", slot), "OK")
        wait_until(lambda: isinstance(other.ask("GET", "{v}a"), ReplyError))
        check.error("EXEC is aborted by the server itself", c.ask("EXEC"), "EXECABORT")
        d("MULTI")
        check.error("a slot nobody serves fails when queued", d.ask("GET", "{v}a"), "ERR unknown command 'CLUSTERDOWN'")
        d("DISCARD")
        check.error("outside of a transaction it is CLUSTERDOWN", c.ask("GET", "{v}a"), "CLUSTERDOWN")
        check.equal("given back", other.ask("CLUSTER", "ADDSLOTS", slot), "OK")
        wait_until(lambda: not isinstance(other.ask("GET", "{v}a"), ReplyError))
        check.equal("nothing of the aborted transaction ran", c.ask("GET", "{v}a"), None)

        c("WATCH", "{t}w")
        other("SET", "{t}w", "x")
        c("MULTI")
        c("SET", "{t}w", "y")
        check.equal("WATCH works", c.ask("EXEC"), None)
        check.error("WATCH of two slots", c.ask("WATCH", "{t}w", "{u}w"), "CROSSSLOT")
        check.error("EXEC without MULTI", c.ask("EXEC"), "ERR EXEC without MULTI")
        watched_multi(c)
        c("SET", "{t}n", "1")
        check.error("nested MULTI", c.ask("MULTI"), "ERR")
        check.error("the nested MULTI forgot nothing", c.ask("SET", "{u}n", "1"), "ERR unknown command 'CROSSSLOT'")
        c("DISCARD")
        watched_multi(c)
        c("RESET")
        check.equal("after RESET commands run at once", c.ask("SET", "{u}n", "1"), "OK")


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
