// @valkey/valkey-glide, with the settings that it has by itself.
const glide = require("@valkey/valkey-glide");

const METHODS = { SET: "set", GET: "get", INCR: "incr" };
const ChannelModes = glide.GlideClusterClientConfiguration.PubSubChannelModes;

class Adapter {
  pipelinesOfOneSlot = false;
  shards = true;

  constructor(_library, ports, resp) {
    const protocol = resp === 3 ? glide.ProtocolVersion.RESP3 : glide.ProtocolVersion.RESP2;
    this.options = { addresses: ports.map((port) => ({ host: "127.0.0.1", port })), protocol };
    const why = "PubSub subscriptions require RESP3 protocol, but RESP2 was configured.";
    if (resp === 2) this.notOffered = { pubsub: why };
    glide.Logger.setLoggerConfig("off");
  }

  connect() {
    return glide.GlideClusterClient.createClient(this.options);
  }

  command(client, [name, ...words]) {
    return client[METHODS[name]](...words);
  }

  batch(client, commands, atomic) {
    const batch = new glide.ClusterBatch(atomic);
    for (const [name, ...words] of commands) name === "MGET" ? batch.mget(words) : batch[METHODS[name]](...words);
    return client.exec(batch, false);
  }

  pipeline(client, commands) {
    return this.batch(client, commands, false);
  }

  async transaction(client, commands) {
    const replies = await this.batch(client, commands, true);
    if (replies === null) throw new Error("EXEC said nil");
    return replies;
  }

  script(client, source, keys, words) {
    const script = (this.scripts ??= new Map()).get(source) ?? new glide.Script(source);
    this.scripts.set(source, script);
    return client.invokeScript(script, { keys, args: words });
  }

  async blpop(client, key, seconds) {
    const reply = await client.blpop([key], seconds);
    return reply && reply[1];
  }

  publish(client, channel, message, shard) {
    return client.publish(message, channel, shard);
  }

  // Subscriptions are part of the configuration, and kept up by the library.
  async subscriber(channel, shardChannels, onMessage) {
    const channelsAndPatterns = { [ChannelModes.Exact]: new Set([channel]), [ChannelModes.Sharded]: new Set(shardChannels) };
    const callback = (message) => onMessage(String(message.channel), String(message.message));
    await glide.GlideClusterClient.createClient({ ...this.options, pubsubSubscriptions: { channelsAndPatterns, callback } });
    return {};
  }
}

module.exports = { Adapter };
