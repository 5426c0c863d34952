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


def blocked_client(server):
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


LATE_SCRIPT = """
local start = server.call('TIME')
local now = start
repeat now = server.call('TIME') until (now[1] - start[1]) * 1000000 + now[2] - start[2] > 700000
return server.call('SET', KEYS[1], ARGV[1])
"""


LATE_PUSH = LATE_SCRIPT.replace("server.call('SET', KEYS[1], ARGV[1])", "server.call('RPUSH', KEYS[1], ARGV[1])")


def late_push(server, transaction):
    """Somebody waits for what a script pushes after the lease."""
    waits, c = server.client(), server.client()
    c("DEL", "late-queue")
    waits.send("BLPOP", "late-queue", "0")
    time.sleep(0.1)
    if transaction:
        c("MULTI")
        c("EVAL", LATE_PUSH, "1", "late-queue", "1")
        c.send("EXEC")
    else:
        c.send("EVAL", LATE_PUSH, "1", "late-queue", "1")
    time.sleep(0.2)
    server.signal(signal.SIGSTOP)
    time.sleep(1.6)
    server.signal(signal.SIGCONT)
    try:
        waits.socket.settimeout(12)
        return repr(waits.read())
    except (EOFError, OSError) as problem:
        return "still waiting" if isinstance(problem, socket.timeout) else "closed"


def late_write(server, transaction):
    """The write passes the filter in time and is executed after the lease: the process is stopped in between."""
    c, bystander = server.client(), server.client()
    bystander("PING")
    if transaction:
        c("MULTI")
        c("EVAL", LATE_SCRIPT, "1", "late", "1")
        c.send("EXEC")
    else:
        c.send("EVAL", LATE_SCRIPT, "1", "late", "1")
    time.sleep(0.2)
    server.signal(signal.SIGSTOP)
    time.sleep(1.6)
    server.signal(signal.SIGCONT)
    try:
        answer = repr(c.read())
    except (EOFError, OSError):
        answer = "closed"
    try:
        idle = bystander.ask("PING")
    except (EOFError, OSError):
        idle = "closed"
    return answer, idle


def serves(server):
    try:
        return server.client().ask("SET", "x", "1") == "OK"
    except (EOFError, OSError):  # the fence may close whoever comes while it works
        return False


def counter(server, name):
    return int(server.client()("INFO", "swim").split(f"swim_{name}:")[1].split("\r")[0])


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
        for transaction in (False, True):
            what = "in a transaction" if transaction else "of a script"
            before = counter(server, "fences")
            answer, idle = late_write(server, transaction)
            check.equal(f"a late write {what} is not acknowledged: its client is closed", answer, "closed")
            check.equal("a client without pending output stays", idle, "PONG")
            check(f"the fence says so ({what})", counter(server, "fences") > before)
            check("and the node serves again", wait_until(lambda: server.client().ask("SET", "x", "1") == "OK", 10),
                  server.log_text()[-1500:])
        told = blocked_client(server)
        check("a blocked client hears of the lost lease, or waits on under the next one", told == "still waiting" or
              "CLUSTERDOWN" in told or "UNBLOCKED" in told, told)
        for transaction in (False, True):
            answer = late_push(server, transaction)
            check(f"what a late push gave to a waiting client is not acknowledged to it: {answer}",
                  answer == "closed" or "UNBLOCKED" in answer or "CLUSTERDOWN" in answer)
            check("and the node serves again", wait_until(lambda: serves(server), 10), server.log_text()[-1500:])
        wait_until(lambda: server.client().ask("SET", "x", "2") == "OK", 10)
        check.equal("and again", server.client().ask("GET", "x"), "2")


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
