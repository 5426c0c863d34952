"""Where things are, and how a test says what it expects."""
import os
import pathlib
import time

from resp import RespError

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = pathlib.Path(os.environ.get("VSWIM_MODULE", ROOT / "build/release/libvalkey_swim.so"))
SERVERS = pathlib.Path(os.environ.get("VSWIM_SERVERS", ROOT / "build/servers"))
VERSION = os.environ.get("VSWIM_SERVER_VERSION", "8.0")
NATIVE = os.environ.get("VSWIM_NATIVE", "") not in ("", "0")
KEEP = os.environ.get("VSWIM_KEEP", "") not in ("", "0")
PRELOAD = os.environ.get("VSWIM_PRELOAD", "")
LIMIT_FACTOR = float(os.environ.get("VSWIM_LIMIT_FACTOR", "1"))

HOST = "127.0.0.1"
started_at = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started_at:7.2f}] {text}", flush=True)


class Skipped(Exception):
    """This test cannot run here; the reason is its text."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


def wait_until(condition, what, limit_s=30, every_s=0.03):
    """The first true value of condition(). Replies and connections that fail count as not yet."""
    deadline = time.monotonic() + limit_s * LIMIT_FACTOR
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (OSError, RespError) as problem:
            last = problem
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s * LIMIT_FACTOR:.0f} s: {what} (last: {last!r})")
        time.sleep(every_s)
