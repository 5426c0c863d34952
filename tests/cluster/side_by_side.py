"""The same conversation with a native cluster and with one of the module, of the same version and shape: two primaries
(n0: slots 0-8191, n1: the rest) and n2, a replica of n0. What they answer must be equal.

A conversation is a text of lines:
  a: SET %A 1        connection a (at n0; "b1: ..." is connection b at n1) sends and reads one reply
  a> BLPOP %A 0      sends only
  a<                 reads one reply, or says that there is none within half a second
  a~ HELLO 3         sends, reads one reply and forgets it
  a!                 closes the connection
%A and %C are hash tags of two slots of n0, %B of one of n1; %port0 %id0 ... the nodes. Ports and ids are named in replies.
"""
import re
import shlex
import socket
import time

from clusters import Cluster
from expect import say, wait_until
from module_server import Client, ReplyError
from resp import tag_of

SLOT_A, SLOT_C, SLOT_B = 100, 101, 10000
CLOSED, SILENT = "(closed)", "(no reply)"


def begun(cluster):
    """A fresh node refuses slots for some milliseconds, until its shard's log is settled."""
    for server in cluster:
        wait_until(lambda: "swim_role:primary" in server.call("INFO", "swim"), f"{server} has begun")
    return cluster


def start(native, config=None, version=None):
    cluster = Cluster(3, config=config, version=version)
    for server in cluster:
        server.native = native
    cluster.start()
    if not native:
        begun(cluster)
    cluster.create_small(cluster[:2], [(cluster[2], cluster[0])])
    for server in cluster:
        server.known_id = server.id()
    return cluster


class Pair:
    def __init__(self, version=None, config=None):
        self.clusters = [start(True, config, version), start(False, config, version)]
        self.differences = 0
        self.compared = 0

    @property
    def module(self):
        return self.clusters[1]

    def talk(self, title, text):
        """Every difference is printed; self.differences counts them."""
        lines = [line.strip() for line in text.strip().splitlines() if line.strip() and not line.strip().startswith("#")]
        native, module = (Conversation(cluster).run(lines) for cluster in self.clusters)
        wrong = [(line, n, m) for line, n, m in zip(lines, native, module) if n != m]
        self.compared += len(lines)
        self.differences += len(wrong)
        say(f"{'ok  ' if not wrong else 'DIFFERS'} {title} ({len(lines)} lines)")
        for line, n, m in wrong:
            print(f"     {line}\n       native: {n!r}\n       module: {m!r}")
        return native, module

    def end(self):
        for cluster in self.clusters:
            cluster.end()


class Conversation:
    def __init__(self, cluster):
        self.cluster = cluster
        self.connections = {}

    def connection(self, name):
        if name not in self.connections:
            index = int(re.search(r"\d*$", name).group() or 0)
            self.connections[name] = Client(self.cluster[index].port)
        return self.connections[name]

    def words(self, text):
        for letter, slot in (("A", SLOT_A), ("B", SLOT_B), ("C", SLOT_C)):
            text = text.replace(f"%{letter}", "{" + tag_of(slot) + "}")
        for index, server in enumerate(self.cluster):
            text = text.replace(f"%port{index}", str(server.port)).replace(f"%id{index}", server.known_id)
        return [word.encode().decode("unicode_escape") for word in shlex.split(text)]

    def named(self, reply):
        if isinstance(reply, list):
            return [self.named(item) for item in reply]
        if isinstance(reply, dict):
            return {self.named(k): self.named(v) for k, v in reply.items()}
        if isinstance(reply, (str, ReplyError)):
            text = str(reply)
            for index, server in enumerate(self.cluster):
                text = re.sub(rf"\b{server.port}\b", f"port{index}", text).replace(server.known_id, f"id{index}")
            return ("error", text) if isinstance(reply, ReplyError) else text
        return reply

    def read(self, connection, seconds):
        connection.socket.settimeout(seconds)
        try:
            return self.named(connection.read())
        except socket.timeout:
            return SILENT
        except (EOFError, OSError):
            return CLOSED

    def run(self, lines):
        replies = []
        for line in lines:
            name, kind, rest = re.match(r"(\w+)([:><!~])\s*(.*)", line).groups()
            connection = self.connection(name)
            reply = None
            if kind in ":>~":
                try:
                    connection.send(*self.words(rest))
                except OSError:
                    reply = CLOSED
            if kind == ">":
                time.sleep(0.05)  # it has arrived before the next line is sent
            elif kind == "!":
                self.connections.pop(name).close()
                time.sleep(0.05)
            elif reply is None:
                reply = self.read(connection, 5 if kind in ":~" else 0.5)
            replies.append(None if kind == "~" else reply)
        for connection in self.connections.values():
            connection.close()
        return replies


def replicated(cluster, limit_s=10):
    wait_until(
        lambda: cluster[0].replication()["master_repl_offset"] == cluster[2].replication()["slave_repl_offset"],
        "the replica has caught up", limit_s,
    )  # fmt: skip
