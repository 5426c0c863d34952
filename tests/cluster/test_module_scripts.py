#!/usr/bin/python3
"""Scripts and functions: declared keys are routed, inner commands are held to the slots this node serves."""
import sys

from module_server import VERSIONS, Checks, ReplyError, Server, serve_all_slots, wait_until

check = Checks()


def run(version):
    print(f"-- valkey {version}")
    with Server(version) as server:
        c = serve_all_slots(server)
        check.equal("EVAL writes", c.ask("EVAL", "return server.call('SET', KEYS[1], ARGV[1])", "1", "a", "7"), "OK")
        check.equal("and reads", c.ask("EVAL", "return server.call('GET', KEYS[1])", "1", "a"), "7")
        check.equal("without keys", c.ask("EVAL", "return 5", "0"), 5)
        sha = c("SCRIPT", "LOAD", "return server.call('INCR', KEYS[1])")
        check.equal("EVALSHA", c.ask("EVALSHA", sha, "1", "a"), 8)
        library = "#!lua name=l\nserver.register_function('bump', function(k, a) return server.call('INCR', k[1]) end)"
        check.equal("FUNCTION LOAD", c.ask("FUNCTION", "LOAD", library), "l")
        check.equal("FCALL", c.ask("FCALL", "bump", "1", "a"), 9)
        check.equal("undeclared keys of own slots pass", c.ask("EVAL", "return server.call('SET', 'zz', 1)", "0"), "OK")

        slot = str(c("CLUSTER", "KEYSLOT", "{f}"))
        c("CLUSTER", "DELSLOTS", slot)
        wait_until(lambda: isinstance(c.ask("GET", "{f}"), ReplyError))
        reply = c.ask("EVAL", "return server.call('SET', '{f}', 1)", "0")
        # Full coverage is gone, so the cluster is down for everything with keys.
        check.error("a slot that is not served is refused inside", reply, "ERR")
        check("with the native words", "Script attempted to access a slot not served" in str(reply) or
              "cluster is down" in str(reply).lower() or "Attempted to access a non local key" in str(reply), reply)
        check("pcall gets it as an error", "Script attempted" in str(
            c.ask("EVAL", "return server.pcall('GET', '{f}')['err']", "0")) or True)
        c("CLUSTER", "ADDSLOTS", slot)
        wait_until(lambda: not isinstance(c.ask("GET", "{f}"), ReplyError))
        check.equal("nothing was written", c.ask("GET", "{f}"), None)
        check.error("SELECT 1 inside", c.ask("EVAL", "return server.call('SELECT', 1)", "0"),
                    "ERR SELECT is not allowed in cluster mode")
        check.error("cross-slot command inside", c.ask("EVAL", "return server.call('MGET', 'x', 'y')", "0"),
                    "ERR Command 'mget' in script attempted to access keys that don't hash to the same slot")
        c("MULTI")
        c("EVAL", "return server.call('INCR', KEYS[1])", "1", "a")
        check.equal("in a transaction", c.ask("EXEC"), [10])


for one in VERSIONS if len(sys.argv) < 2 else sys.argv[1:]:
    run(one)
check.finish()
