#!/usr/bin/python3
"""Where the module must not run it says why and what to do; where it may, roles never come from a file."""
import shutil
import subprocess
import sys

from module_server import MODULE, SERVERS, VERSIONS, Checks, Server, serve_all_slots, wait_until

check = Checks()


def refused(version, what, words, configuration=(), arguments=(), port=None):
    server = Server(version, configuration, arguments, port=port)
    try:
        server.start(wait=False)
        code = server.wait_end(15)
        log = server.log_text()
        check(f"{what}: the server does not start", code != 0, code)
        for word in words:
            check(f"{what}: the log says '{word}'", word in log, log[-800:])
    except subprocess.TimeoutExpired:
        check(f"{what}: the server does not start", False, server.log_text()[-800:])
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def refused_at_run_time(version):
    with Server(version, ["enable-module-command yes"], module=None) as server:
        c = server.client()
        check.error("MODULE LOAD at run time", c.ask("MODULE", "LOAD", MODULE), "ERR")
        check("says to load at start", "when the server starts" in server.log_text(), server.log_text()[-500:])
        check.equal("and the server goes on untouched", c.ask("SET", "a", "1"), "OK")


def keys_above_database_zero(version):
    first = Server(version, module=None)
    try:
        first.start()
        c = first.client()
        c("SELECT", "3")
        c("SET", "a", "1")
        c("SAVE")
        first.stop()
        second = Server(version, port=first.port, directory=first.directory)
        (first.directory / "valkey.conf").unlink()
        second.start(wait=False)
        check("keys above database 0: the server does not start", second.wait_end(15) != 0)
        check("and the log says what to do", "move them to database 0" in second.log_text(), second.log_text()[-800:])
        second.stop()
    finally:
        first.stop()
        shutil.rmtree(first.directory, ignore_errors=True)


def settings(version):
    with Server(version, arguments=["lease-ttl-ms", "500"]) as server:
        c = server.client()
        check.equal("loadmodule arguments give settings", c("CONFIG", "GET", "swim.lease-ttl-ms")[1], "500")
    with Server(version, ["swim.lease-ttl-ms 700", "replicaof 127.0.0.1 1"]) as server:
        c = serve_all_slots(server)
        check.equal("so does the configuration file", c("CONFIG", "GET", "swim.lease-ttl-ms")[1], "700")
        check("replicaof in the file is ignored, with a warning", "replicaof in the configuration is ignored" in server.log_text())
        check.equal("the node is a primary", c("ROLE")[0], "master")
        check.equal("repl-diskless-sync-delay is 0 unless chosen", c("CONFIG", "GET", "repl-diskless-sync-delay")[1], "0")
        check.equal("CONFIG REWRITE", c.ask("CONFIG", "REWRITE"), "OK")
        text = (server.directory / "valkey.conf").read_text()
        check("keeps roles out of the file", "replicaof" not in text.replace("#", ""), text)
    with Server(version, ["repl-diskless-sync-delay 5"]) as server:
        check.equal("a chosen delay stays", server.client()("CONFIG", "GET", "repl-diskless-sync-delay")[1], "5")


def run(version):
    print(f"-- valkey {version}")
    refused(version, "cluster-enabled yes", ["set cluster-enabled no"], ["cluster-enabled yes"])
    refused(version, "an unknown argument", ["unknown module argument 'lease'"], arguments=["lease", "1"])
    refused(version, "a value out of range", ["from 100 to 60000"], arguments=["lease-ttl-ms", "5"])
    refused(version, "an argument without value", ["has no value"], arguments=["seeds"])
    refused(version, "bad seeds", ["host:port"], arguments=["seeds", "nowhere"])
    refused(version, "a bad setting in the file", ["swim.seeds"], ["swim.seeds nowhere"])
    refused(version, "a port without room for the bus", ["at most 55535"], port=55600)
    refused_at_run_time(version)
    keys_above_database_zero(version)
    settings(version)


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
