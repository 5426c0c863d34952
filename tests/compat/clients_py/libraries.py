"""Adapters for valkey-py and redis-py, with the settings that the libraries have by themselves."""
import importlib
import time

NAMES = {"valkey": "ValkeyCluster", "redis": "RedisCluster"}


class Python:
    pipelines_of_one_slot = False
    shards = True

    def __init__(self, package, ports, resp):
        self.module = importlib.import_module(package + ".cluster")
        self.make = getattr(self.module, NAMES[package])
        self.ports, self.resp = ports, resp
        if package == "valkey":
            self.transaction = None  # "transaction is deprecated in cluster mode", says its pipeline()

    def connect(self):
        nodes = [self.module.ClusterNode("127.0.0.1", port) for port in self.ports]
        return self.make(startup_nodes=nodes, protocol=self.resp, decode_responses=True)

    def command(self, client, *words):
        return client.execute_command(*words)

    def _queue(self, pipe, commands):
        for words in commands:
            pipe.execute_command(*words)
        return pipe

    def pipeline(self, client, commands):
        return self._queue(client.pipeline(), commands).execute(raise_on_error=False)

    def transaction(self, client, commands):
        return self._queue(client.pipeline(transaction=True), commands).execute()

    def script(self, client, source, keys, arguments):
        return client.eval(source, len(keys), *keys, *arguments)

    def blpop(self, client, key, timeout_s):
        reply = client.blpop([key], timeout=timeout_s)
        return reply and reply[1]

    def publish(self, client, channel, message, shard):
        return client.spublish(channel, message) if shard else client.publish(channel, message)

    def subscriber(self, shard, *channels):
        return Subscriber(self.connect(), shard, channels)


class Subscriber:
    def __init__(self, client, shard, channels):
        self.client, self.pubsub = client, client.pubsub()
        subscribe = self.pubsub.ssubscribe if shard else self.pubsub.subscribe
        self.next_message = self.pubsub.get_sharded_message if shard else self.pubsub.get_message
        subscribe(*channels)

    def next(self):
        """[(channel, message)] of what has come since, after a moment's wait at most."""
        found = []
        # Without ignore_subscribe_messages, with which get_sharded_message ignores all messages.
        while message := self.next_message(timeout=0.02):
            if message["type"] in ("message", "smessage"):
                found.append((message["channel"], message["data"]))
        if not found:
            time.sleep(0.01)  # get_sharded_message does not wait
        return found

    def close(self):
        for one in (self.pubsub, self.client):
            try:
                one.close()
            except Exception:  # noqa: BLE001,S110 - it was broken before
                pass
