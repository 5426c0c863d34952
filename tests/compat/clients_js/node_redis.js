// node-redis ("redis"), with the settings that it has by itself.
const METHODS = { SET: "set", GET: "get", INCR: "incr" };

class Adapter {
  pipelinesOfOneSlot = false;
  shards = true;

  constructor(library, ports, resp) {
    this.library = require(library);
    this.nodes = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
    this.resp = resp;
  }

  async connect() {
    const client = this.library.createCluster({ rootNodes: this.nodes, RESP: this.resp });
    client.on("error", () => {}); // an error of the client itself; calls have their own
    await client.connect();
    return client;
  }

  command(client, [name, ...words]) {
    return client[METHODS[name]](...words);
  }

  // Commands that are called in one turn are pipelined by the library itself.
  async pipeline(client, commands) {
    const settled = await Promise.allSettled(commands.map((words) => this.command(client, words)));
    return settled.map((one) => (one.status === "fulfilled" ? one.value : one.reason));
  }

  transaction(client, commands) {
    const multi = client.multi();
    for (const [name, ...words] of commands) name === "MGET" ? multi.mGet(words) : multi[METHODS[name]](...words);
    return multi.exec();
  }

  script(client, source, keys, words) {
    return client.eval(source, { keys, arguments: words });
  }

  async blpop(client, key, seconds) {
    const reply = await client.blPop(key, seconds);
    return reply && reply.element;
  }

  publish(client, channel, message, shard) {
    return shard ? client.sPublish(channel, message) : client.publish(channel, message);
  }

  async subscriber(channel, shardChannels, onMessage, onError) {
    const client = await this.connect();
    client.on("error", onError);
    const listener = (message, from) => onMessage(from, message);
    await client.subscribe(channel, listener);
    for (const one of shardChannels) await client.sSubscribe(one, listener);
    return {};
  }
}

module.exports = { Adapter };
