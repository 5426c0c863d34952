"""Servers that belong together, and the view they must agree on."""
import pathlib
import signal

from expect import equal, wait_until
from processes import new_folder
from resp import SLOTS, RespError
from servers import Server, cli

class Cluster:
    """Servers that belong together. As a context manager it ends them all; without one it lives until its test ends,
    a `shared` one until the process does."""

    def __init__(
        self, count, config=None, module_arguments=(), folder=None, version=None, die_with_us=True, shared=False
    ):
        self.folder = pathlib.Path(folder) if folder else new_folder()
        self.servers = [
            Server(self.folder, f"n{i}", config=config, module_arguments=module_arguments, version=version)
            for i in range(count)
        ]
        for server in self.servers:
            server.die_with_us, server.shared = die_with_us, shared

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        if kind is None:  # after a failure the runner prints the logs first
            self.end()

    def __getitem__(self, index):
        return self.servers[index]  # a slice, too

    def __iter__(self):
        return iter(self.servers)

    def __len__(self):
        return len(self.servers)

    def start(self):
        for server in self.servers:
            server.start(wait=False)
        for server in self.servers:
            server.wait_for_ping()
        return self

    def end(self):
        for server in self.servers:
            if server.alive():
                server.signal(signal.SIGKILL)
        for server in self.servers:
            server.wait_exit()

    @property
    def addresses(self):
        return [s.address for s in self.servers]

    def running(self):
        """Those that can answer."""
        return [s for s in self.servers if s.alive() and not s.stopped]

    def create(self, replicas, servers=None, limit_s=90):
        """valkey-cli --cluster create over these servers, then a settled cluster. Returns what valkey-cli said."""
        servers = servers or self.servers
        done = cli(
            servers[0].program("valkey-cli"), "--cluster", "create", *[f"{s.host}:{s.port}" for s in servers],
            "--cluster-replicas", replicas, "--cluster-yes", limit_s=limit_s,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(f"valkey-cli --cluster create ended with {done.returncode}:\n{done.stdout}")
        self.wait_ok(servers, limit_s=limit_s)
        if replicas:  # before that no replica can be elected
            for primary, replicas_here, _ in self.shards():
                wait_until(lambda: survives_a_loss(primary), f"{primary} and {replicas_here} have their third voter", limit_s)
        return done.stdout

    def create_small(self, primaries, pairs, limit_s=60):
        """What valkey-cli refuses (fewer than three primaries): ADDSLOTSRANGE, MEET, REPLICATE by hand.
        `primaries`: servers that share the slots; `pairs`: (replica, its primary); the rest only meets."""
        first = self.servers[0]
        for index, server in enumerate(primaries):
            low, high = SLOTS * index // len(primaries), SLOTS * (index + 1) // len(primaries) - 1
            equal(server.call("CLUSTER", "ADDSLOTSRANGE", low, high), "OK", "ADDSLOTSRANGE")
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for server in self.servers[1:]:
            equal(server.call("CLUSTER", "MEET", first.host, first.port), "OK", "MEET")
        wait_until(
            lambda: all(len([n for n in s.nodes().values() if "handshake" not in n.flags]) == len(self) for s in self),
            "everybody knows everybody", limit_s,
        )  # fmt: skip
        for replica, primary in pairs:
            equal(replica.call("CLUSTER", "REPLICATE", primary.id()), "OK", "REPLICATE")
        self.wait_ok(limit_s=limit_s)

    def wait_ok(self, servers=None, limit_s=60, covered=SLOTS):
        """All of them agree on a whole, healthy cluster: state ok, nobody suspect, every replica's link up."""
        servers = servers or self.running()

        def why_not():
            views = set()
            for server in servers:
                info = server.cluster_info()
                if info["cluster_state"] != "ok" or int(info["cluster_slots_assigned"]) != covered:
                    return f"{server}: {info['cluster_state']}, {info['cluster_slots_assigned']} slots"
                nodes = server.nodes().values()
                if len(nodes) < len(servers):
                    return f"{server} knows {len(nodes)} nodes"
                ports = {s.port for s in servers}
                bad = [n for n in nodes if n.port in ports and {"fail", "fail?", "handshake", "noaddr"} & set(n.flags)]
                if bad:
                    return f"{server} sees {bad}"
                views.add(signature(nodes, ports))
                replication = server.replication()
                if replication["role"] == "slave" and replication["master_link_status"] != "up":
                    return f"{server}: link {replication['master_link_status']}"
                if (replication["role"] == "slave") != ("slave" in next(n for n in nodes if "myself" in n.flags).flags):
                    return f"{server}: engine and CLUSTER NODES disagree about its role"
            if len(views) > 1:
                return "views differ:\n" + "\n--\n".join(map(str, views))
            return None

        reason = [None]

        def fine():
            reason[0] = why_not()
            return reason[0] is None

        try:
            wait_until(fine, "a healthy cluster", limit_s, every_s=0.05)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {reason[0]}") from None

    def view(self, servers=None):
        """Some running server's CLUSTER NODES."""
        for server in servers or self.running():
            try:
                return server.nodes()
            except (OSError, RespError):
                continue
        raise AssertionError("no server answers CLUSTER NODES")

    def by_port(self, port):
        return next(s for s in self.servers if s.port == port)

    def shards(self):
        """[(primary server, [replica servers], [slots])] as the cluster sees it, by lowest slot."""
        nodes = self.view()
        found = []
        for node in nodes.values():
            if node.is_primary and node.ranges and not node.failed:
                replicas = [self.by_port(n.port) for n in nodes.values() if n.primary == node.id]
                found.append((self.by_port(node.port), replicas, node.slots()))
        return sorted(found, key=lambda shard: shard[2][0])

    def wait_replicated(self, limit_s=60):
        """Every replica has processed all of what its primary has produced (with no writer running)."""

        def level():
            for primary, replicas, _ in self.shards():
                offset = int(primary.replication()["master_repl_offset"])
                for replica in replicas:
                    if replica.alive() and int(replica.replication()["slave_repl_offset"]) < offset:
                        return False
            return True

        wait_until(level, "replicas have caught up", limit_s)


def survives_a_loss(server):
    """Its shard has three voters or more: all data members, and a witness where they are two (natively nobody counts)."""
    info = server.cluster_info()
    if "swim_shard_majority" not in info:
        return True
    witnesses = [w for w in info["swim_shard_witnesses"].split(",") if w]
    return info["swim_shard_majority"] == "yes" and int(info["swim_shard_data_voters"]) + len(witnesses) >= 3


def signature(nodes, ports):
    """What all nodes must agree on: who serves which slots, who replicates whom."""
    return "\n".join(sorted(f"{n.id} {n.port} {n.ranges} {n.primary}" for n in nodes if n.port in ports))
