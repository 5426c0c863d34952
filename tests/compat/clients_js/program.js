// usage: node program.js <ioredis|iovalkey|redis|@valkey/valkey-glide> <port,...> <resp> <seconds that are a hang> <tag>...
//
// Says "ready" when every kind of use had its first successes, reads events as JSON lines from stdin (the driver's
// clients_cluster.py sends them), and says at "stop", in one JSON line, what became of the calls of each kind.
const readline = require("node:readline");
const { Ledger } = require("./ledger.js");
const { sleep, textOf } = require("./kind.js");
const { Blocking, Pipelined, Plain, Scripted, Transactional } = require("./story.js");
const { PubSub } = require("./pubsub.js");

const ADAPTERS = {
  ioredis: "./ioredis.js",
  iovalkey: "./ioredis.js",
  redis: "./node_redis.js",
  "@valkey/valkey-glide": "./glide.js",
};
const KINDS = {
  plain: Plain,
  pipelined: Pipelined,
  transactional: Transactional,
  scripted: Scripted,
  blocking: Blocking,
  pubsub: PubSub,
};

const [library, ports, resp, hangS, ...tags] = process.argv.slice(2);
const unhandled = {}; // errors that reach nobody's call: the user of the library sees them, too

process.on("unhandledRejection", (problem) => (unhandled[textOf(problem)] = (unhandled[textOf(problem)] ?? 0) + 1));
process.on("uncaughtException", (problem) => (unhandled[textOf(problem)] = (unhandled[textOf(problem)] ?? 0) + 1));

async function run() {
  const { Adapter } = require(ADAPTERS[library]);
  const adapter = new Adapter(library, ports.split(",").map(Number), Number(resp));
  const ledger = new Ledger();
  const offered = Object.entries(KINDS).filter(([label]) => !adapter.notOffered?.[label]);
  const kinds = offered.map(([label, Class]) => new Class(label, adapter, ledger, tags, Number(hangS)));
  const running = kinds.map((kind) => kind.run());
  const lines = readline.createInterface({ input: process.stdin });
  const stopped = new Promise((resolve) => {
    lines.on("close", resolve);
    lines.on("line", (line) => {
      const event = JSON.parse(line);
      if (event.event === "stop") return resolve();
      ledger.event(event);
      console.log("noted");
    });
  });
  (async () => {
    while (!kinds.every((kind) => kind.ok > 1)) await sleep(50);
    console.log("ready");
  })();
  await stopped;
  for (const kind of kinds) kind.stopping = true;
  await Promise.race([Promise.all(running), sleep(Number(hangS) * 1000 + 1000)]);
  await sleep(500);
  const told = {};
  for (const [label, why] of Object.entries(adapter.notOffered ?? {})) told[label] = { "not offered": why };
  for (const kind of kinds) {
    kind.finish();
    told[kind.label] = kind.told();
  }
  if (Object.keys(unhandled).length) told.unhandled = unhandled;
  process.stdout.write(JSON.stringify(told) + "\n", () => process.exit(0));
}

run();
