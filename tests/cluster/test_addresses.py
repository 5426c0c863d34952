#!/usr/bin/python3
"""Names and addresses on real servers: IPv6 alone, both families with what is announced to clients of each, TLS with its
port and certificates made on the spot, an announced host name; and redirects that lead there."""
import shutil
import ssl
import subprocess

from harness import HOST, NATIVE, Client, Cluster, RespError, Server, Skipped, check, equal, main, wait_until
from resp import SLOTS

V6 = "::1"


class Server6(Server):
    """Listens on, and is asked over, IPv6."""

    def settings(self):
        return super().settings() | {"bind": V6}

    def connect(self, timeout_s=5.0):
        return Client(V6, self.port, timeout_s)


def has_ipv6():
    try:
        with open("/proc/net/if_inet6") as interfaces:
            return any(line.split()[0] == "0" * 31 + "1" for line in interfaces)
    except OSError:
        return False


def of_kind(cluster, kind):
    cluster.servers = [kind(cluster.folder, f"k{i}", config=s.config) for i, s in enumerate(cluster.servers)]
    return cluster


def form(cluster, host):
    """Three primaries that share the slots, and a replica of the first."""
    servers = cluster.servers
    for index, server in enumerate(servers[:3]):
        low, high = SLOTS * index // 3, SLOTS * (index + 1) // 3 - 1
        equal(server.call("CLUSTER", "ADDSLOTSRANGE", low, high), "OK", "ADDSLOTSRANGE")
        server.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
    for server in servers[1:]:
        equal(server.call("CLUSTER", "MEET", host, servers[0].port, servers[0].bus_port), "OK", "MEET")
    wait_until(lambda: all(len(s.nodes()) == len(servers) for s in servers), "everybody knows everybody", 30)
    wait_until(
        lambda: servers[3].call("CLUSTER", "REPLICATE", servers[0].id()) == "OK", "CLUSTER REPLICATE", 30, every_s=0.2
    )
    wait_until(lambda: all(s.cluster_info()["cluster_state"] == "ok" for s in servers), "cluster_state ok", 30)
    wait_until(lambda: servers[3].replication()["master_link_status"] == "up", "the replica's link", 30)


def test_ipv6_alone():
    """Bus, replication, MOVED, the views and a failover, all of them over IPv6."""
    if not has_ipv6():
        raise Skipped("this machine has no ::1")
    with of_kind(Cluster(4), Server6).start() as cluster:
        form(cluster, V6)
        first, second, _, replica = cluster.servers
        for server in cluster:
            ips = {node[0] for entry in server.call("CLUSTER", "SLOTS") for node in entry[2:]}
            equal(ips, {V6}, f"addresses in CLUSTER SLOTS of {server}")
        equal(str(second.ask("GET", "b")), f"MOVED 3300 {V6}:{first.port}", "a redirect")
        if not NATIVE:
            equal(first.call("SET", "b", 1), "OK", "SET")
            first.kill()
            wait_until(lambda: replica.ask("SET", "b", 2) == "OK", "the replica has taken over", 30)
            equal(str(second.ask("GET", "b")), f"MOVED 3300 {V6}:{replica.port}", "a redirect after the failover")


def test_both_families():
    """What is announced to clients depends on how the client came."""
    if not has_ipv6():
        raise Skipped("this machine has no ::1")
    cluster = Cluster(4)
    for server in cluster:
        server.config = {"bind": f"{HOST} {V6}"}
    cluster[0].config |= {"cluster-announce-client-ipv4": "10.1.1.1", "cluster-announce-client-ipv6": "2001:db8::1"}
    with cluster.start():
        form(cluster, HOST)
        first, second = cluster[0], cluster[1]
        for server in (first, second):
            for host, wanted, plain in ((HOST, "10.1.1.1", HOST), (V6, "2001:db8::1", HOST)):
                client = Client(host, server.port)
                owners = {entry[0]: entry[2][0] for entry in client.call("CLUSTER", "SLOTS")}
                equal(owners[0], wanted, f"the first node's address for a client of {host}")
                equal({owners[s] for s in owners if s}, {plain}, "the others' address")
                nodes = {line.split()[0]: line.split()[1] for line in client.call("CLUSTER", "NODES").splitlines()}
                check(nodes[first.id()].startswith(f"{wanted}:{first.port}@"), f"CLUSTER NODES says {nodes[first.id()]}")
                if server is second:
                    equal(str(client.ask("GET", "b")), f"MOVED 3300 {wanted}:{first.port}", "a redirect")
                client.close()


def certificates(folder):
    """A CA and one certificate of 127.0.0.1, for server, client and replication."""
    if not shutil.which("openssl"):
        raise Skipped("no openssl")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", 2, "-subj", "/CN=ca")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=node")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "node.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "node.crt",
            "-days", 2, "-extfile", "san")  # fmt: skip
    return folder / "ca.crt", folder / "node.crt", folder / "node.key"


class TlsClient(Client):
    def __init__(self, port, ca):
        super().__init__(HOST, port)
        self._socket = ssl.create_default_context(cafile=ca).wrap_socket(self._socket, server_hostname=HOST)


def has_tls(server):
    """A server with TLS asks for a certificate; one without knows no such setting."""
    settings = f"port 0\ntls-port {server.port}\n"
    probe = subprocess.run([server.program(), "-"], input=settings, capture_output=True, text=True, timeout=20)
    return "Failed to configure TLS" in probe.stdout + probe.stderr


def test_tls():
    """TLS clients are told TLS ports, plain ones plain ports; replication goes over TLS, and so does a failover."""
    cluster = Cluster(4)
    if not has_tls(cluster[0]):
        raise Skipped("this server was built without TLS")
    ca, certificate, key = certificates(cluster.folder)
    for server in cluster:
        server.tls_port = Server(cluster.folder, f"port-of-{server.name}").port
        server.config = {
            "tls-port": server.tls_port, "tls-ca-cert-file": ca, "tls-cert-file": certificate, "tls-key-file": key,
            "tls-auth-clients": "no", "tls-replication": "yes", "cluster-announce-hostname": "localhost",
        }  # fmt: skip
    with cluster.start():
        form(cluster, HOST)
        first, second, _, replica = cluster.servers
        secure = TlsClient(second.tls_port, ca)
        equal(str(secure.ask("GET", "b")), f"MOVED 3300 {HOST}:{first.tls_port}", "a redirect over TLS")
        equal(str(second.ask("GET", "b")), f"MOVED 3300 {HOST}:{first.port}", "a plain redirect")
        ports = {entry[0]: entry[2][1] for entry in secure.call("CLUSTER", "SLOTS")}
        equal(ports[0], first.tls_port, "the port in CLUSTER SLOTS over TLS")
        equal(second.call("CLUSTER", "SLOTS")[0][2][1], first.port, "the port in CLUSTER SLOTS")
        shard = next(s for s in second.call("CLUSTER", "SHARDS") if 0 in s[1])
        node = dict(zip(shard[3][0][::2], shard[3][0][1::2]))
        equal((node["port"], node["tls-port"]), (first.port, first.tls_port), "both ports in CLUSTER SHARDS")
        equal(int(replica.replication()["master_port"]), first.tls_port, "where the replica gets its data")
        equal(replica.call("CLUSTER", "FAILOVER"), "OK", "CLUSTER FAILOVER")
        wait_until(lambda: replica.role() == "master", "the replica is primary", 30)
        wait_until(lambda: int(first.replication()["master_port"]) == replica.tls_port, "the old one follows over TLS", 30)
        wait_until(lambda: first.replication()["master_link_status"] == "up", "its link", 30)
        moved = wait_until(
            lambda: str(secure.ask("GET", "b")).endswith(f":{replica.tls_port}") and str(secure.ask("GET", "b")),
            "the redirect leads to the new primary", 30,
        )  # fmt: skip
        check(isinstance(secure.ask("GET", "b"), RespError), moved)


if __name__ == "__main__":
    main(test_ipv6_alone, test_both_families, test_tls)
