"""A replica of our own that only listens: what a server replicates, and whether it has cut its replicas off."""
import socket
import threading

from resp import encode

ACKNOWLEDGE_EVERY_S = 0.1  # also what ends the wait for the data behind a full sync


class ReplicationStream(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.received, self.ended = b"", threading.Event()
        self.socket = socket.create_connection(server.address, timeout=10)
        for words in (("listening-port", 1), ("capa", "eof", "capa", "psync2")):
            self.socket.sendall(encode(("REPLCONF", *words)))
            if self.socket.recv(100) != b"+OK\r\n":
                raise AssertionError(f"REPLCONF {words} is refused")
        self.socket.sendall(encode(("PSYNC", "?", "-1")))
        self.socket.settimeout(ACKNOWLEDGE_EVERY_S)
        self.start()

    def run(self):
        try:
            while True:
                self.socket.sendall(encode(("REPLCONF", "ACK", 0)))
                try:
                    data = self.socket.recv(1 << 20)
                except TimeoutError:
                    continue
                if not data:
                    break
                self.received += data
        except OSError:
            pass
        self.ended.set()

    def deletions(self, prefix):
        """How many single keys whose names begin so were deleted by their primary itself."""
        stream = self.received
        return sum(
            part.split(b"\r\n", 2)[1].startswith(prefix.encode())
            for verb in (b"DEL\r\n", b"UNLINK\r\n")
            for part in stream.split(verb)[1:]
            if part.count(b"\r\n") >= 2
        )

    def has(self, text):
        return text.encode() in self.received

    def close(self):
        self.socket.close()
