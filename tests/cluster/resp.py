"""RESP2 over a plain socket: calls, pipelines, and the slot of a key. Standard library only."""
import select
import socket
import threading

SLOTS = 16384


class RespError(Exception):
    """An error reply; str() is its text."""


class Client:
    """One connection. A broken one raises OSError and stays closed; whoever owns it opens another."""

    def __init__(self, host, port, timeout_s=5.0, source=None):
        self.address = (host, port)
        self._socket = socket.create_connection(self.address, timeout=timeout_s, source_address=source and (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._at = 0

    def close(self):
        try:
            self._socket.close()
        except OSError:
            pass

    def settimeout(self, timeout_s):
        self._socket.settimeout(timeout_s)

    def send(self, *commands):
        self._socket.sendall(b"".join(encode(c) for c in commands))

    def answers_within(self, seconds):
        """Whether something of a reply has come by then; nothing is read."""
        return self._at < len(self._buffer) or bool(select.select([self._socket], [], [], seconds)[0])

    def read(self):
        """One reply; an error reply is returned, not raised."""
        try:
            return self._parse()
        except OSError:
            self.close()
            raise

    def call(self, *arguments):
        """One command; an error reply is raised."""
        reply = self.ask(*arguments)
        if isinstance(reply, RespError):
            raise reply
        return reply

    def ask(self, *arguments):
        """One command; an error reply is returned."""
        self.send(arguments)
        return self.read()

    def pipeline(self, commands):
        """All replies, errors as values."""
        commands = list(commands)
        self.send(*commands)
        return [self.read() for _ in commands]

    def _line(self):
        while True:
            end = self._buffer.find(b"\r\n", self._at)
            if end >= 0:
                line = bytes(self._buffer[self._at : end])
                self._at = end + 2
                return line
            self._fill()

    def _fill(self):
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError(f"{self.address[0]}:{self.address[1]} closed the connection")
        self._buffer += data

    def _parse(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RespError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            while len(self._buffer) - self._at < size + 2:
                self._fill()
            value = bytes(self._buffer[self._at : self._at + size])
            self._at += size + 2
            return value.decode("utf-8", "surrogateescape")
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self._parse() for _ in range(count)]
        raise ValueError(f"not RESP2: {line[:80]!r}")


def encode(arguments):
    out = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode("utf-8", "surrogateescape")
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)


def _crc_table():
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return table


_CRC = _crc_table()


def slot_of(key):
    data = key if isinstance(key, bytes) else key.encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFF) ^ _CRC[(crc >> 8) ^ byte]
    return crc % SLOTS


def _all_tags():
    tags, number = {}, 0
    while len(tags) < SLOTS:
        tags.setdefault(slot_of(str(number)), str(number))
        number += 1
    return tags


_tags = {}
_tags_once = threading.Lock()


def tag_of(slot):
    """A short string whose slot this is: f"name:{{{tag_of(slot)}}}" lands there."""
    with _tags_once:
        if not _tags:
            _tags.update(_all_tags())
    return _tags[slot]


def address_of_redirect(error):
    """MOVED 12 host:port -> (host, port)"""
    host, _, port = str(error).split()[2].rpartition(":")
    return host, int(port)
