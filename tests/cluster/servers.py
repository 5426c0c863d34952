"""One real valkey-server: its configuration, its life, what it says; and CLUSTER NODES as values."""
import pathlib
import signal
import subprocess

from expect import HOST, LIMIT_FACTOR, MODULE, NATIVE, PRELOAD, ROOT, SERVERS, VERSION, Skipped, check, wait_until
from processes import BUS_OFFSET, running, spawn, take_port
from resp import Client, RespError

SANITIZER_OPTIONS = {
    # The server leaks at its end, asks for more memory than there is in places, and frees in C what the module made in C++.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:alloc_dealloc_mismatch=0:handle_segv=0",
    # Everything that is found is in the log; the first find would end the server.
    "TSAN_OPTIONS": f"suppressions={ROOT}/tests/cluster/helpers/tsan.supp:halt_on_error=0:handle_segv=0",
}

servers_of_this_test = []  # of the running test, and shared ones


class Server:
    """One valkey-server: its folder, port and configuration stay when the process ends."""

    def __init__(self, folder, name, port=None, config=None, module_arguments=(), version=None, native=None):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.port = port or take_port()
        self.version = version or VERSION
        self.native = NATIVE if native is None else native
        self.host = HOST
        self.inside = []  # the words before the program that put it somewhere else: a network namespace
        self.module = MODULE  # the module under test
        self.modules = []  # loaded before it
        self.preloads, self.environment = [], {}  # what it is started with beside VSWIM_PRELOAD
        self.clock = None  # a SteppedClock, if its wall clock is not everybody's
        self.config = dict(config or {})
        self.module_arguments = list(module_arguments)
        self.process = None
        self.die_with_us = True
        self.stopped = False  # by SIGSTOP
        self.shared = False  # outlives the test that made it
        self._client = None
        servers_of_this_test.append(self)

    def __repr__(self):
        return f"{self.name}({self.port})"

    @property
    def address(self):
        return (self.host, self.port)

    @property
    def bus_port(self):
        return self.port + BUS_OFFSET

    @property
    def pid(self):
        return self.process.pid

    @property
    def log_path(self):
        return self.folder / "server.log"

    def program(self, name="valkey-server"):
        path = SERVERS / self.version / name
        if not path.exists():
            raise Skipped(f"no {name} {self.version} (tools/setup)")
        return str(path)

    def settings(self):
        settings = {
            "port": self.port,
            "bind": self.host,
            "dir": self.folder,
            "logfile": self.log_path,
            "save": '""',
            "appendonly": "no",
            "protected-mode": "no",
            "enable-debug-command": "yes",
            "cluster-config-file": "nodes.conf",
        }
        if self.native:
            settings |= {"cluster-enabled": "yes", "cluster-node-timeout": 2000, "repl-diskless-sync-delay": 0}
        settings |= self.config
        if self.native:
            settings = {k: v for k, v in settings.items() if not k.startswith("swim.")}
        return settings

    def write_config(self):
        lines = [f"loadmodule {words}" for words in self.modules]
        if not self.native:
            lines.append(" ".join(["loadmodule", str(self.module), *map(str, self.module_arguments)]))
        for key, value in self.settings().items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{key} {one}")
        path = self.folder / "server.conf"
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def start(self, wait=True, limit_s=30):
        assert not self.alive(), f"{self} runs already"
        self.stopped = False
        if not self.native and not self.module.exists():
            raise AssertionError(f"{self.module} is not built")
        environment = dict(self.environment)
        if preloads := [*PRELOAD.split(), *self.preloads]:
            environment["LD_PRELOAD"] = " ".join(map(str, preloads))
        if PRELOAD:
            environment |= SANITIZER_OPTIONS
        command = [*self.inside, "env", *[f"{k}={v}" for k, v in environment.items()], self.program(), self.write_config()]
        self.process = spawn(command, self.log_path, self.folder, die_with_us=self.die_with_us)
        if wait:
            self.wait_for_ping(limit_s)
        return self

    def wait_for_ping(self, limit_s=30):
        def answers():
            if not self.alive():
                raise AssertionError(f"{self} ended with {self.process.returncode} at its start:\n{self.log_tail()}")
            # In its first milliseconds a node knows nobody, itself neither (README, "Limits").
            return self.ask("PING") == "PONG" and (self.native or "cluster_known_nodes:0" not in str(self.ask("CLUSTER", "INFO")))

        wait_until(answers, f"{self} answers PING", limit_s, every_s=0.01)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        check(self.alive(), f"{self} is not running")
        self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)
        self.stopped = True

    def cont(self):
        self.signal(signal.SIGCONT)
        self.stopped = False

    def kill(self):
        """kill -9, and seen dead"""
        if self.alive():
            self.signal(signal.SIGKILL)
        self.wait_exit()

    def terminate(self):
        self.signal(signal.SIGTERM)

    def wait_exit(self, limit_s=30):
        """The exit code."""
        self.disconnect()
        if self.process is None:
            return None
        try:
            code = self.process.wait(limit_s * LIMIT_FACTOR)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} does not end") from None
        running.pop(self.process.pid, None)
        return code

    def connect(self, timeout_s=5.0):
        return Client(self.host, self.port, timeout_s)

    def disconnect(self):
        if self._client is not None:
            self._client.close()
            self._client = None

    def ask(self, *arguments):
        """One command on the server's kept connection; an error reply is a value."""
        if self._client is None:
            self._client = self.connect()
        try:
            return self._client.ask(*arguments)
        except (OSError, ValueError):
            self.disconnect()
            raise

    def call(self, *arguments):
        reply = self.ask(*arguments)
        if isinstance(reply, RespError):
            raise reply
        return reply

    def cli(self, *arguments, limit_s=60, stdin=None):
        return cli(self.program("valkey-cli"), "-h", self.host, "-p", self.port, *arguments, limit_s=limit_s, stdin=stdin)

    # -- views

    def fields(self, *command):
        text = self.call(*command)
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def cluster_info(self):
        return self.fields("CLUSTER", "INFO")

    def replication(self):
        return self.fields("INFO", "replication")

    def role(self):
        return self.replication()["role"]  # master or slave

    def id(self):
        return self.call("CLUSTER", "MYID")

    def nodes(self):
        """CLUSTER NODES as {id: Node}"""
        return {n.id: n for n in map(Node, self.call("CLUSTER", "NODES").splitlines()) if n.id}

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])


class Node:
    """A line of CLUSTER NODES."""

    def __init__(self, line):
        words = line.split()
        self.line = line
        self.id = words[0] if len(words) >= 8 else None
        if self.id is None:
            return
        endpoint = words[1].split(",")[0]
        address, _, bus = endpoint.partition("@")
        self.host, _, port = address.rpartition(":")
        self.port, self.bus_port = int(port), int(bus or 0)
        self.flags = words[2].split(",")
        self.primary = None if words[3] == "-" else words[3]
        self.epoch, self.link = int(words[6]), words[7]
        self.ranges = [tuple(map(int, (w.split("-") * 2)[:2])) for w in words[8:] if not w.startswith("[")]

    @property
    def is_primary(self):
        return "master" in self.flags

    @property
    def failed(self):
        return "fail" in self.flags

    def slots(self):
        return [s for first, last in self.ranges for s in range(first, last + 1)]

    def __repr__(self):
        return self.line


def cli(program, *arguments, limit_s=60, stdin=None):
    """valkey-cli; CompletedProcess with text output of both streams in stdout."""
    return subprocess.run(
        [program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL if stdin is None else None,
        input=stdin, text=True, timeout=limit_s * LIMIT_FACTOR,
    )  # fmt: skip
