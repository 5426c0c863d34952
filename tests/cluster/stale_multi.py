"""A cluster client that has learned the slots is told (one line on stdin) that one of them has moved, then runs MULTI there.
usage: stale_multi.py <library> <port> <key>; prints "ready", then the result of EXEC as JSON."""
import importlib
import json
import sys

library, port, key = sys.argv[1], int(sys.argv[2]), sys.argv[3]
client = importlib.import_module(library + ".cluster").RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
client.set(key, "0")
print("ready", flush=True)
sys.stdin.readline()
pipe = client.pipeline(transaction=True)
pipe.set(key, "1")
pipe.incr(key)
pipe.get(key)
try:
    result = ["OK" if reply is True else reply for reply in pipe.execute()]
    print(json.dumps(result, separators=(",", ":")), flush=True)
except Exception as problem:  # noqa: BLE001 - whatever the user of the library would see
    print(f"failed: {problem!r}", flush=True)
