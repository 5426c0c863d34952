"""The client libraries: how their programs are started, and which of their errors they tell their users to retry.

Where they are: VSWIM_PYTHON and VSWIM_PYTHON_REDIS (default build/python and build/python-redis, where tools/setup unpacks them),
VSWIM_NODE_MODULES (default build/node/node_modules; npm install --prefix build/node ioredis iovalkey redis @valkey/valkey-glide).
"""
import json
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PYTHON = pathlib.Path(os.environ.get("VSWIM_PYTHON", ROOT / "build/python"))
PYTHON_REDIS = pathlib.Path(os.environ.get("VSWIM_PYTHON_REDIS", ROOT / "build/python-redis"))
NODE_MODULES = pathlib.Path(os.environ.get("VSWIM_NODE_MODULES", ROOT / "build/node/node_modules"))

# What a library says of errors after which its user is to try again: (pattern, the library's words or where they stand).
PYTHON_ERRORS = [
    ("^(Busy)?(Loading|Connection|Timeout)Error", "cluster_error_retry_attempts: number of times to retry before raising ... ConnectionError"),
    ("^ClusterDownError", "It automatically returns available as soon as all the slots are covered again"),
    ("^MasterDownError", "a ClusterDownError: Link with MASTER is down"),
    ("^(Valkey|Redis)ClusterException: (Valkey|Redis) Cluster cannot be connected. Please provide at least one reachable node", "its words"),
    ("^SlotNotCoveredError", "the client should drop the current node layout and attempt to reconnect and refresh"),
    ("^TryAgainError", "Operations on keys that ... during resharding [are] split ... will generate a -TRYAGAIN error"),
    ("^ClusterError: TTL exhausted", "Cluster errors occurred multiple times, resulting in an exhaustion of the command execution TTL"),
    ("^(Moved|Ask)Error", "replayed with a MOVED error that points to the correct node"),
    ("^(CrossSlotTransactionError|InvalidPipelineStack|WatchError|ExecAbortError)", "WatchError: the transaction is tried anew"),
]  # fmt: skip
IOREDIS_ERRORS = [
    ("Too many Cluster redirections", "maxRedirections: this option limits the max redirections allowed when sending a command"),
    ("^ClusterAllFailedError: Failed to refresh slots cache", "None of startup nodes is available"),
    ("Connection is closed", "retryDelayOnFailover: if the target node is disconnected when sending a command"),
    ("CLUSTERDOWN", "retryDelayOnClusterDown"),
    ("TRYAGAIN", "retryDelayOnTryAgain"),
    ("MOVED|ASK", "retryDelayOnMoved: sometimes it takes time for a cluster to become stabilized after a failover"),
    ("UNBLOCKED", "of the server: force unblock from blocking operation, instance state changed (master -> replica?)"),
    ("EXECABORT", "of the server: the transaction did not happen"),
    ("^MaxRetriesPerRequestError", "Reached the max retries per request limit"),
    ("ECONNRESET|ECONNREFUSED", "errors of the subscriber's connection, which reconnects by itself"),
]  # fmt: skip
NODE_REDIS_ERRORS = [
    ("^SocketClosedUnexpectedlyError|ECONNRESET|ECONNREFUSED|EPIPE", "network errors: reconnectStrategy"),
    ("^MaxCommandRedirectionsError", "maxCommandRedirections: of a command due to MOVED or ASK errors"),
    ("^(RootNodesUnavailableError|ClientClosedError|ClientOfflineError|DisconnectsClientError)", "the client is connecting or reconnecting"),
    ("^(Connection|Socket)?TimeoutError", "of a connection or of a command while it reconnects"),
    ("CLUSTERDOWN|TRYAGAIN|UNBLOCKED|EXECABORT|LOADING|MASTERDOWN", "of the server; not named by the library, which hands them on"),
]  # fmt: skip
GLIDE_ERRORS = [
    ("^TimeoutError", "requestTimeout: how long the client should wait for a request to complete"),
    ("^ConnectionError", "Will attempt to reconnect"),
    ("^RequestError.*(ClusterDown|TryAgain|CLUSTERDOWN|TRYAGAIN|UNBLOCKED)", "retryServerError: retries commands with a retryable server error"),
    ("^ExecAbortError", "a transaction is aborted"),
]  # fmt: skip
BENCHMARK_ERRORS = [
    ("Server closed the connection|Connection reset|Connection refused|Could not connect", "it ends when a connection does"),
    ("CLUSTERDOWN", "it ends at an error of the server that is neither MOVED nor ASK"),
]  # fmt: skip

# What reaches the user of a library from a native cluster in the same way, and ought not to (tests/compat/clients --native).
VALKEY_PY_FAULTS = [("^ResponseError: (MOVED|ASK|CLUSTERDOWN|TRYAGAIN) ", "with RESP3 its parser knows no errors of a cluster")]
REDIS_PY_FAULTS = [("^AttributeError: .*has no attribute 'host'", "a transaction takes a broken connection for a MOVED; the client stays broken")]
BENCHMARK_FAULTS = [
    ("could not find node with ID", "it keeps the primaries of its start, and ends when there is another"),
    ("it never ends, and keeps a processor busy", "its threads turn round closed connections after a primary's death"),
]
GLIDE_FAULTS = [
    ("^RequestError: .*- Moved: ", "a command in a batch that is not atomic, or one that waited in BLPOP, is not sent to the new place"),
    ("^RequestError: BrokenPipe: Cluster: Failed to receive", "a batch whose connection broke: elsewhere it is a ConnectionError"),
]


class Library:
    def __init__(self, name, kind, package, folder, retryable, faults=(), resps=(2, 3)):
        self.name, self.kind, self.package, self.folder = name, kind, package, folder
        self.retryable, self.faults, self.resps = retryable, faults, resps

    def version(self):
        """None: it is not there."""
        if self.kind == "python":
            found = sorted(self.folder.glob(f"{self.package}-*.dist-info"))
            return found[0].name.split("-")[1].removesuffix(".dist") if found else None
        if self.kind == "node":
            described = self.folder / self.package / "package.json"
            return json.loads(described.read_text())["version"] if described.exists() else None
        return "the server's"

    def command(self, cluster, resp, hang_s, tags):
        words = [",".join(str(server.port) for server in cluster), str(resp), str(hang_s), *tags]
        if self.kind == "python":
            return ["/usr/bin/python3", "-B", str(HERE / "clients_py/program.py"), self.package, *words]
        if self.kind == "node":
            return ["node", str(HERE / "clients_js/program.js"), self.package, *words]
        return ["/usr/bin/python3", "-B", str(HERE / "clients_py/benchmark.py"), cluster[0].program("valkey-benchmark"), *words]

    def environment(self):
        return {**os.environ, "PYTHONPATH": str(self.folder), "NODE_PATH": str(NODE_MODULES)}

    def judge(self, text):
        for verdict, patterns in (("retryable", self.retryable), ("library", self.faults)):
            if any(re.search(pattern, text) for pattern, _ in patterns):
                return verdict
        return "other"


LIBRARIES = {
    library.name: library
    for library in (
        Library("valkey-py", "python", "valkey", PYTHON, PYTHON_ERRORS, VALKEY_PY_FAULTS),
        Library("redis-py", "python", "redis", PYTHON_REDIS, PYTHON_ERRORS, REDIS_PY_FAULTS),
        Library("ioredis", "node", "ioredis", NODE_MODULES, IOREDIS_ERRORS),
        Library("iovalkey", "node", "iovalkey", NODE_MODULES, IOREDIS_ERRORS, resps=(2,)),
        Library("node-redis", "node", "redis", NODE_MODULES, NODE_REDIS_ERRORS),
        Library("valkey-glide", "node", "@valkey/valkey-glide", NODE_MODULES, GLIDE_ERRORS, GLIDE_FAULTS),
        Library("valkey-benchmark", "program", None, ROOT, BENCHMARK_ERRORS, BENCHMARK_FAULTS),
    )
}
