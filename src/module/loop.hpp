// The module's place in the server's event loop: an eventfd that the node thread writes and a timer
// descriptor. Both are file events, because the server's timers stand still while it loads a data set.
#pragma once

#include "base/time.hpp"
#include "module/api.hpp"

namespace vswim::module {

class Loop {
 public:
  Loop() = default;
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // False when the system or the server refuses. `turn` is called on the main thread.
  bool open(const Api& api, LoopFunction turn);
  void wake() const;     // any thread, signal context too
  void arm(Instant at);  // absolute CLOCK_BOOTTIME
  void consume() const;  // reads both descriptors empty

 private:
  int event_ = -1;
  int timer_ = -1;
  Instant armed_ = Instant::never();
};

}  // namespace vswim::module
