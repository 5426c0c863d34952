#!/usr/bin/python3
"""What tools/demo shows, once the module is built. usage: demo.py [--keep]"""
import datetime
import re
import shlex
import sys
import time

from harness import (
    HOST, MODULE, NATIVE, VERSION, Cluster, Skipped, Writer, check, equal, load_keys, missing_keys, new_folder,
    print_logs, say, wait_until,
)  # fmt: skip
from processes import let_live
from test_failover import new_primary

KEYS = 10_000
KEEP_RUNNING = "--keep" in sys.argv[1:]

# The log lines that mark a failover's steps, in the successor's log.
STEPS = (
    ("detected", r"failover: primary .* (detected|restarted|removed)"),
    ("stands for election", r"failover: standing"),
    ("elected", r"failover: elected"),
    ("promoted", r"promoted:"),
)


def log_moments(server, since):
    """[(seconds since, step)] of the first line of each step after that wall-clock moment."""
    found = []
    for step, pattern in STEPS:
        for line in server.log().splitlines():
            stamp = re.search(r"(\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3})", line)
            if not stamp or not re.search(pattern, line):
                continue
            moment = datetime.datetime.strptime(stamp[1], "%d %b %Y %H:%M:%S.%f").timestamp()
            if moment >= since - 0.002:
                found.append((moment - since, f"{step:20} {line.split(stamp[1])[1].strip(' *#-.')}"))
                break
    return found


def time_line(victim, successor, killed, killed_wall, outage):
    rows = [(0.0, f"{'killed':20} {victim} by kill -9"), (outage.began - killed, f"{'first failed write':20} {outage.reasons[0]}")]
    rows += log_moments(successor, killed_wall)
    rows.append((outage.ended - killed, f"{'first good write':20} at {successor}: an outage of {outage.seconds:.3f} s"))
    print()
    for seconds, text in sorted(rows, key=lambda row: row[0]):
        print(f"    {seconds:7.3f} s  {text}")
    print(flush=True)


def run():
    folder = new_folder()
    cluster = Cluster(6, folder=folder, die_with_us=not KEEP_RUNNING)
    say(f"starting six stock valkey-servers {VERSION}: cluster-enabled no, loadmodule {MODULE.name}")
    cluster.start()
    say("valkey-cli --cluster create, one replica for each primary")
    said = cluster.create(replicas=1)
    print("\n".join("    " + line for line in said.splitlines() if "[OK]" in line or line.startswith("Adding replica")))

    say(f"loading {KEYS} keys by a cluster client")
    expected = load_keys(cluster.addresses, KEYS, name="demo")
    cluster.wait_replicated()

    victim, _, slots = cluster.shards()[0]
    say(f"a writer runs; {victim} is the primary of slots {slots[0]}-{slots[-1]}")
    writer = Writer(cluster.addresses, slots[::37], name="writer")
    writer.start()
    wait_until(lambda: len(writer.confirmed) >= 500, "500 writes that a replica has confirmed")
    say(f"kill -9 {victim} after {writer.writes} writes")
    killed, killed_wall = time.monotonic(), time.time()
    victim.kill()
    outage = wait_until(lambda: writer.outage_since(killed), "a write after the failover", 60)
    successor = new_primary(cluster, slots, victim)
    count = writer.writes
    wait_until(lambda: writer.writes >= count + 100, "writes at the new primary")
    time_line(victim, successor, killed, killed_wall, outage)

    say(f"starting {victim} again")
    victim.start()
    wait_until(lambda: victim.role() == "slave", f"{victim} as a replica", 60)
    wait_until(lambda: victim.replication()["master_link_status"] == "up", f"{victim}'s link", 60)
    equal(int(victim.replication()["master_port"]), successor.port, "whom it replicates")
    cluster.wait_ok()
    say(f"{victim} is a replica of {successor}:")
    for line in victim.call("CLUSTER", "NODES").splitlines():
        print("    " + line)

    writer.finish()
    say(f"reading back {KEYS} keys and {len(writer.confirmed)} of {writer.writes} writes that a replica had confirmed")
    lost = missing_keys(cluster.addresses, expected | writer.confirmed)
    equal(lost, [], "lost keys")
    check(len(writer.confirmed) > 500, "too few confirmed writes to prove anything")
    say("all there")
    if KEEP_RUNNING:
        leave(cluster, folder)
    else:
        cluster.end()


def leave(cluster, folder):
    stop = folder / "stop"
    pids = " ".join(str(s.pid) for s in cluster)
    stop.write_text(f"#!/bin/sh\nkill {pids} && sleep 3; rm -rf {shlex.quote(str(folder))}\n")
    stop.chmod(0o755)
    let_live(folder, [s.pid for s in cluster])
    port = cluster[0].port
    program = cluster[0].program("valkey-cli")
    print(
        f"""
The cluster runs on; logs and files are in {folder}.
    {program} -c -p {port}
    {program} -p {port} CLUSTER NODES
    {program} --cluster check {HOST}:{port}
ports: {" ".join(str(s.port) for s in cluster)}
to stop it and remove its files:
    {stop}"""
    )


if __name__ == "__main__":
    if NATIVE:
        say("VSWIM_NATIVE is set: this is native cluster mode, for comparison")
    try:
        run()
    except Skipped as reason:
        sys.exit(f"demo: {reason}")
    except (AssertionError, OSError) as failure:
        print_logs()
        print(f"demo: {failure}", file=sys.stderr)
        sys.exit(1)
