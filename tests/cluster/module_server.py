"""One stock valkey-server with the module, on free ports, in a folder of its own; and a small RESP client.

For the module's own checks on a single node. Every server that was started is ended by its own pid.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = os.environ.get("VSWIM_MODULE", str(ROOT / "build/release/libvalkey_swim.so"))
SERVERS = pathlib.Path(os.environ.get("VSWIM_SERVERS", str(ROOT / "build/servers")))
VERSIONS = os.environ.get("VSWIM_VERSIONS", "8.0 8.1 9.1").split()


class ReplyError(Exception):
    """An error reply: str() is its text without the dash."""


class Client:
    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, count):
        while len(self.buffer) < count + 2:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2 :]
        return data

    def read(self):
        """The next reply; error replies are returned, not raised."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        if kind in (b"$", b"="):
            size = int(rest)
            if size < 0:
                return None
            data = self._bytes(size).decode("utf-8", "replace")
            return data[4:] if kind == b"=" else data
        if kind in (b"*", b"~", b">"):
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return {str(self.read()): self.read() for _ in range(int(rest))}
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        raise ValueError(f"unknown reply {line!r}")

    def ask(self, *words):
        self.send(*words)
        return self.read()

    def __call__(self, *words):
        reply = self.ask(*words)
        if isinstance(reply, ReplyError):
            raise reply
        return reply


def free_port():
    """A port below 55535 that is free together with its bus port."""
    for candidate in range(21000 + os.getpid() % 5000, 50000, 7):
        try:
            for port in (candidate, candidate + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return candidate
        except OSError:
            continue
    raise RuntimeError("no free port")


class Server:
    """with Server("8.0", ["appendonly yes"]) as server: server.client()("PING")"""

    def __init__(self, version="8.0", configuration=(), arguments=(), module=MODULE, port=None, directory=None):
        self.version, self.configuration, self.arguments, self.module = version, list(configuration), arguments, module
        self.port = port or free_port()
        self.owns_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="vswim-module-"))
        self.log = self.directory / "log"
        self.process = None

    def start(self, wait=True):
        file = self.directory / "valkey.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.directory}", 'save ""', "enable-debug-command yes", "enable-protected-configs yes"]
        if self.module:
            lines.append(" ".join(["loadmodule", self.module, *self.arguments]))
        if not file.exists():
            file.write_text("\n".join(lines + self.configuration) + "\n")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(SERVERS / self.version / "valkey-server"), str(file)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=15):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
            try:
                client = Client(self.port)
                reply = client.ask("PING")
                client.close()
                if reply == "PONG":
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server does not answer:\n{self.log_text()[-3000:]}")

    def wait_end(self, seconds=15):
        return self.process.wait(timeout=seconds)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def client(self, timeout=10):
        return Client(self.port, timeout)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class Checks:
    """Prints every check; exit code 1 if one failed."""

    def __init__(self):
        self.failed = 0

    def __call__(self, what, holds, detail=""):
        print(f"{'ok  ' if holds else 'FAIL'}  {what}" + (f": {detail}" if not holds else ""), flush=True)
        self.failed += not holds

    def equal(self, what, got, wanted):
        self(what, got == wanted, f"got {got!r}, wanted {wanted!r}")

    def error(self, what, got, beginning):
        self(what, isinstance(got, ReplyError) and str(got).startswith(beginning), f"got {got!r}, wanted -{beginning}...")

    def finish(self):
        print(f"{self.failed} checks failed" if self.failed else "all checks hold", flush=True)
        sys.exit(1 if self.failed else 0)


def wait_until(condition, seconds=5, interval=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(interval)
    return bool(condition())


def serve_all_slots(server):
    """ADDSLOTSRANGE over everything; returns a client once the node serves."""
    client = server.client()
    wait_until(lambda: client.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK", 10, 0.1)
    if not wait_until(lambda: "cluster_state:ok" in client("CLUSTER", "INFO"), 10):
        raise RuntimeError("the node does not serve:\n" + client("CLUSTER", "INFO") + server.log_text()[-2000:])
    return client
