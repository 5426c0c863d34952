"""Stops one thread of a process and no other, as a kernel under pressure may: ptrace. The thread that stops it must be the one
that lets it go."""
import contextlib
import ctypes
import os
import pathlib

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WAIT_FOR_A_THREAD = 0x40000000  # __WALL
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {thread}")


def thread_named(process, name):
    threads = pathlib.Path(f"/proc/{process}/task")
    return next(int(t.name) for t in threads.iterdir() if (t / "comm").read_text().strip() == name)


@contextlib.contextmanager
def stopped_thread(process, name):
    thread = thread_named(process, name)
    ptrace(SEIZE, thread)
    ptrace(INTERRUPT, thread)
    os.waitpid(thread, WAIT_FOR_A_THREAD)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the process is gone
            ptrace(DETACH, thread)


def state_of(process, name):
    """One letter: "t" is stopped by a tracer."""
    text = pathlib.Path(f"/proc/{process}/task/{thread_named(process, name)}/stat").read_text()
    return text.rsplit(")", 1)[1].split()[0]
