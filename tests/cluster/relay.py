#!/usr/bin/python3
"""A cable with jitter, for kernels without tc's netem: two TAP devices, one here and one in another process' network
namespace, and every frame waits for a random time of its own, so that frames overtake each other.

usage: relay.py <name here> <pid there> <jitter ms>     (the other end is called eth0)
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0002, 0x1000, 0x40000000


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def enter(path):
    namespace = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), path)
    os.close(namespace)


def main():
    name, pid, jitter_ms = sys.argv[1], sys.argv[2], float(sys.argv[3])
    here = tap(name)
    enter(f"/proc/{pid}/ns/net")
    there = tap("eth0")
    other, waiting, number = {here: there, there: here}, [], 0
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for device in select.select([here, there], [], [], timeout)[0]:
            try:
                frame = os.read(device, 65536)
            except OSError:
                continue  # not up yet
            number += 1
            due = time.monotonic() + random.uniform(0, jitter_ms / 1000)
            heapq.heappush(waiting, (due, number, other[device], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, device, frame = heapq.heappop(waiting)
            try:
                os.write(device, frame)
            except OSError:
                pass  # a cable loses what nobody takes


if __name__ == "__main__":
    main()
