"""usage: benchmark.py <valkey-benchmark> <port,...> <resp> <seconds that are a hang> <tag>...

The same as program.py for valkey-benchmark --cluster: a call is a short run of it. It shows no values, so what is checked is
that a run ends, that it completed all its requests if it says that it succeeded, and what it complains about.
"""
import json
import os
import re
import subprocess
import sys
import threading

from ledger import Ledger
from story import Failed, Kind

REQUESTS = 200
PAUSE_S = 0.2
KINDS = {  # of several commands, separated by ";", 9.1 can do sequences; 8.0 cannot
    "plain": ["-t", "set,get,incr,lpush"],
    "pipelined": ["-P", "8", "-t", "set,get,incr,lpush"],
    "transactional": ["--", "multi", ";", "set", "a:{tag}:__rand_int__", "__data__", ";", "incr", "b:{tag}", ";", "exec"],
    "scripted": ["eval", "return server.call('INCR', KEYS[1])", "1", "script:{tag}:__rand_int__"],
    "blocking": ["blpop", "list:{tag}:__rand_int__", "0.01"],
    "pubsub": ["spublish", "channel:{tag}", "message"],
}


def processor_time_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Runs(Kind):
    """Runs of one kind; the steps are called by main, one kind after the other."""

    def __init__(self, name, program, ports, resp, ledger, hang_s):
        super().__init__(None, ledger, [], hang_s)
        self.called, self.program, self.ports, self.resp = name, program, ports, resp
        self.requests = 0

    def step(self, number):
        port = self.ports[number % len(self.ports)]
        command = [self.program, "--cluster", "-h", "127.0.0.1", "-p", port, "-c", "6", "-n", str(REQUESTS), "-r", "1000", "-q"]
        try:
            self.call(self.benchmark, command + ["-3"] * (self.resp == "3") + KINDS[self.called])
        except Failed:
            pass

    def benchmark(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            output, _ = process.communicate(timeout=self.hang_s)
        except subprocess.TimeoutExpired:
            busy = processor_time_s(process.pid) > self.hang_s / 10
            process.kill()
            process.communicate()
            if busy:  # who waits for an answer needs no processor
                raise RuntimeError("it never ends, and keeps a processor busy") from None
            self.hangs += 1
            raise RuntimeError("it never ends, and waits") from None
        said = re.sub(r"[\r\n]+", "\n", output)
        complaints = [line for line in said.splitlines() if re.search(r"error|could not|closed|refused|fail|ERR ", line, re.I)]
        if process.returncode != 0 or complaints:
            raise RuntimeError(f"exit {process.returncode}, " + "; ".join(complaints[:2] or said.splitlines()[-2:]))
        rates = len(re.findall(r"requests per second, p50", said))
        if not rates:
            self.say_wrong(f"exit 0 without a result: {said[-200:]}")
        self.requests += REQUESTS * rates


def main():
    program, ports, resp, hang_s = sys.argv[1], sys.argv[2].split(","), sys.argv[3], float(sys.argv[4])
    ledger, told = Ledger(), {}
    kinds = [Runs(name, program, ports, resp, ledger, hang_s) for name in KINDS]
    if "--sequential" not in subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout:
        told["transactional"] = {"not offered": "this version runs a single command"}
        kinds = [kind for kind in kinds if kind.called != "transactional"]
    stopped = threading.Event()

    def listen():
        for line in sys.stdin:
            event = json.loads(line)
            if event["event"] == "stop":
                break
            ledger.event(event)
            print("noted", flush=True)
        stopped.set()

    threading.Thread(target=listen, daemon=True).start()
    number, ready = 0, False
    while not stopped.is_set():
        for kind in kinds:
            kind.step(number)
            number += 1
            stopped.wait(PAUSE_S)
            if not ready and all(kind.ok for kind in kinds):
                ready = True
                print("ready", flush=True)
    for kind in kinds:
        before = kind.ok
        kind.step(number)  # once more, now that all is quiet
        told[kind.called] = {**kind.told(), "recovered": kind.ok > before, "requests": kind.requests}
    print(json.dumps(told), flush=True)


main()
