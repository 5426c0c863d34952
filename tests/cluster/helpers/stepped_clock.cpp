// LD_PRELOAD, for tests only: a wall clock that somebody sets. STEPPED_CLOCK names a file of eight bytes, by
// how many nanoseconds this process sees it wrong; they may change at any time and outlive the process.
// Clocks that nobody can set (CLOCK_MONOTONIC, CLOCK_BOOTTIME) stay. Neither the servers nor the module wait
// for a wall time in the kernel, so that nothing else is to be bent.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// Null where it cannot be had: then the clock is right, and the test's first look at it fails.
const std::atomic<std::int64_t>* offset_file() {
  const char* path = getenv("STEPPED_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(memory);
}

int read_clock(clockid_t clock, timespec* at) {
  using Read = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Read>(dlsym(RTLD_NEXT, "clock_gettime"));
  static const auto* offset_ns = offset_file();
  const int result = real(clock, at);
  if (result != 0 || !offset_ns || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  const std::int64_t now =
      std::int64_t{at->tv_sec} * second_ns + at->tv_nsec + offset_ns->load(std::memory_order_relaxed);
  *at = {now / second_ns, now % second_ns};
  return 0;
}

}  // namespace

#define STEPPED_CLOCK_EXPORT extern "C" __attribute__((visibility("default")))

STEPPED_CLOCK_EXPORT int clock_gettime(clockid_t clock, timespec* at) noexcept {
  return read_clock(clock, at);
}

STEPPED_CLOCK_EXPORT int gettimeofday(timeval* at, void*) noexcept {
  timespec now{};
  const int result = read_clock(CLOCK_REALTIME, &now);
  if (result == 0) *at = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

STEPPED_CLOCK_EXPORT time_t time(time_t* at) noexcept {
  timespec now{};
  if (read_clock(CLOCK_REALTIME_COARSE, &now) != 0) return -1;
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
