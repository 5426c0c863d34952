"""A cluster of which every server has a network namespace of its own, and what can go wrong between them.

This process moves into a namespace, too: the hub, with a bridge and one cable to each server. Nothing of it is seen from
outside, and nothing is left behind: namespaces and cables end with the processes in them. Needs root, ip, nft.

  10.77.0.1 OPERATOR   this process: commands of the tests, never cut off
  10.77.0.2 CROWD      clients that lose a server together with its peers
  10.77.0.3 COMPANION  clients that stay on the side of an isolated server
  10.77.0.11 ...       the servers

A cut drops packets where they arrive: a sender notices nothing, as with a broken cable. Whole kernels lack tc's netem, so
delay and jitter are a cable of another kind (relay.py), chosen when the network is made.
"""
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys

from clusters import Cluster
from expect import MODULE, Skipped
from history import now
from processes import spawn

PREFIX = "10.77.0."
OPERATOR, CROWD, COMPANION = PREFIX + "1", PREFIX + "2", PREFIX + "3"
TRACE = MODULE.parent / "trace_module.so"
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
RULES = """
table inet faults {
  set cut { type ipv4_addr . ipv4_addr; }
  set lossy { type ipv4_addr . ipv4_addr; }
  chain arriving {
    type filter hook input priority 0;
    ip saddr . ip daddr @cut drop
    ip saddr . ip daddr @lossy numgen random mod 100 < %d drop
  }
}
"""


def run(*words, stdin=None):
    done = subprocess.run(list(map(str, words)), input=stdin, text=True, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def enter_hub():
    """Once per process: a network of our own with a bridge. Skipped where that is not allowed."""
    if os.geteuid() != 0:
        raise Skipped("network namespaces need root")
    for program in ("ip", "nft", "nsenter", "unshare"):
        if not shutil.which(program):
            raise Skipped(f"no {program} on this machine")
    if enter_hub.done:
        return
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise Skipped(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/")  # what tests mount ends with them, too
    run("ip", "link", "set", "lo", "up")
    try:
        run("ip", "link", "add", "hub", "type", "bridge")
        run("nft", "-f", "-", stdin=RULES % 20)
    except RuntimeError as problem:
        raise Skipped(f"no bridge or no nftables: {problem}") from None
    for address in (OPERATOR, CROWD, COMPANION):
        run("ip", "address", "add", f"{address}/24", "dev", "hub")
    run("ip", "link", "set", "hub", "up")
    enter_hub.done = True


enter_hub.done = False


class Place:
    """A namespace that lives as long as its holder, a process that only sleeps."""

    number = 0

    def __init__(self, folder, jitter_ms=0, loss_percent=20):
        Place.number += 1  # never twice: after a failed test its servers end later than the next test begins
        self.address = f"{PREFIX}{11 + Place.number % 240}"
        self.holder = spawn(["unshare", "--net", "sleep", "infinity"], pathlib.Path(folder) / "holder.log", folder)
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            pass
        self.cable = f"cable{Place.number}"
        self.relay = None
        if jitter_ms:
            self.relay = spawn(
                [sys.executable, pathlib.Path(__file__).with_name("relay.py"), self.cable, str(self.holder.pid), str(jitter_ms)],
                pathlib.Path(folder) / "relay.log", folder,
            )  # fmt: skip
            while self.inside("ip", "-o", "link").find("eth0") < 0:
                pass
        else:
            run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.holder.pid)
        run("ip", "link", "set", self.cable, "master", "hub", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "set", "eth0", "up")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.nft(RULES % loss_percent)

    @property
    def entering(self):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def inside(self, *words, stdin=None):
        return run(*self.entering, *words, stdin=stdin)

    def nft(self, text):
        self.inside("nft", "-f", "-", stdin=text)

    def move_to(self, address):
        """Another address for the same machine."""
        self.inside("ip", "address", "flush", "dev", "eth0", "scope", "global")
        self.address = address
        self.inside("ip", "address", "add", f"{address}/24", "dev", "eth0")


class Network(Cluster):
    """A cluster with its network. Servers, places and addresses are named by server in all methods; where clients are
    meant, by OPERATOR, CROWD or COMPANION."""

    def __init__(self, count, jitter_ms=0, loss_percent=20, trace=True, **options):
        enter_hub()
        super().__init__(count, **options)
        self.places = {}
        for server in self.servers:
            self.places[server] = place = Place(server.folder, jitter_ms, loss_percent)
            server.host, server.inside = place.address, place.entering
            if trace:
                if not TRACE.exists():
                    raise Skipped(f"{TRACE} is not built")
                server.modules = [f"{TRACE} {server.folder}"]

    def end(self):
        super().end()
        for place in self.places.values():
            for process in filter(None, (place.relay, place.holder)):
                process.kill()
                process.wait(10)
            try:
                run("ip", "link", "del", place.cable)
            except RuntimeError:
                pass  # gone with its namespace

    def address_of(self, end):
        return end if isinstance(end, str) else end.host

    def _change(self, verb, name, pairs):
        by_end = {}
        for source, target in pairs:
            words = f"{verb} element inet faults {name} {{ {self.address_of(source)} . {self.address_of(target)} }}\n"
            by_end.setdefault(target if not isinstance(target, str) else None, []).append(words)
        for target, lines in by_end.items():
            if target is None:
                run("nft", "-f", "-", stdin="".join(lines))
            else:
                self.places[target].nft("".join(lines))

    def cut_one_way(self, sources, targets):
        """Nothing of what these send arrives at those from now on; when that is."""
        self._change("add", "cut", [(s, t) for s in sources for t in targets if s is not t])
        return now()

    def cut(self, some, others):
        """When `some` heard nothing of the others any more: on a busy machine the other half comes later."""
        self.cut_one_way(others, some)
        at = now()
        self.cut_one_way(some, others)
        return at

    def isolate(self, server, companions=(COMPANION,)):
        """From all servers and all clients but these."""
        clients = [c for c in (CROWD, COMPANION) if c not in companions]
        return self.cut([server], [s for s in self.servers if s is not server] + clients)

    def lose(self, some, others):
        """The share of packets that this network was made with, both ways."""
        pairs = [(a, b) for a in some for b in others if a is not b]
        self._change("add", "lossy", pairs + [(b, a) for a, b in pairs])

    def heal(self):
        flush = "flush set inet faults cut\nflush set inet faults lossy\n"
        run("nft", "-f", "-", stdin=flush)
        for place in self.places.values():
            place.nft(flush)
