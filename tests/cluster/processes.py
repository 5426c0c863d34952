"""Ports and processes that are ours alone, and their end.

No process outlives this one: atexit, signal handlers, and the kernel (PR_SET_PDEATHSIG) if both fail. Servers are
started by the main thread only, because the kernel's rule is about the thread that forked.
"""
import atexit
import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from expect import KEEP

BUS_OFFSET = 10000
# Below the ephemeral ports (32768 and up), never another's bus port, and never what could be read as a slot.
PORT_FIRST, PORT_LAST = 16400, 19999

# -- ports ---------------------------------------------------------------------------------------------------------

_port_locks = {}


def take_port(with_bus=True):
    """A port that is free with its bus port, and ours until this process ends, whoever else runs tests."""
    folder = pathlib.Path(tempfile.gettempdir()) / f"vswim-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for _ in range(2000):
        port = random.randint(PORT_FIRST, PORT_LAST)
        if port in _port_locks:
            continue
        lock = open(folder / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if port_is_free(port) and (not with_bus or port_is_free(port + BUS_OFFSET)):
            _port_locks[port] = lock
            return port
        lock.close()
    raise RuntimeError("no free port")


def port_is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if kind == socket.SOCK_STREAM else 0)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


# -- processes -----------------------------------------------------------------------------------------------------

running = {}  # pid -> Popen; every process this one started and has not seen end


def spawn(command, log, cwd, die_with_us=True):
    assert threading.current_thread() is threading.main_thread(), "servers are started by the main thread"
    if die_with_us:
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=cwd, start_new_session=True
        )
    running[process.pid] = process
    return process


def end_everything():
    for process in list(running.values()):
        if process.poll() is None:
            process.kill()
    for pid, process in list(running.items()):
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            print(f"pid {pid} does not end", file=sys.stderr)
        running.pop(pid, None)
    for folder in _folders:
        if not KEEP:
            shutil.rmtree(folder, ignore_errors=True)
    _folders.clear()


_folders = []
atexit.register(end_everything)


def _on_signal(number, _frame):
    sys.exit(128 + number)


for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_number, _on_signal)


def new_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vswim-test-"))
    _folders.append(folder)
    return folder


def let_live(folder, pids):
    """These processes (spawned with die_with_us=False) and their folder stay when this process ends."""
    for pid in pids:
        running.pop(pid)
    _folders.remove(folder)
