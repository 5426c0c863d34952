#!/usr/bin/python3
"""Valkey's native cluster beside the module: real servers, N/2 primaries with a replica each, in a network namespace of
their own; first all native, then all with the module, of the same version, formed by the same commands. Prints JSON;
progress goes to stderr. Needs root and nft.

usage: bench/native.py [--sizes 30,60,100] [--idle 30] [--settle 15] [--kills 3] [--node-timeouts 15000,2000]
                       [--server 9.1|8.1|8.0] [--only native|module]

One instrument for both: nftables counters where packets leave (the loopback has one sender for each packet). The bus is
whatever comes from or goes to a bus port, TCP or UDP; bytes are those of IP packets with their headers, acknowledgements
of TCP included. Replication and clients are counted apart. CPU time is of all threads of a server, from schedstat; three
servers without a cluster stand beside for comparison. Sockets are those whose local or remote port is a bus port, without
listening ones. Memory is Private_Dirty of smaps_rollup.

Failovers: primaries are killed with SIGKILL one after another and stay dead. `promoted_s`: until a replica says that it
is a primary; `last_knows_s`: until CLUSTER NODES of every live node shows the successor with the slots (asked in turn:
some milliseconds a node are the asking). `null`: not within two minutes.
"""
import argparse
import ctypes
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/cluster"))

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--sizes", default="30,60,100")
options.add_argument("--idle", type=float, default=30, help="seconds of each idle measurement")
options.add_argument("--settle", type=float, default=15, help="seconds between forming and measuring")
options.add_argument("--kills", type=int, default=3, help="failovers of each kind")
options.add_argument("--node-timeouts", default="15000,2000", help="native: ms, the first one's cluster is measured with each")
options.add_argument("--server", default="9.1")
options.add_argument("--only", choices=("native", "module"))

PORT, BUS_OFFSET, STANDALONE_PORT, SLOTS = 7000, 10000, 6000, 16384
LIMIT_S = 120
CLONE_NEWNET = 0x40000000
COUNTERS = """
table inet bench {
  counter bus {}
  counter replication {}
  chain leaving {
    type filter hook output priority 0;
    meta l4proto { tcp, udp } th sport 17000-17999 counter name bus return
    meta l4proto { tcp, udp } th dport 17000-17999 counter name bus return
    tcp sport 7000-7999 counter name replication return
    tcp dport 7000-7999 counter name replication
  }
}
"""


def progress(text):
    print(text, file=sys.stderr, flush=True)


def enter_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        sys.exit("a network namespace needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["nft", "-f", "-"], input=COUNTERS, text=True, check=True)


def sent():
    """{"bus": (packets, bytes), "replication": ...} since the namespace was made; clients of ours count as replication."""
    listed = json.loads(subprocess.run(["nft", "-j", "list", "counters"], check=True, capture_output=True).stdout)
    found = [item["counter"] for item in listed["nftables"] if "counter" in item]
    return {c["name"]: (c["packets"], c["bytes"]) for c in found}


def cpu_s(server):
    spent = 0
    for path in pathlib.Path(f"/proc/{server.pid}/task").glob("*/schedstat"):
        spent += int(path.read_text().split()[0])
    return spent / 1e9


def private_kb(server):
    text = pathlib.Path(f"/proc/{server.pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+)", text)[1])


def bus_sockets():
    """Ends of TCP connections and UDP sockets of the bus, of all servers together."""
    count = 0
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            ports = [int(address.rpartition(":")[2], 16) for address in words[1:3]]
            listening = name.startswith("tcp") and words[3] == "0A"
            count += not listening and any(17000 <= port < 18000 for port in ports)
    return count


def messages_sent(servers, native):
    """As they count themselves: native messages, the module's datagrams (its frames on streams are not in it)."""
    if native:
        return sum(int(s.cluster_info()["cluster_stats_messages_sent"]) for s in servers)
    return sum(int(s.fields("INFO", "swim")["swim_packets_out"]) for s in servers)


class Measured:
    """One cluster, from its start to its end."""

    def __init__(self, folder, size, native, version, timeout_ms):
        from servers import Server

        self.native = native
        self.servers = []
        for number in range(size):
            server = Server(folder, f"n{number}", port=PORT + number, version=version, native=native)
            # The defaults, as far as the harness says otherwise; no persistence, and small buffers so that many fit.
            server.config = {"repl-backlog-size": "64kb", "repl-diskless-sync-delay": 5}
            if native:
                server.config["cluster-node-timeout"] = timeout_ms
            self.servers.append(server)
        self.primaries, self.replicas = self.servers[: size // 2], self.servers[size // 2 :]

    def start(self):
        for server in self.servers:
            server.start(wait=False)
        for server in self.servers:
            server.wait_for_ping()
        return statistics.mean(map(private_kb, self.servers))

    def form(self):
        """ADDSLOTSRANGE, SET-CONFIG-EPOCH, MEET by the first, REPLICATE; seconds until all say that all is well."""
        from expect import wait_until

        begun = time.monotonic()
        count = len(self.primaries)
        for number, primary in enumerate(self.primaries):
            edges = SLOTS * number // count, SLOTS * (number + 1) // count - 1
            wait_until(lambda: primary.call("CLUSTER", "ADDSLOTSRANGE", *edges) == "OK", f"slots of {primary}", LIMIT_S)
            primary.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in self.servers[1:]:
            wait_until(lambda: server.call("CLUSTER", "MEET", self.servers[0].host, PORT) == "OK", f"{server} meets", LIMIT_S)
        self.wait_all(self.knows_all, "everybody knows everybody")
        for primary, replica in zip(self.primaries, self.replicas):
            identity = primary.id()
            wait_until(lambda: replica.call("CLUSTER", "REPLICATE", identity) == "OK", f"{replica} follows", LIMIT_S)
        self.wait_all(self.is_well, "all is well")
        return time.monotonic() - begun

    def wait_all(self, test, what):
        from expect import wait_until

        for server in self.servers:
            wait_until(lambda: test(server), f"{what} at {server}", LIMIT_S, every_s=0.1)

    def knows_all(self, server):
        nodes = server.nodes().values()
        return len(nodes) == len(self.servers) and not any({"handshake", "fail", "fail?"} & set(n.flags) for n in nodes)

    def is_well(self, server):
        nodes = server.nodes().values()
        linked = server in self.primaries or server.replication()["master_link_status"] == "up"
        replicas = sum(n.primary is not None for n in nodes)
        return linked and replicas == len(self.replicas) and server.cluster_info()["cluster_state"] == "ok"

    def idle(self, seconds, beside):
        live = [s for s in self.servers if s.alive()]
        for server in live:
            server.disconnect()
        messages = messages_sent(live, self.native)
        alone, cpu, counted, begun = [sum(map(cpu_s, beside))], [sum(map(cpu_s, live))], [sent()], time.monotonic()
        time.sleep(seconds)
        spent = time.monotonic() - begun
        alone.append(sum(map(cpu_s, beside)))
        cpu.append(sum(map(cpu_s, live)))
        counted.append(sent())
        messages = messages_sent(live, self.native) - messages
        length = spent * len(live)
        packets, bytes_sent = (after - before for before, after in zip(counted[0]["bus"], counted[1]["bus"]))
        own = (cpu[1] - cpu[0]) / length * 60
        standalone = (alone[1] - alone[0]) / (spent * len(beside)) * 60
        return {
            "bus_bytes_per_node_s": round(bytes_sent / length, 1),
            "bus_packets_per_node_s": round(packets / length, 2),
            "own_messages_per_node_s": round(messages / length, 2),
            "replication_bytes_per_node_s": round((counted[1]["replication"][1] - counted[0]["replication"][1]) / length, 1),
            "cpu_s_per_node_minute": round(own, 4),
            "standalone_cpu_s_per_minute": round(standalone, 4),
            "cpu_above_standalone": round(own - standalone, 4),
            "bus_sockets_per_node": round(bus_sockets() / len(live), 2),
            "private_kb": round(statistics.mean(map(private_kb, live))),
            "standalone_private_kb": round(statistics.mean(map(private_kb, beside))),
        }

    def failovers(self, count):
        done = []
        for _ in range(count):
            primary, replica = self.primaries.pop(), self.replicas.pop()
            victim, successor = primary.id(), replica.id()
            primary.kill()
            killed = time.monotonic()
            promoted = self.until(killed, lambda: replica.role() == "master")
            waiting = [s for s in self.servers if s.alive()]
            last = self.until(killed, lambda: self.all_know(waiting, victim, successor)) if promoted else None
            done.append({"promoted_s": promoted, "last_knows_s": last})
            progress(f"  killed {primary}: {done[-1]}")
            if not promoted or not last:
                break
            time.sleep(2)
        return done

    @staticmethod
    def all_know(waiting, victim, successor):
        for server in list(waiting):
            nodes = server.nodes()
            if victim in nodes and nodes[victim].ranges or not nodes[successor].is_primary or not nodes[successor].ranges:
                return False
            waiting.remove(server)
        return True

    @staticmethod
    def until(begun, test):
        while time.monotonic() - begun < LIMIT_S:
            if test():
                return round(time.monotonic() - begun, 3)
            time.sleep(0.01)
        return None

    def end(self):
        from servers import servers_of_this_test

        for server in self.servers:
            server.kill()
            servers_of_this_test.remove(server)


def set_node_timeout(cluster, timeout_ms):
    for server in cluster.servers:
        if server.alive():
            server.call("CONFIG", "SET", "cluster-node-timeout", timeout_ms)


def measure(chosen, size, native, beside):
    from processes import new_folder

    timeouts = list(map(int, chosen.node_timeouts.split(",")))
    cluster = Measured(new_folder(), size, native, chosen.server, timeouts[0])
    result = {"nodes": size, "primaries": size // 2, "mode": "native" if native else "valkey-swim, default settings"}
    load = os.getloadavg()[0]
    try:
        result["private_kb_before_forming"] = round(cluster.start())
        result["form_s"] = round(cluster.form(), 2)
        progress(f"{result['mode']}, {size} servers: formed in {result['form_s']} s")
        result["settings"] = []
        for timeout_ms in timeouts if native else [None]:
            if native and timeout_ms != timeouts[0]:
                set_node_timeout(cluster, timeout_ms)
            time.sleep(chosen.settle)
            one = {"cluster_node_timeout_ms": timeout_ms} if native else {}
            one |= cluster.idle(chosen.idle, beside)
            progress(f"  {one}")
            one["failovers"] = cluster.failovers(chosen.kills)
            result["settings"].append(one)
    finally:
        cluster.end()
    return result | {"load_before": load}


def main():
    chosen = options.parse_args()
    enter_namespace()
    from processes import new_folder
    from servers import Server

    folder = new_folder()
    beside = []
    for number in range(3):
        server = Server(folder, f"alone{number}", port=STANDALONE_PORT + number, version=chosen.server, native=True)
        server.config = {"cluster-enabled": "no"}
        server.start()
        server.disconnect()
        beside.append(server)
    modes = [mode for mode in ("native", "module") if chosen.only in (None, mode)]
    runs = [measure(chosen, int(size), mode == "native", beside) for size in chosen.sizes.split(",") for mode in modes]
    print(json.dumps({"bench": "native", "server": chosen.server, "idle_s": chosen.idle, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
