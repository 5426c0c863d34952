#!/usr/bin/python3
"""A process that was stopped past its lease acknowledges nothing late: pipelined commands are refused or cut off."""
import signal
import socket
import sys
import time

from module_server import VERSIONS, Checks, ReplyError, Server, serve_all_slots, wait_until

check = Checks()


def stopped_with_a_pipeline(server):
    """500 writes wait in the socket while the process is stopped for longer than the lease."""
    c = server.client()
    c("SET", "before", "1")
    server.signal(signal.SIGSTOP)
    for i in range(500):
        c.send("SET", f"late{i}", i)
    time.sleep(1.6)
    server.signal(signal.SIGCONT)
    acknowledged, refused = 0, 0
    try:
        for _ in range(500):
            reply = c.read()
            refused += isinstance(reply, ReplyError)
            acknowledged += not isinstance(reply, ReplyError)
    except (EOFError, OSError):
        pass
    return acknowledged, refused


def blocked_client_is_cut_off(server):
    blocked = server.client()
    blocked.send("BLPOP", "queue", "0")
    time.sleep(0.2)
    server.signal(signal.SIGSTOP)
    time.sleep(1.6)
    server.signal(signal.SIGCONT)
    try:
        blocked.socket.settimeout(3)
        return repr(blocked.read())
    except EOFError:
        return "closed"
    except socket.timeout:
        return "still waiting"


def run(version):
    print(f"-- valkey {version}")
    with Server(version) as server:
        c = serve_all_slots(server)
        acknowledged, refused = stopped_with_a_pipeline(server)
        # The lease is renewed soon after the process wakes; a write acknowledged then ran under the new lease.
        lapses = lambda: int(server.client()("INFO", "swim").split("swim_lease_lapses:")[1].split("\r")[0])
        check("the lapse was seen", wait_until(lambda: lapses() >= 1, 5), server.client()("INFO", "swim"))
        check(f"late writes were refused or cut off ({refused} refused, {acknowledged} after a renewal)",
              refused > 0 or acknowledged == 0)
        wait_until(lambda: server.client().ask("SET", "x", "1") == "OK", 10)
        check.equal("the node serves again", server.client().ask("GET", "x"), "1")
        check.equal("a blocked client is cut off when the lease is lost", blocked_client_is_cut_off(server), "closed")
        wait_until(lambda: server.client().ask("SET", "x", "2") == "OK", 10)
        check.equal("and again", server.client().ask("GET", "x"), "2")


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
