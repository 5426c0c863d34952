"""Publish and subscribe: a classic channel, and shard channels where the library offers them.

Delivery is at most once, so what is sent while something is going on may be lost. When nothing is going on everything has to
arrive. A classic channel is calm while slots move, and when a node dies that none of its subscribers is connected to; a shard
channel is not (its subscribers may have to move, too).
"""
import threading
import time

from story import AFTER_ERROR_S, GRACE_S, Kind, count_error

STIRS = {False: ("dying", "cut", "failover"), True: ("kill", "failover", "move")}  # by whether it is a shard channel


class PubSub(Kind):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.shard_channels = [f"{{{tag}}}shard" for tag in (self.tags[0], self.tags[-1])] if self.adapter.shards else []
        self.sent = {channel: {} for channel in ["news", *self.shard_channels]}  # number -> when it was acknowledged
        self.received = {channel: {} for channel in self.sent}
        self.late = {}
        self.finished = threading.Event()  # the listeners stay a moment longer than the publisher
        self.number, self.subscriptions = 0, {"classic": 0, "shard": 0}

    def step(self, _tag):
        if self.number == 0:
            threading.Thread(target=self.listen, args=(False, "news"), daemon=True).start()
            if self.shard_channels:
                threading.Thread(target=self.listen, args=(True, *self.shard_channels), daemon=True).start()
        for channel in self.sent:
            self.number += 1
            began = time.time()
            self.call(self.adapter.publish, self.client, channel, self.number, channel != "news")
            self.sent[channel][self.number] = (began, time.time())

    def listen(self, shard, *channels):
        while not self.finished.is_set():
            subscriber = None
            try:
                subscriber = self.adapter.subscriber(shard, *channels)
                self.subscriptions["shard" if shard else "classic"] += 1
                while not self.finished.is_set():
                    for channel, text in subscriber.next():
                        self.take(channel, int(text))
            except Exception as problem:  # noqa: BLE001 - the subscriber's own error; it subscribes anew
                count_error(self.extra.setdefault("subscriber_errors", {}), problem, self.ledger)
                time.sleep(AFTER_ERROR_S)
            finally:
                if subscriber is not None:
                    subscriber.close()

    def take(self, channel, number):
        received = self.received.get(channel)
        if received is None or number > self.number:
            return self.say_wrong(f"{channel}: {number} was never sent")
        received[number] = received.get(number, 0) + 1
        if number < max(received):
            self.late[channel] = self.late.get(channel, 0) + 1  # libraries publish through any node: no order is promised

    def finish(self):
        time.sleep(1)
        self.finished.set()
        for channel, sent in self.sent.items():
            received = self.received[channel]
            first = min(received, default=None)
            if first is None:
                self.say_wrong(f"{channel}: nothing arrived of {len(sent)}")
                continue
            missing = [n for n in sent if n > first and n not in received]
            calm = [n for n in missing if not self.ledger.disturbed(*sent[n], STIRS[channel != "news"], GRACE_S)]
            if calm:
                ago = [round(time.time() - sent[n][1], 1) for n in calm]
                self.say_wrong(f"{channel}: {len(calm)} messages did not arrive, sent {ago[-1]} to {ago[0]} s before the end")
            twice = sum(1 for count in received.values() if count > 1)
            self.extra[channel] = {"sent": len(sent), "received": len(received), "missing": len(missing), "twice": twice,
                                   "late": self.late.get(channel, 0)}  # fmt: skip
        self.extra["subscriptions"] = self.subscriptions

