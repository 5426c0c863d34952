// One kind of use: it repeats its step until told to stop, and counts what became of its calls.
const { now } = require("./ledger.js");

const PAUSE_MS = 40; // between two steps of a kind: the machine is small
const AFTER_ERROR_MS = 100;

class Failed extends Error {} // this call ended with an error, which is counted; the step ends

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = (list) => list[Math.floor(Math.random() * list.length)];

// An error's kind and words without what changes each time.
function textOf(problem) {
  const text = `${problem?.constructor?.name}: ${problem?.message ?? problem}`.replace(/\n/g, " ");
  const cause = problem?.cause?.message ?? problem?.lastNodeError?.message;
  return (text + (cause ? ` (${cause})` : "")).replace(/[0-9a-f]{40}/g, "<id>").replace(/\d+/g, "N").slice(0, 160);
}

// By its text and by what was done to the cluster when it came.
function countError(errors, problem, ledger, what) {
  const when = (errors[textOf(problem) + (what ? ` [${what}]` : "")] ??= {});
  const goingOn = ledger.goingOn();
  when[goingOn] = (when[goingOn] ?? 0) + 1;
}

class Kind {
  calls = 0;
  ok = 0;
  hangs = 0;
  errors = {};
  wrong = [];
  extra = {};
  stopping = false;
  lastOk = 0;
  client = null;

  constructor(label, adapter, ledger, tags, hangS) {
    Object.assign(this, { label, adapter, ledger, tags, hangS });
  }

  // `start` makes the promise of one call. A call that takes too long is a hang; the step ends, the call is left behind.
  // `what` tells the calls of a kind apart in the report, where they differ.
  async call(start, what) {
    this.calls += 1;
    let timer;
    const hang = new Promise((resolve) => (timer = setTimeout(() => resolve(Failed), this.hangS * 1000)));
    let reply;
    try {
      reply = await Promise.race([start(), hang]);
    } catch (problem) {
      this.error(problem, what);
      throw new Failed();
    } finally {
      clearTimeout(timer);
    }
    if (reply === Failed) {
      this.hangs += 1;
      (this.extra.hangs_in ??= []).push(what ?? String(start).slice(0, 80));
      throw new Failed();
    }
    this.ok += 1;
    this.lastOk = now();
    return reply;
  }

  // One call with several replies; with an error among them it did not succeed.
  async batch(start) {
    const replies = await this.call(start);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) {
      this.ok -= 1;
      this.error(problem);
    }
    return replies;
  }

  error(problem, what) {
    countError(this.errors, problem, this.ledger, what);
  }

  sayWrong(text) {
    if (this.wrong.length < 50) this.wrong.push(text);
  }

  // A reply that shows the key's value: not behind what must be there.
  check(key, found, floorBefore) {
    const floor = Math.min(floorBefore, this.ledger.value(key).floor);
    const number = Number(found ?? 0);
    if (!(number >= floor)) this.sayWrong(`${key} is ${found}, ${floor} was acknowledged`);
    return number;
  }

  async run() {
    while (!this.stopping) {
      try {
        this.client ??= await this.call(() => this.adapter.connect());
        await this.step(pick(this.tags));
      } catch (problem) {
        if (!(problem instanceof Failed)) this.sayWrong(`${textOf(problem)} ${problem.stack?.split("\n")[1]}`);
        await sleep(AFTER_ERROR_MS);
      }
      await sleep(Math.random() * 2 * PAUSE_MS);
    }
  }

  finish() {} // called once, when all is quiet

  told() {
    const { calls, ok, errors, hangs, wrong } = this;
    return { calls, ok, errors, hangs, wrong, recovered: now() - this.lastOk < 4, ...this.extra };
  }
}

module.exports = { Failed, Kind, countError, pick, sleep, textOf };
