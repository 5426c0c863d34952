#!/usr/bin/python3
"""Cluster clients whose slot map is stale run MULTI ... EXEC at the new owner by themselves: they read MOVED while they
queue, and start anew there. So do ioredis and iovalkey (npm) and Python's redis since 6.2.

The first two are looked for below VSWIM_NODE_MODULES (default build/node/node_modules); to have them there:
  npm install --prefix build/node ioredis iovalkey
Python's is looked for below VSWIM_PYTHON_REDIS (default build/python-redis, where tools/setup unpacks Debian sid's).
"""
import os
import pathlib
import shutil
import subprocess

from clusters import Cluster
from harness import ROOT, Skipped, equal, main, say, wait_until
from resp import tag_of
from side_by_side import begun

MODULES = pathlib.Path(os.environ.get("VSWIM_NODE_MODULES", ROOT / "build/node/node_modules"))
PYTHON_REDIS = pathlib.Path(os.environ.get("VSWIM_PYTHON_REDIS", ROOT / "build/python-redis"))


def start_client(program, port, key, **environment):
    return subprocess.Popen(
        [*program, str(port), key],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def follow(cases):
    """Each case: a name and what starts its client, given a port and a key."""
    cluster = begun(Cluster(2).start())
    cluster.create_small(cluster[:2], [])
    for slot, (library, start) in enumerate(cases, 100):
        key = "{" + tag_of(slot) + "}" + library
        client = start(cluster[0].port, key)
        try:
            equal(client.stdout.readline().strip(), "ready", f"{library} has the slots")
            equal(cluster[0].call("DEL", key), 1, "its key is cleared")
            equal(cluster[0].call("CLUSTER", "DELSLOTS", slot), "OK", "the slot leaves n0")
            wait_until(lambda s=slot: cluster[1].ask("CLUSTER", "ADDSLOTS", s) == "OK", "n1 takes it")
            wait_until(lambda k=key: cluster[1].ask("GET", k) is None, "n1 serves it")
            wait_until(lambda k=key: "MOVED" in str(cluster[0].ask("GET", k)), "n0 redirects")
            client.stdin.write("moved\n")
            client.stdin.flush()
            said = client.stdout.readline().strip()
            say(f"     {library}: {said}")
            equal(said, '["OK",2,"2"]', f"{library}: EXEC")
            equal(cluster[1].call("GET", key), "2", "at its new home")
        finally:
            client.kill()
            client.wait()


def test_node_clients_follow_the_redirect():
    there = [library for library in ("ioredis", "iovalkey") if (MODULES / library).exists()]
    if not shutil.which("node") or not there:
        raise Skipped("no node, or neither ioredis nor iovalkey below build/node")

    def starter(library):
        return lambda port, key: start_client(["node", "stale_multi.js", library], port, key, NODE_PATH=str(MODULES))

    follow([(library, starter(library)) for library in there])


def test_python_client_follows_the_redirect():
    if not (PYTHON_REDIS / "redis").exists():
        raise Skipped(f"no Python client below {PYTHON_REDIS}")
    program = ["/usr/bin/python3", "-B", str(pathlib.Path(__file__).with_name("stale_multi.py")), "redis"]
    version = subprocess.run(
        ["/usr/bin/python3", "-B", "-c", "import redis; print(redis.__version__)"],
        env={**os.environ, "PYTHONPATH": str(PYTHON_REDIS)}, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    name = f"python-redis-{version}"
    follow([(name, lambda port, key: start_client(program, port, key, PYTHONPATH=str(PYTHON_REDIS)))])


if __name__ == "__main__":
    main(test_node_clients_follow_the_redirect, test_python_client_follows_the_redirect)
