#!/usr/bin/python3
"""Everybody dies at once, and what comes back is not what died: on other machines' addresses, with some missing, with a state
file damaged or lost. No confirmed write is lost, and a voter that lost its state returns as another voter."""
import random
import time

from clusters import survives_a_loss
from faults import witness_of
from harness import NATIVE, Skipped, check, equal, main, missing_keys, say, wait_until
from network import PREFIX, Network
from rounds import SEED, option
from writer import load_keys

LIMIT_S = 120
CONFIG = {"appendonly": "yes", "appendfsync": "always"}
option("rounds", 0)  # each of these is one story


def formed():
    network = Network(6, config=CONFIG, trace=False).start()
    network.create(replicas=1)
    for _ in range(20):
        try:
            keys = load_keys(network.addresses, 1000)
            break
        except (OSError, AssertionError):
            time.sleep(0.5)  # a lease that ran out on a busy machine
    network.wait_replicated()
    for server in network:  # a replica's AOF holds nothing of its first sync before that
        wait_until(lambda: on_disk(server.fields("INFO", "persistence")), f"{server}'s data is on its disk", LIMIT_S)
    return network, keys


def on_disk(info):
    return info["aof_enabled"] == "1" and info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == "0"


def kill_all(network):
    for server in network:
        server.kill()


def served(server):
    return server.cluster_info()["cluster_state"] == "ok"


def start_all(servers):
    for server in servers:
        server.start(wait=False)
    for server in servers:
        server.wait_for_ping()


def all_there(network, keys):
    network.wait_ok(limit_s=LIMIT_S)
    equal(missing_keys(network.addresses, keys, 60), [], "keys that are lost")


def test_new_addresses():
    """Every node has another IP address; two seeds are told."""
    network, keys = formed()
    with network:
        ids = [s.id() for s in network]
        kill_all(network)
        for number, server in enumerate(network):
            place = network.places[server]
            place.move_to(f"{PREFIX}{200 + number}")
            server.host = place.address
            if not NATIVE:
                seeds = ",".join(f"{PREFIX}{200 + n}:{s.port}" for n, s in enumerate(network.servers[:2]))
                server.config["swim.seeds"] = f'"{seeds}"'
        start_all(network.servers)
        if NATIVE:  # there it takes a word
            for server in network.servers[1:]:
                server.call("CLUSTER", "MEET", network[0].host, network[0].port)
        all_there(network, keys)
        equal([s.id() for s in network], ids, "ids")


def test_some_missing():
    """A primary of one shard and a replica of another, which is not the first shard's witness, stay away. The shard without
    its primary says that its replica, which has only what it loaded, does not stand (natively neither); everything is
    there when they return."""
    network, keys = formed()
    with network:
        bereft, *others = network.shards()
        witness = None if NATIVE else witness_of(network, bereft[0])
        away = [bereft[0], next(replicas[0] for _, replicas, _ in others if replicas[0] is not witness)]
        widow = bereft[1][0]
        kill_all(network)
        start_all([s for s in network if s not in away])
        wait_until(lambda: all(s.cluster_info()["cluster_state"] == "fail" for s in network.running()), "not whole", LIMIT_S)
        if not NATIVE:
            wait_until(lambda: "this replica does not stand" in widow.log(), f"{widow} says so", LIMIT_S)
        time.sleep(2)
        start_all(away)
        all_there(network, keys)


def come_back_as_new(network, server, primary, old):
    """What docs/operating.md says: start it without the file, MEET, REPLICATE, and FORGET the old id everywhere."""
    server.start()
    check(server.id() != old, f"{server} has its old id {old}")
    wait_until(lambda: server.ask("FLUSHALL") == "OK", f"{server} is empty", LIMIT_S)  # a node with keys does not become a replica, as natively
    server.call("CLUSTER", "MEET", primary.host, primary.port)
    wait_until(lambda: primary.id() in server.nodes(), f"{server} knows {primary}", LIMIT_S)
    wait_until(lambda: server.ask("CLUSTER", "REPLICATE", primary.id()) == "OK", f"{server} replicates", LIMIT_S)
    for other in network.servers:
        if other is not server:
            other.ask("CLUSTER", "FORGET", old)  # whoever has dropped it already says so
    wait_until(lambda: server.replication().get("master_link_status") == "up", f"{server} is in sync", LIMIT_S)


def state_file(server):
    return server.folder / "nodes.conf.swim"


def voters_are_whole(server):
    """Also without the seat of a former life, which counts as a data voter until it is gone."""
    return server.cluster_info()["swim_shard_data_voters"] == "2" and survives_a_loss(server)


def one_state_file(spoil, refuses):
    """Of a replica, while everybody is down."""
    if NATIVE:
        raise Skipped("only of the module's state file")
    rng = random.Random(SEED)
    network, keys = formed()
    with network:
        primary, (victim,), _ = rng.choice(network.shards())
        old = victim.id()
        kill_all(network)
        spoil(state_file(victim), rng)
        start_all([s for s in network if s is not victim])
        if refuses:
            victim.start(wait=False)
            wait_until(lambda: not victim.alive(), f"{victim} refuses to start")
            check("is damaged" in victim.log(), victim.log_tail(5))
            state_file(victim).rename(state_file(victim).with_suffix(".damaged"))
        wait_until(lambda: primary.role() == "master" and served(primary), f"{primary} serves", LIMIT_S)
        come_back_as_new(network, victim, primary, old)
        all_there(network, keys)
        wait_until(lambda: voters_are_whole(primary), f"{primary}'s shard has two data voters and a witness again", 180)
        # It counts again: the shard survives the loss of the one that had kept its file.
        primary.kill()
        wait_until(lambda: victim.role() == "master" and served(victim), f"{victim} takes over", 60)
        primary.start()
        all_there(network, keys)


def test_a_damaged_state_file():
    def spoil(path, rng):
        data = bytearray(path.read_bytes())
        at = rng.randrange(len(data) // 4, len(data) // 2)
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        say(f"bit flipped at {at} of {len(data)}")

    one_state_file(spoil, refuses=True)


def test_a_lost_state_file():
    one_state_file(lambda path, _rng: path.unlink(), refuses=False)


if __name__ == "__main__":
    say(f"seed {SEED}")
    main(test_new_addresses, test_some_missing, test_a_damaged_state_file, test_a_lost_state_file)
