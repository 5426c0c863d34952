"""What can go wrong with a shard under load, each as a function of (round, network, rng) that does it and undoes it. They
return what the round is called. `sure`: a successor has to appear, and is waited for."""
import time

from expect import NATIVE, wait_until
from history import now
from network import CROWD
from resp import RespError
from thread_stop import stopped_thread

NODE_THREAD = "swim-node"


def nap(rng, low, high):
    time.sleep(low + rng.random() * (high - low))


def witness_of(network, server):
    """The server that witnesses for this one's shard."""
    if NATIVE:
        return None
    ids = server.cluster_info()["swim_shard_witnesses"].split(",")
    return next((s for s in network if s.id() in ids), None)


def kill_primary(this, network, rng):
    since = now()
    this.primary.kill()
    this.wait_for_successor(since)
    nap(rng, 0, 0.5)
    this.primary.start()


def kill_primary_and_restart_at_once(this, network, rng):
    this.primary.kill()
    nap(rng, 0, 0.8)
    this.primary.start()
    nap(rng, 1, 2)


def kill_several_primaries(this, network, rng):
    """Of two shards out of three: natively that is the majority of primaries, and nobody fails over. Not the one that is
    this shard's witness: that would be the next fault."""
    witness = witness_of(network, this.primary)
    victims = [this.primary, next(p for p, _, _ in network.shards() if p not in (this.primary, witness))]
    since = now()
    for victim in victims:
        victim.kill()
    if not NATIVE:
        this.wait_for_successor(since)
    else:
        nap(rng, 2, 4)
    for victim in victims:
        victim.start()


def kill_primary_and_witness(this, network, rng):
    """Two of three voters: the shard stops, and goes on when one of them is back."""
    witness = witness_of(network, this.primary)
    victims = [this.primary] + ([witness] if witness else [])
    since = now()
    for victim in victims:
        victim.kill()
    nap(rng, 1, 3)
    for victim in reversed(victims):
        victim.start()
        if victim is witness:
            this.wait_for_successor(since)


def kill_the_shard(this, network, rng):
    for server in this.members:
        server.kill()
    nap(rng, 0, 2)
    for server in rng.sample(this.members, len(this.members)):
        server.start()
        nap(rng, 0, 1)


def kill_everybody(this, network, rng):
    for server in network:
        server.kill()
    nap(rng, 0, 2)
    for server in rng.sample(network.servers, len(network)):
        server.start(wait=False)
        nap(rng, 0, 0.2)
    for server in network:
        server.wait_for_ping()


def isolate_primary(this, network, rng):
    since = now()
    network.isolate(this.primary, ())
    this.wait_for_successor(since)
    nap(rng, 0, 1)
    network.heal()


def isolate_for_about_a_lease(this, network, rng):
    network.isolate(this.primary, (CROWD,))
    nap(rng, 0.5, 1.5)
    network.heal()


def replica_hears_nothing(this, network, rng):
    network.cut_one_way([this.primary], this.replicas)
    nap(rng, 1, 4)
    network.heal()


def primary_hears_nothing(this, network, rng):
    network.cut_one_way([s for s in network if s is not this.primary], [this.primary])
    nap(rng, 1, 4)
    network.heal()


def shard_cut_off(this, network, rng):
    network.cut(this.members, [s for s in network if s not in this.members])
    nap(rng, 1, 5)
    network.heal()


def witness_cut_off(this, network, rng):
    witness = witness_of(network, this.primary)
    network.cut(this.members, [witness] if witness else [])
    nap(rng, 1, 4)
    network.heal()


def zones_cut(this, network, rng):
    """Half of the servers from the other half, each shard's two in different halves; clients see both."""
    zone = [pair[rng.random() < 0.5] for pair in [(p, rs[0]) for p, rs, _ in network.shards()]]
    network.cut(zone, [s for s in network if s not in zone])
    nap(rng, 1, 5)
    network.heal()


def flapping(this, network, rng):
    for _ in range(6):
        one, other = rng.sample(network.servers, 2)
        rng.choice((network.cut, network.cut_one_way))([one], [other])
        nap(rng, 0.1, 0.7)
        if rng.random() < 0.4:
            network.heal()
    network.heal()


def loss(this, network, rng):
    """A fifth of all packets between servers, both ways."""
    network.lose(network.servers, network.servers)
    nap(rng, 3, 6)
    network.heal()


def stop_primary(this, network, rng):
    this.primary.stop()
    nap(rng, 0.5, 3)
    this.primary.cont()


def stop_some(this, network, rng):
    """Up to four, one after the other, each for a time of its own."""
    victims = rng.sample(network.servers, rng.randint(2, 4))
    for victim in victims:
        victim.stop()
        nap(rng, 0, 0.3)
    for victim in rng.sample(victims, len(victims)):
        nap(rng, 0, 1)
        victim.cont()


def stall_main_thread(this, network, rng):
    """The main thread alone sleeps; the node thread goes on."""
    connection = this.primary.connect(timeout_s=30)
    connection.send(("DEBUG", "SLEEP", round(0.3 + rng.random() * 3, 2)))
    nap(rng, 2, 4)
    connection.close()


def stall_node_thread(this, network, rng):
    """The node thread alone stands still, for about a lease or until another server has taken over; the main thread goes on."""
    if NATIVE:  # there is none
        return
    since = now()
    with stopped_thread(this.primary.pid, NODE_THREAD):
        if rng.random() < 0.5:
            nap(rng, 0.5, 1.5)
        else:
            this.wait_for_successor(since)
            nap(rng, 0, 1)


def long_script(this, network, rng):
    """Writes when it began, spins for seconds, and writes again."""
    register, seconds = this.new_registers(1)[0], round(1 + rng.random() * 3, 1)
    script = (
        "redis.call('SET', KEYS[1], ARGV[1]) local began = os.clock() "
        "while os.clock() - began < tonumber(ARGV[3]) do end "
        "redis.call('SET', KEYS[1], ARGV[2]) return 'OK'"
    )
    first, second = register.next_value(), register.next_value()
    connection = this.primary.connect(timeout_s=60)
    try:
        connection.ask("EVAL", script, 1, register.key, first, second, seconds)
    except (OSError, RespError):
        pass  # cut off by the fence, or refused
    connection.close()


def replica_far_behind(this, network, rng):
    """The replica sleeps while more is written than the backlog holds; then the primary dies."""
    replica = this.replicas[0]
    replica.stop()
    payload, connection = "x" * 100_000, this.primary.connect(timeout_s=30)
    key = this.registers[0].key.split(":")[1]
    for number in range(60):
        if isinstance(connection.ask("SET", f"ballast:{key}:{number % 20}", payload), RespError):
            break
    connection.close()
    nap(rng, 1, 4)
    since = now()
    if rng.random() < 0.5:
        this.primary.kill()
        replica.cont()
        nap(rng, 1, 3)
        this.primary.start()
    else:
        replica.cont()
        this.primary.kill()
        nap(rng, 0, 1)
        this.primary.start()
    wait_until(lambda: any(w.sent > since for w in this.history.writes[-2000:]), "writes go on", 60)


ALL = (
    kill_primary, kill_primary_and_restart_at_once, kill_several_primaries, kill_primary_and_witness, kill_the_shard,
    kill_everybody, isolate_primary, isolate_for_about_a_lease, replica_hears_nothing, primary_hears_nothing, shard_cut_off,
    witness_cut_off, zones_cut, flapping, loss, stop_primary, stop_some, stall_main_thread, stall_node_thread, long_script, replica_far_behind,
)  # fmt: skip
