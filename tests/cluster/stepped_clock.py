"""The wall clock of one server, as if somebody set it while the server runs; other clocks stay (helpers/stepped_clock.cpp).

What a stepped server writes into its log is dated by a clock that shows some times twice. We know at which place in
the log each step came, and date lines back by it.
"""
import bisect
import mmap
import struct
from collections import namedtuple

from expect import MODULE, Skipped
from history import now

LIBRARY = MODULE.parent / "stepped_clock.so"
SHORTEST_STEP_S = 60
SLACK_S = SHORTEST_STEP_S / 4  # from dating a line to writing it; less than any step, so that it decides nothing wrongly

Setting = namedtuple("Setting", "log_size since wrong_by")  # seconds of CLOCK_BOOTTIME; seconds


class SteppedClock:
    """Made before its server is started. The clock stays wrong when the server is started again."""

    def __init__(self, server):
        if not LIBRARY.exists():
            raise Skipped(f"{LIBRARY} is not built")
        self.log_path = server.log_path
        path = server.folder / "clock-offset"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self.offset_ns = mmap.mmap(file.fileno(), 8)
        server.preloads.append(LIBRARY)
        server.environment["STEPPED_CLOCK"] = path
        server.clock = self
        self.settings = [Setting(0, 0.0, 0)]

    @property
    def wrong_by(self):
        return self.settings[-1].wrong_by

    def step(self, seconds):
        assert abs(seconds) >= SHORTEST_STEP_S
        wrong_by = self.wrong_by + seconds
        size = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.settings.append(Setting(size, now(), wrong_by))
        self.offset_ns[:] = struct.pack("q", wrong_by * 1_000_000_000)

    def true_time(self, shown, log_position):
        """`shown`: what the line at this place in the log is dated, on a clock that differs from CLOCK_BOOTTIME by nothing
        but the steps."""
        last = bisect.bisect_right([s.log_size for s in self.settings], log_position)
        for index in range(last - 1, -1, -1):  # a line may be dated before a step and written after it
            setting = self.settings[index]
            until = self.settings[index + 1].since if index + 1 < len(self.settings) else now()
            if setting.since - SLACK_S <= shown - setting.wrong_by <= until + SLACK_S:
                return shown - setting.wrong_by
        raise AssertionError(f"a log line dated {shown}, of none of {self.settings}")
