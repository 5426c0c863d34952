#!/usr/bin/python3
"""Keys per slot are exact after every kind of write, against a scan; GETKEYSINSLOT lists what is there."""
import random
import sys
import time

from module_server import VERSIONS, Checks, Server, serve_all_slots, wait_until

check = Checks()


def slot_table():
    """CRC16 (XMODEM) of a key's hash tag, as the cluster specification defines it."""
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return table


TABLE = slot_table()


def slot_of(key):
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    crc = 0
    for byte in key.encode():
        crc = (crc << 8 ^ TABLE[(crc >> 8 ^ byte) & 0xFF]) & 0xFFFF
    return crc % 16384


def exact(c, what):
    counted, cursor = {}, "0"
    while True:
        cursor, keys = c("SCAN", cursor, "COUNT", "1000")
        for key in keys:
            counted.setdefault(slot_of(key), set()).add(key)
        if cursor == "0":
            break
    slots = sorted(set(counted) | set(random.sample(range(16384), 50)) | {slot_of("{t}")})
    for slot in slots:
        c.send("CLUSTER", "COUNTKEYSINSLOT", slot)
    got = {slot: c.read() for slot in slots}
    wrong = {slot: (got[slot], len(counted.get(slot, ()))) for slot in slots if got[slot] != len(counted.get(slot, ()))}
    check(f"counters are exact after {what} ({sum(len(k) for k in counted.values())} keys)", not wrong, wrong)
    return counted


def writes(c):
    c("SET", "{t}a", "1")
    c("SET", "{t}a", "2")
    c("GETSET", "{t}a", "3")
    c("RENAME", "{t}a", "{t}b")
    c("COPY", "{t}b", "{t}c")
    c("COPY", "{t}b", "{t}c", "REPLACE")
    c("RPUSH", "{t}l", "1", "2")
    c("LMOVE", "{t}l", "{t}m", "LEFT", "RIGHT")
    c("LMOVE", "{t}l", "{t}m", "LEFT", "RIGHT")  # empties {t}l
    c("SADD", "{t}s", "1")
    c("SMOVE", "{t}s", "{t}s2", "1")
    c("ZADD", "{t}z", "1", "x")
    c("ZUNIONSTORE", "{t}z2", "1", "{t}z")
    c("ZREM", "{t}z", "x")
    c("HSET", "{t}h", "f", "v")
    c("HDEL", "{t}h", "f")
    c("XADD", "{t}x", "*", "f", "v")
    c("PFADD", "{t}p", "1")
    c("SETBIT", "{t}bits", "7", "1")
    c("SORT", "{t}m", "STORE", "{t}sorted")
    c("GETDEL", "{t}c")
    payload = raw_dump(c, "{t}b")
    c("RESTORE", "{t}r", "0", payload)
    c("RESTORE", "{t}r", "0", payload, "REPLACE")
    c("EVAL", "server.call('SET', KEYS[1], 1); server.call('DEL', KEYS[1]); return 1", "1", "{t}e")
    c("MULTI")
    c("SET", "{t}m1", "1")
    c("DEL", "{t}m1")
    c("SET", "{t}m2", "1")
    c("EXEC")


def raw_dump(c, key):
    c.send("DUMP", key)
    return c._bytes(int(c._line()[1:]))


def run(version):
    print(f"-- valkey {version}")
    with Server(version) as server:
        c = serve_all_slots(server)
        exact(c, "nothing")
        writes(c)
        exact(c, "twenty kinds of writes")
        for i in range(3000):
            c.send("SET", f"key{i}", i)
        for i in range(0, 3000, 3):
            c.send("DEL" if i % 2 else "UNLINK", f"key{i}")
        for i in range(1, 3000, 3):
            c.send("PEXPIRE", f"key{i}", 1)
        for _ in range(5000):
            c.read()
        time.sleep(0.05)
        for i in range(1, 3000, 6):
            c("GET", f"key{i}")  # lazy expiry of half of them; the cycle takes the rest
        wait_until(lambda: c("DBSIZE") < 1100, 10)
        counted = exact(c, "deletes and expiry")

        slot, keys = max(counted.items(), key=lambda item: len(item[1]))
        check.equal("GETKEYSINSLOT lists a slot", set(c("CLUSTER", "GETKEYSINSLOT", slot, 1000)), keys)
        check.equal("GETKEYSINSLOT honours its count", len(c("CLUSTER", "GETKEYSINSLOT", slot, 1)), 1)
        gone = next(iter(keys))
        c("DEL", gone)
        check.equal("a deleted key leaves the list", set(c("CLUSTER", "GETKEYSINSLOT", slot, 1000)), keys - {gone})
        c("SET", gone, "1")
        check.equal("a new key joins it", set(c("CLUSTER", "GETKEYSINSLOT", slot, 1000)), keys)
        c("MULTI")
        c("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        check.equal("inside a transaction too", set(c("EXEC")[0]), keys)

        c("DEBUG", "RELOAD")
        exact(c, "DEBUG RELOAD")
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        c("CONFIG", "SET", "maxmemory", "1")
        c.ask("SET", "evict", "1")
        time.sleep(0.3)
        c("CONFIG", "SET", "maxmemory", "0")
        exact(c, "eviction")
        writes(c)
        c("FLUSHALL")
        exact(c, "FLUSHALL")
        writes(c)
        c("FLUSHDB", "ASYNC")
        exact(c, "FLUSHDB ASYNC")
        check.equal("an emptied slot lists nothing", c("CLUSTER", "GETKEYSINSLOT", slot, 10), [])


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
