#!/usr/bin/python3
"""What a replica that CLUSTER FAILOVER promotes answers to blocking commands that reach it in that very moment: MOVED as long as
it is a replica, then what a primary answers, and nothing in between. Clients come then: those that wait in BLPOP at the
old primary read MOVED, and send it to the new one at once."""
import threading

from harness import Client, Cluster, RespError, equal, main, say, wait_until
from resp import tag_of

FAILOVERS = 30  # not every one of them meets the moment
COMMANDS = (
    ("BLPOP", "{}list", "0.01"),
    ("BLMOVE", "{}list", "{}other", "LEFT", "LEFT", "0.01"),
    ("XREADGROUP", "GROUP", "g", "c", "BLOCK", "10", "STREAMS", "{}stream", ">"),
    ("LPOP", "{}list"),
    ("EVAL", "return server.call('INCR', KEYS[1])", "1", "{}number"),
)


class Sender(threading.Thread):
    """Sends one command to one server, again and again."""

    def __init__(self, server, words):
        super().__init__(daemon=True)
        self.server, self.words = server, words
        self.stopping = threading.Event()
        self.answered, self.odd = 0, []

    def run(self):
        client = Client(*self.server.address, timeout_s=20)
        while not self.stopping.is_set():
            reply = client.ask(*self.words)
            self.answered += 1
            if isinstance(reply, RespError) and not str(reply).startswith("MOVED"):
                self.odd.append(f"{self.words[0]}: {reply}")
        client.close()


def promote(cluster, replica, commands):
    senders = [Sender(replica, words) for words in commands]
    for sender in senders:
        sender.start()
    wait_until(lambda: all(sender.answered > 20 for sender in senders), "every command is redirected")
    equal(replica.call("CLUSTER", "FAILOVER"), "OK", "CLUSTER FAILOVER")
    wait_until(lambda: replica.role() == "master", f"{replica} is primary", 15)
    seen = [sender.answered for sender in senders]
    wait_until(lambda: all(s.answered > before + 2 for s, before in zip(senders, seen)), "every command is answered there")
    for sender in senders:
        sender.stopping.set()
    for sender in senders:
        sender.join(20)
    cluster.wait_ok()
    return [odd for sender in senders for odd in sender.odd]


def test_blocking_commands_at_the_moment_of_a_promotion():
    with Cluster(6).start() as cluster:
        cluster.create(replicas=1)
        primary, (replica,), slots = cluster.shards()[0]
        tag = "{" + tag_of(slots[0]) + "}"
        commands = [[word.format(tag) for word in words] for words in COMMANDS]
        equal(primary.call("XGROUP", "CREATE", tag + "stream", "g", "0", "MKSTREAM"), "OK", "XGROUP CREATE")
        cluster.wait_replicated()
        odd = []
        for _ in range(FAILOVERS):
            found = promote(cluster, replica, commands)
            say(f"{replica} was promoted: {len(found)} answers that are neither a redirect nor a reply")
            odd += found
            primary, replica = replica, primary
        equal(sorted(set(odd)), [], f"such answers, {len(odd)} in {FAILOVERS} failovers")


if __name__ == "__main__":
    main(test_blocking_commands_at_the_moment_of_a_promotion)
