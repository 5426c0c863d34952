// Publish and subscribe: see clients_py/pubsub.py, which this follows.
const { now } = require("./ledger.js");
const { Kind, countError } = require("./kind.js");
const { GRACE_S } = require("./story.js");

class PubSub extends Kind {
  constructor(...words) {
    super(...words);
    const shardChannels = this.adapter.shards ? [this.tags[0], this.tags.at(-1)].map((tag) => `{${tag}}shard`) : [];
    const channel = () => ({ sent: new Map(), received: new Map(), last: 0, late: 0 });
    this.channels = new Map(["news", ...shardChannels].map((name) => [name, channel()]));
    this.shardChannels = shardChannels;
    this.number = 0;
    this.subscriber = null;
  }

  async step() {
    if (this.subscriber === null) {
      const onMessage = (channel, text) => this.take(channel, Number(text));
      const onError = (problem) => countError((this.extra.subscriber_errors ??= {}), problem, this.ledger);
      this.subscriber = await this.call(() => this.adapter.subscriber("news", this.shardChannels, onMessage, onError));
    }
    for (const [channel, { sent }] of this.channels) {
      const number = ++this.number;
      const began = now();
      await this.call(() => this.adapter.publish(this.client, channel, String(number), channel !== "news"));
      sent.set(number, [began, now()]);
    }
  }

  take(name, number) {
    const channel = this.channels.get(name);
    if (!channel || !(number <= this.number)) return this.sayWrong(`${name}: ${number} was never sent`);
    if (number < channel.last) channel.late += 1; // libraries publish through any node: no order is promised
    channel.last = Math.max(channel.last, number);
    channel.received.set(number, (channel.received.get(number) ?? 0) + 1);
  }

  finish() {
    for (const [name, { sent, received, late }] of this.channels) {
      if (received.size === 0) {
        this.sayWrong(`${name}: nothing arrived of ${sent.size}`);
        continue;
      }
      const first = Math.min(...received.keys());
      const kinds = name === "news" ? ["dying", "cut", "failover"] : ["kill", "failover", "move"];
      const missing = [...sent.keys()].filter((number) => number > first && !received.has(number));
      const calm = missing.filter((number) => !this.ledger.disturbed(...sent.get(number), kinds, GRACE_S));
      if (calm.length) {
        const ago = calm.map((number) => (now() - sent.get(number)[1]).toFixed(1));
        this.sayWrong(`${name}: ${calm.length} messages did not arrive, sent ${ago.at(-1)} to ${ago[0]} s before the end`);
      }
      const twice = [...received.values()].filter((count) => count > 1).length;
      this.extra[name] = { sent: sent.size, received: received.size, missing: missing.length, twice, late };
    }
  }
}

module.exports = { PubSub };
