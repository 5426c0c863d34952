// ioredis and iovalkey, its fork, with the settings that they have by themselves.
class Adapter {
  pipelinesOfOneSlot = true; // "All keys in the pipeline should belong to the same slots allocation group"

  constructor(library, ports, resp) {
    this.Cluster = require(library).Cluster;
    this.shards = library === "ioredis"; // iovalkey has no shardedSubscribers
    this.nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
    // ioredis speaks RESP3 since version 6; iovalkey speaks RESP2 only, and the driver knows.
    this.options = library === "ioredis" ? { redisOptions: { protocol: resp } } : {};
  }

  async connect(more = {}) {
    const client = new this.Cluster(this.nodes, { ...this.options, ...more });
    client.on("error", () => {}); // an error of the client itself; calls have their own
    return client;
  }

  command(client, [name, ...words]) {
    return client.call(name, ...words);
  }

  async exec(queue) {
    const replies = await queue.exec();
    if (replies === null) throw new Error("EXEC said nil");
    return replies.map(([problem, reply]) => problem ?? reply);
  }

  pipeline(client, commands) {
    return this.exec(client.pipeline(commands.map(([name, ...words]) => [name.toLowerCase(), ...words])));
  }

  transaction(client, commands) {
    return this.exec(client.multi(commands.map(([name, ...words]) => [name.toLowerCase(), ...words])));
  }

  script(client, source, keys, words) {
    return client.eval(source, keys.length, ...keys, ...words);
  }

  async blpop(client, key, seconds) {
    const reply = await client.blpop(key, seconds);
    return reply && reply[1];
  }

  publish(client, channel, message, shard) {
    return shard ? client.spublish(channel, message) : client.publish(channel, message);
  }

  async subscriber(channel, shardChannels, onMessage, onError) {
    const client = await this.connect(this.shards ? { shardedSubscribers: true } : {});
    client.on("error", onError);
    client.on("message", onMessage);
    client.on("smessage", onMessage);
    await client.subscribe(channel);
    for (const one of shardChannels) await client.ssubscribe(one);
    return {};
  }
}

module.exports = { Adapter };
