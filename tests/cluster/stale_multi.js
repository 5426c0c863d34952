// A cluster client that has learned the slots is told (one line on stdin) that one of them has moved, then runs MULTI
// there. usage: node stale_multi.js <library> <port> <key>; prints "ready", then the result of EXEC as JSON.
const { Cluster } = require(process.argv[2]);
const [port, key] = [Number(process.argv[3]), process.argv[4]];
const client = new Cluster([{ host: "127.0.0.1", port }], { slotsRefreshInterval: 3600000, slotsRefreshTimeout: 5000 });
client.on("error", (problem) => console.error(String(problem)));

async function run() {
  await client.set(key, "0");
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const result = await client.multi().set(key, "1").incr(key).get(key).exec();
  console.log(JSON.stringify(result.map(([problem, value]) => (problem ? String(problem) : value))));
  client.disconnect();
  process.exit(0);
}
run().catch((problem) => {
  console.log("failed: " + problem);
  process.exit(1);
});
