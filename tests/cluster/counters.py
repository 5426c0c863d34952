"""Writers that count: every key belongs to one writer, which raises it by one at a time and knows what it must read."""
import threading
import time

from harness import HOST, Client, RespError
from resp import tag_of


class CountingWriter(threading.Thread):
    """INCR over its own keys, one at a time, following redirects as a client does. What is neither a number nor MOVED is
    kept in `errors`; an answer that is not one more than the last is kept in `wrong`."""

    def __init__(self, port, slots, name, keys=4):
        super().__init__(daemon=True)
        self.keys = [f"{name}-{i}:{{{tag_of(slots[i * 7 % len(slots)])}}}" for i in range(keys)]
        self.acknowledged = dict.fromkeys(self.keys, 0)
        self.unknown = dict.fromkeys(self.keys, 0)  # sent, answer never read
        self.errors, self.wrong, self.slow = [], [], []
        self.done = 0
        self.moved = 0
        self.port = port
        self.first_port = port
        self.connection = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            key = self.keys[self.done % len(self.keys)]
            began = time.monotonic()
            self.raise_by_one(key)
            self.slow.append((began, time.monotonic() - began))
            self.done += 1
        if self.connection:
            self.connection.close()

    def raise_by_one(self, key):
        while not self.ended.is_set():
            sent = False
            try:
                if self.connection is None:
                    self.connection = Client(HOST, self.port, 10)
                sent = True
                reply = self.connection.ask("INCR", key)
            except (OSError, ValueError) as problem:
                self.errors.append((time.monotonic(), repr(problem)))
                self.unknown[key] += sent
                self.connection = None
                self.port = self.first_port
                time.sleep(0.01)
                continue
            if isinstance(reply, RespError):
                words = str(reply).split()
                if words[0] == "MOVED":
                    self.moved += 1
                    self.port = int(words[2].rsplit(":", 1)[1])
                else:
                    self.errors.append((time.monotonic(), str(reply)))
                    time.sleep(0.005)
                    continue
                self.connection.close()
                self.connection = None
                continue
            if not self.acknowledged[key] < reply <= self.acknowledged[key] + 1 + self.unknown[key]:
                self.wrong.append(f"{key}: {reply} after {self.acknowledged[key]} (+{self.unknown[key]} unknown)")
            self.acknowledged[key] = reply
            self.unknown[key] = 0
            return

    def finish(self):
        self.ended.set()
        self.join(20)

    def slowest_since(self, instant):
        return max((took for began, took in list(self.slow) if began + took >= instant), default=0.0)
