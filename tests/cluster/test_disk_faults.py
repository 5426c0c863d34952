#!/usr/bin/python3
"""The disk under a node's state file is full, read-only, fails to sync or is slow. A node that cannot write down what it
promises stops at once and says so; its shard goes on. --rounds N: so many more turns of each."""
import random
import time

from harness import NATIVE, VERSION, Skipped, check, equal, main, say, wait_until
from history import now
from network import MODULE, Network, run
from rounds import ROUNDS, SEED, Round, Tally

SAYS = "the state file cannot be written any more"
SICK_DISK = MODULE.parent / "sick_disk.so"


class Disk:
    """A server's `dir` on a small file system of its own; its log and trace stay elsewhere."""

    def __init__(self, server, kind):
        self.server, self.kind = server, kind
        self.path = server.folder / "disk"
        self.orders = server.folder / "orders"
        self.orders.write_text("")
        self.path.mkdir()
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", "size=1m", "none", self.path)
        elif kind == "ext4":
            image = server.folder / "image"
            run("truncate", "-s", "8M", image)
            run("mkfs.ext4", "-q", image)
            try:
                run("mount", "-o", "loop,errors=remount-ro", image, self.path)
            except RuntimeError as problem:
                raise Skipped(f"no loop device: {problem}") from None
        else:
            server.preloads.append(SICK_DISK)
            server.environment["SICK_DISK"] = self.orders
        server.config["dir"] = self.path

    def fail(self):
        if self.kind == "tmpfs":
            with open(self.path / "ballast", "wb", buffering=0) as file:
                try:
                    while file.write(bytes(1024)):
                        pass
                except OSError as problem:
                    check(problem.errno == 28, f"{problem}, not a full disk")
        elif self.kind == "ext4":
            run("mount", "-o", "remount,abort", self.path)  # what ext4 does after an I/O error of its own
        else:
            self.orders.write_text("fail")

    def mend(self):
        if self.kind == "tmpfs":
            (self.path / "ballast").unlink()
        elif self.kind == "ext4":
            run("umount", self.path)
            run("mount", "-o", "loop,errors=remount-ro", self.server.folder / "image", self.path)
        else:
            self.orders.write_text("")


def witness_of(network, server):
    ids = server.cluster_info()["swim_shard_witnesses"].split(",")
    return next(s for s in network if s.id() in ids)


def write_to_the_log(this, network, until, what):
    """Slot states of the shard, written to its log at whoever is its primary, until that has happened."""
    other = next(n.id for n in network.view().values() if n.is_primary and n.ranges and this.slots[0] not in n.slots())
    slot = this.slots[0]

    def once():
        for server in this.members:
            if server.alive() and not server.stopped:
                server.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", other)
                server.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        return until()

    wait_until(once, what, 60)


def failed_disk_rounds(kind):
    if NATIVE:
        raise Skipped("a native cluster ends its process when it cannot write nodes.conf")
    rng, tally = random.Random(SEED), Tally(f"failed disk: {kind}")
    network = Network(6)
    with network:
        disks = {server: Disk(server, kind) for server in network}
        network.start()
        network.create(replicas=1)
        for number in range(3 + ROUNDS):
            shard = rng.choice(network.shards())
            this = Round(network, shard, rng).start()
            role = ("primary", "replica", "witness")[number % 3]
            victim = {"primary": this.primary, "replica": this.replicas[0], "witness": witness_of(network, this.primary)}[role]
            lines = victim.log().count(SAYS)
            say(f"the disk of {victim}, the {role}")
            since = now()
            disks[victim].fail()
            write_to_the_log(this, network, lambda: victim.log().count(SAYS) > lines, f"{victim} says so")
            noticed = now()
            first = None
            if role == "primary":
                first = this.wait_for_successor(noticed)
            time.sleep(1)
            writes = [since] + sorted(w.replied for w in this.history.writes if w.replied > since) + [now()]
            silence = max(b - a for a, b in zip(writes, writes[1:]))
            equal(victim.cluster_info()["cluster_state"], "fail", f"cluster_state at {victim}")
            victim.kill()
            disks[victim].mend()
            victim.start()
            tally.add(
                this.finish(), f"{victim}, the {role}",
                **{f"silence, {role}": silence, "outage_s": first and first.replied - noticed},
            )  # fmt: skip
    for disk in disks.values():
        if kind != "preload":
            run("umount", "-l", disk.path)
    tally.end()


def test_full_disk():
    failed_disk_rounds("tmpfs")


def test_disk_that_turns_read_only():
    failed_disk_rounds("ext4")


def test_fsync_that_fails():
    failed_disk_rounds("preload")


def test_slow_fsync():
    """300 ms for each sync of every state file: nothing fails over by itself, a failover takes a little longer."""
    if NATIVE:
        raise Skipped("native does not wait for nodes.conf's fsync in its failovers")
    rng, tally = random.Random(SEED), Tally("fsync takes 300 ms")
    network = Network(6)
    with network:
        disks = [Disk(server, "preload") for server in network]
        network.start()
        network.create(replicas=1)
        for _ in range(1 + ROUNDS):
            for disk in disks:
                disk.orders.write_text("slow 300")
            this = Round(network, rng.choice(network.shards()), rng).start()
            time.sleep(3)
            equal([w.server for w in this.history.writes if w.server != this.primary.address], [], "a failover without a cause")
            killed_at = now()
            this.primary.kill()
            first = this.wait_for_successor(killed_at)
            this.primary.start()
            for disk in disks:
                disk.orders.write_text("")
            tally.add(this.finish(), f"{this.primary}", outage_s=first.replied - killed_at)
    tally.end()


def test_start_on_a_read_only_disk():
    """It refuses to start, and says why."""
    if NATIVE:
        raise Skipped("only of the module's state file")
    network = Network(1)
    with network:
        server = network[0]
        disk = Disk(server, "tmpfs")
        run("mount", "-o", "remount,ro", disk.path)
        server.start(wait=False)
        wait_until(lambda: not server.alive(), "it ends")
        check("Read-only file system" in server.log(), f"it does not say why:\n{server.log_tail(10)}")
        run("mount", "-o", "remount,rw", disk.path)
        server.start()
    run("umount", "-l", disk.path)


if __name__ == "__main__":
    say(f"seed {SEED}, {VERSION}")
    main(
        test_full_disk,
        test_disk_that_turns_read_only,
        test_fsync_that_fails,
        test_slow_fsync,
        test_start_on_a_read_only_disk,
    )
