// One node's state file on a simulated disk. Writes are done in order; each becomes durable after a latency
// and is reported only then. A crash loses what was not durable: of waiting appends any prefix may have
// reached the platter, a waiting rewrite either happened wholly or not at all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/rng.hpp"
#include "sim/scheduler.hpp"

namespace vswim::sim {

struct DiskPace {
  Duration latency_min = microseconds(100);
  Duration latency_max = microseconds(900);
};

class Disk {
 public:
  using Persisted = std::function<void(std::uint64_t sequence)>;

  Disk(Scheduler& scheduler, Rng rng) : scheduler_(&scheduler), rng_(rng) {}

  void write(std::uint64_t sequence, bool rewrite, std::string bytes, Persisted persisted);
  void crash();
  void wipe();
  void set_pace(const DiskPace& pace) { pace_ = pace; }
  void stall_until(WorldTime until);

  const std::string& contents() const { return contents_; }
  std::uint64_t torn_tails() const { return torn_tails_; }

 private:
  struct Waiting {
    std::uint64_t sequence = 0;
    bool rewrite = false;
    std::string bytes;
    Persisted persisted;
  };
  void schedule_head();
  void make_durable(const Waiting& write);

  Scheduler* scheduler_;
  Rng rng_;
  DiskPace pace_;
  WorldTime stalled_until_;
  std::uint64_t life_ = 0;  // completions of an earlier life are void
  std::uint64_t torn_tails_ = 0;
  std::string contents_;
  std::deque<Waiting> waiting_;
};

}  // namespace vswim::sim
