"""Real valkey-servers under test: each in a folder and on a port of its own, started and ended by pid only.

Environment:
  VSWIM_MODULE          the module (default build/release/libvalkey_swim.so)
  VSWIM_SERVERS         folder of the servers by version (default build/servers)
  VSWIM_SERVER_VERSION  8.0 (default), 8.1 or 9.1
  VSWIM_NATIVE=1        native cluster mode instead of the module: the same scenarios, to compare
  VSWIM_KEEP=1          leave the servers' folders (logs, state files) behind
  VSWIM_LIMIT_FACTOR    stretches every limit
  VSWIM_PRELOAD         libraries that servers start with (a module built with a sanitizer needs that one first); what it
                        then says in a server's log fails the test
What tests import comes from here; it lives in expect, processes, servers, clusters, resp and writer.
"""
import re
import signal
import sys
import time
import traceback

from clusters import Cluster  # noqa: F401
from expect import HOST, LIMIT_FACTOR, MODULE, NATIVE, PRELOAD, ROOT, VERSION, Skipped, check, equal, say, wait_until  # noqa: F401
from processes import BUS_OFFSET, new_folder, take_port  # noqa: F401
from resp import Client, RespError  # noqa: F401
from servers import Node, Server, cli, servers_of_this_test
from writer import ClusterClient, Writer, load_keys, missing_keys  # noqa: F401


def print_logs():
    for server in servers_of_this_test:
        state = "running" if server.alive() else f"ended {server.process.returncode if server.process else '-'}"
        print(f"---- {server} {state}: the last lines of its log")
        print(server.log_tail(40))
    sys.stdout.flush()


def check_sanitizers():
    """With a sanitizer preloaded: it has found nothing in any server of this test."""
    for server in servers_of_this_test if PRELOAD else ():
        log = server.log_path.read_text(errors="replace") if server.log_path.exists() else ""
        found = re.search(r"(ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:).*(\n.*){0,30}", log)
        check(not found, f"{server}: {found and found.group(0)}")


def end_servers():
    for server in [s for s in servers_of_this_test if not s.shared]:
        if server.alive():
            server.signal(signal.SIGKILL)
            server.wait_exit()
        servers_of_this_test.remove(server)


def main(*tests):
    """Runs these functions (or those whose names the command line gives), prints the count, exits 0, 1 or 77."""
    wanted = sys.argv[1:]
    passed = failed = skipped = 0
    for test in tests:
        if wanted and not any(re.search(w, test.__name__) for w in wanted):
            continue
        say(f"{test.__name__} ({'native' if NATIVE else 'module'}, {VERSION})")
        began = time.monotonic()
        try:
            test()
            check_sanitizers()
            passed += 1
            say(f"ok {test.__name__} ({time.monotonic() - began:.1f} s)")
        except Skipped as reason:
            skipped += 1
            say(f"skipped {test.__name__}: {reason}")
        except Exception:  # noqa: BLE001 - every failure is reported the same way
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print_logs()
            say(f"FAILED {test.__name__} ({time.monotonic() - began:.1f} s)")
        finally:
            end_servers()
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 77 if passed == 0 and skipped else 0)
