#!/usr/bin/python3
"""The server ends in order and within its limit: SHUTDOWN, SHUTDOWN NOW, SIGTERM, SIGINT; and a failed save keeps it."""
import signal
import sys
import time

from module_server import VERSIONS, Checks, Client, Server, serve_all_slots, wait_until

check = Checks()


def ends(server, what, action, seconds=4.0):
    start = time.monotonic()
    action()
    try:
        code = server.wait_end(seconds + 10)
    except Exception:
        check(f"{what} ends the server", False, server.log_text()[-1500:])
        return
    took = time.monotonic() - start
    check.equal(f"{what} ends the server with code 0", code, 0)
    check(f"{what} takes {took:.2f} s, at most {seconds} s", took <= seconds, took)
    log = server.log_text()
    check(f"{what}: no crash", "CRASHED" not in log and "invariant broken" not in log, log[-2000:])


def run(version):
    print(f"-- valkey {version}")
    for words in (["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"], ["SHUTDOWN", "NOW"], ["SHUTDOWN", "SAVE"]):
        with Server(version) as server:
            c = serve_all_slots(server)
            c("SET", "a", "1")
            ends(server, " ".join(words), lambda: c.send(*words))
            check.equal(f"{' '.join(words)}: the dump is there or not", (server.directory / "dump.rdb").exists(), "SAVE" in words)
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server(version) as server:
            serve_all_slots(server)
            ends(server, number.name, lambda: server.signal(number))
    with Server(version) as server:
        c = serve_all_slots(server)
        c("SET", "a", "1")
        c("CONFIG", "SET", "dbfilename", "gone.rdb")
        server.directory.chmod(0o500)
        blocker = server.directory / "gone.rdb"
        server.directory.chmod(0o700)
        blocker.mkdir()  # the rename over a folder fails, for root too
        check.error("SHUTDOWN whose save fails answers", c.ask("SHUTDOWN", "SAVE"), "ERR")
        check.equal("and the server stays", c.ask("PING"), "PONG")
        blocker.rmdir()
        ends(server, "SHUTDOWN after that", lambda: c.send("SHUTDOWN"))
    with Server(version) as server:
        c = serve_all_slots(server)
        check.error("SHUTDOWN ABORT with nothing to abort", c.ask("SHUTDOWN", "ABORT"), "ERR No shutdown in progress")
        check.error("SHUTDOWN with nonsense", c.ask("SHUTDOWN", "NONSENSE", "NOW"), "ERR syntax error")
        check.equal("still there", c.ask("PING"), "PONG")


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
