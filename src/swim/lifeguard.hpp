// Local health (Lifeguard, section IV-A): a node that misses answers it should have had, or is suspected
// itself, suspects itself first: it probes more slowly and waits longer. The multiplier is 1 (healthy) to
// `multiplier_max`.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace vswim::swim {

class LocalHealth {
 public:
  explicit LocalHealth(std::uint32_t multiplier_max) : multiplier_max_(std::max(multiplier_max, 1u)) {}

  void probe_answered() { multiplier_ = std::max(multiplier_, 2u) - 1; }
  // Relays that answer with a nack show that this node hears; only the silent ones speak against it. Without
  // any relay the miss itself does.
  void probe_missed(std::uint32_t relays_asked, std::uint32_t nacks) {
    worsen(relays_asked == 0 ? 1 : relays_asked - std::min(nacks, relays_asked));
  }
  void refuted_self() { worsen(1); }

  std::uint32_t multiplier() const { return multiplier_; }
  bool is_poor() const { return multiplier_ > 1 && multiplier_ > multiplier_max_ / 2; }
  Duration scaled(Duration duration) const { return duration * multiplier_; }

 private:
  void worsen(std::uint32_t by) { multiplier_ = std::min(multiplier_ + by, multiplier_max_); }

  std::uint32_t multiplier_max_;
  std::uint32_t multiplier_ = 1;
};

}  // namespace vswim::swim
