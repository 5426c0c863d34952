// Five of the six kinds of use, written once for all JavaScript libraries: see clients_py/story.py, which this follows.
//
// An adapter offers: connect(), command(client, words), pipeline(client, commands), transaction(client, commands),
// script(client, source, keys, arguments), blpop(client, key, seconds) -> value or null, publish(client, channel, message, shard)
// and subscriber(channel, shardChannels, onMessage). A list of commands is answered with replies and Errors.
const { now } = require("./ledger.js");
const { Failed, Kind, pick, sleep } = require("./kind.js");

const BLOCK_S = 5;
const GRACE_S = 6; // how long a subscriber may take to be back after a disturbance

const COUNT = "local n = server.call('INCR', KEYS[1]) server.call('SET', KEYS[2], n) return n";
const READ = "return server.call('MGET', KEYS[1], KEYS[2])";
// A push that its client sends twice, because the connection broke, happens once.
const PUSH = `if tonumber(ARGV[1]) > tonumber(server.call('GET', KEYS[2]) or 0) then
server.call('SET', KEYS[2], ARGV[1]) server.call('RPUSH', KEYS[1], ARGV[1]) end return 1`;

class Plain extends Kind {
  async step(tag) {
    const key = `{${tag}}plain`;
    const value = this.ledger.value(key);
    const before = value.floor;
    this.check(key, await this.call(() => this.adapter.command(this.client, ["GET", key])), before);
    const kills = this.ledger.kills;
    const written = ++value.tried;
    await this.call(() => this.adapter.command(this.client, ["SET", key, String(written)]));
    this.ledger.acknowledge(key, written, kills);
    const floor = value.floor;
    const found = await this.call(() => this.adapter.command(this.client, ["GET", key]));
    if (this.check(key, found, floor) > value.tried) this.sayWrong(`${key} is ahead of what was written`);
  }
}

class Pipelined extends Kind {
  async look(keys) {
    const values = keys.map((key) => this.ledger.value(key));
    const floors = values.map((value) => value.floor);
    const found = await this.batch(() => this.adapter.pipeline(this.client, keys.map((key) => ["GET", key])));
    if (found.length !== 4) this.sayWrong(`${found.length} replies to a pipeline of 4`);
    keys.forEach((key, n) => {
      if (found[n] instanceof Error) return;
      if (this.check(key, found[n], floors[n]) > values[n].tried) this.sayWrong(`${key} is ahead of what was written`);
    });
  }

  async step(tag) {
    const keys = [0, 1, 2, 3].map((n) => `{${this.adapter.pipelinesOfOneSlot ? tag : pick(this.tags)}}pipelined${n}`);
    await this.look(keys);
    const values = keys.map((key) => this.ledger.value(key));
    const kills = this.ledger.kills;
    const written = values.map((value) => ++value.tried);
    const sets = keys.map((key, n) => ["SET", key, String(written[n])]);
    const done = await this.batch(() => this.adapter.pipeline(this.client, sets));
    keys.forEach((key, n) => done[n] instanceof Error || this.ledger.acknowledge(key, written[n], kills));
    if (done.length !== 4) this.sayWrong(`${done.length} replies to a pipeline of 4`);
    await this.look(keys);
  }
}

// Two keys that are only ever changed together: their halves are the same to everybody.
class Pairs extends Kind {
  checkPair(key, halves, floor) {
    if (new Set(halves.map(String)).size !== 1) this.sayWrong(`${key}: the halves are ${JSON.stringify(halves)}`);
    return this.check(key, halves[0], floor);
  }

  async step(tag) {
    const [one, two] = ["a", "b"].map((half) => `{${tag}}${this.label}:${half}`);
    const { kills } = this.ledger;
    const { floor } = this.ledger.value(one);
    const number = this.checkPair(one, await this.count(one, two), floor);
    if (number === floor && kills === this.ledger.kills) this.sayWrong(`${one} is still ${floor} after it was counted up`);
    this.ledger.acknowledge(one, number, kills);
    const before = this.ledger.value(one).floor;
    this.checkPair(one, await this.read(one, two), before);
  }
}

class Transactional extends Pairs {
  async transaction(commands) {
    const replies = await this.batch(() => this.adapter.transaction(this.client, commands));
    if (replies.some((reply) => reply instanceof Error)) throw new Failed();
    return replies;
  }

  async count(one, two) {
    const [first, second, both] = await this.transaction([["INCR", one], ["INCR", two], ["MGET", one, two]]);
    return [first, second, ...both];
  }

  read(one, two) {
    return this.transaction([["GET", one], ["GET", two]]);
  }
}

class Scripted extends Pairs {
  async count(one, two) {
    return [await this.call(() => this.adapter.script(this.client, COUNT, [one, two], []))];
  }

  read(one, two) {
    return this.call(() => this.adapter.script(this.client, READ, [one, two], []));
  }
}

// One waits in BLPOP, another pushes a moment later.
class Blocking extends Kind {
  pusher = null;

  async step(tag) {
    this.pusher ??= await this.call(() => this.adapter.connect());
    const [key, began, kills] = [`{${tag}}list`, now(), this.ledger.kills];
    const popped = this.ledger.value(key);
    const floor = popped.floor;
    const waiting = this.call(() => this.adapter.blpop(this.client, key, BLOCK_S), "pop").catch(() => Failed);
    await sleep(Math.random() * 500);
    popped.tried += 1;
    const words = [PUSH, [key, `{${tag}}pushed`], [String(popped.tried)]];
    const pushing = this.call(() => this.adapter.script(this.pusher, ...words), "push");
    const pushed = await pushing.then(() => true, () => false);
    const got = await waiting;
    if (got === Failed) throw new Failed();
    if (got === null || got === undefined) {
      // A pop whose reply was lost with its connection has happened; without that nothing gets lost.
      if (pushed && !this.ledger.disturbed(began, now(), ["kill", "failover"], GRACE_S))
        this.sayWrong(`${key}: ${popped.tried} was pushed and not popped within ${BLOCK_S} s`);
      return;
    }
    const number = Number(got);
    if (!(number > Math.min(floor, popped.floor) && number <= popped.tried))
      this.sayWrong(`${key}: popped ${got} after ${floor}, ${popped.tried} were pushed`);
    this.ledger.acknowledge(key, number, kills);
  }
}

module.exports = { Blocking, GRACE_S, Pipelined, Plain, Scripted, Transactional };
