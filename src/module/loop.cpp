#include "module/loop.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace vswim::module {

Loop::~Loop() {
  if (event_ >= 0) close(event_);
  if (timer_ >= 0) close(timer_);
}

bool Loop::open(const Api& api, LoopFunction turn) {
  event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  timer_ = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  return event_ >= 0 && timer_ >= 0 && api.EventLoopAdd(event_, loop_readable, turn, nullptr) == api_ok &&
         api.EventLoopAdd(timer_, loop_readable, turn, nullptr) == api_ok;
}

void Loop::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      write(event_, &one, sizeof one);  // full counter: a wake is pending anyway
}

void Loop::arm(Instant at) {
  if (at == armed_) return;
  armed_ = at;
  const std::int64_t ns = at.ns < 1 ? 1 : at.ns;  // 0 would disarm
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Loop::consume() const {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = read(event_, &count, sizeof count);
  got = read(timer_, &count, sizeof count);
}

}  // namespace vswim::module
