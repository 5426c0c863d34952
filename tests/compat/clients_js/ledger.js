// What a reader may see of values that one writer counts up, when primaries are killed meanwhile: clients_py/ledger.py says
// how that is known, this is the same in JavaScript.
const FAULTS = ["move", "kill", "failover"]; // other disturbances only tell more of these
const KEPT = 400;

function now() {
  return (performance.timeOrigin + performance.now()) / 1000; // the driver's clock: seconds since 1970
}

class Ledger {
  values = new Map();
  kills = 0; // counted up when a kill begins and when it is done
  killing = false;
  disturbances = [];

  value(key) {
    if (!this.values.has(key)) this.values.set(key, { tried: 0, floor: 0, acknowledged: [] });
    return this.values.get(key);
  }

  acknowledge(key, number, killsAtBegin) {
    const value = this.value(key);
    value.acknowledged.push([now(), number]);
    if (value.acknowledged.length > KEPT) value.acknowledged.shift();
    if (killsAtBegin === this.kills && !this.killing) value.floor = Math.max(value.floor, number);
  }

  event(event) {
    if (event.event === "kill") {
      this.kills += 1;
      this.killing = true;
      for (const value of this.values.values()) {
        const survived = value.acknowledged.filter(([at, n]) => at < event.since && n <= value.floor);
        value.floor = Math.max(0, ...survived.map(([, n]) => n));
      }
    } else if (event.event === "killed") {
      this.kills += 1;
      this.killing = false;
    } else if (event.event === "begin") {
      this.disturbances.push({ what: event.what, begin: now(), end: null });
    } else if (event.event === "end") {
      for (const one of this.disturbances) if (one.what === event.what && one.end === null) one.end = now();
    }
  }

  // What the driver is doing at this moment, as words for the report.
  goingOn() {
    const words = this.disturbances.filter(({ what, end }) => end === null && FAULTS.includes(what)).map((one) => one.what);
    return [...new Set(words)].sort().join("+") || "nothing";
  }

  disturbed(begin, end, kinds, graceS) {
    return this.disturbances.some(
      (one) => kinds.includes(one.what) && one.begin - 0.5 <= end && (one.end === null || begin <= one.end + graceS),
    );
  }
}

module.exports = { Ledger, now };
