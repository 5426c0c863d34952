// Batches that are told around: least sent first, the newest before others at equal count, each a limited
// number of times, as their writer made them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "gossip/gossip.hpp"

namespace vswim::gossip {

// How often a rumour is sent in a cluster of this many members (SWIM's lambda log N).
std::uint32_t transmissions(std::uint32_t multiplier, std::size_t members);

class RumourQueue {
 public:
  explicit RumourQueue(std::size_t rumours_max) : rumours_max_(rumours_max) {}

  void push(BatchUpdate batch);
  // Picks for one datagram. A batch for which `is_current` is false has nothing left to tell and is dropped.
  std::vector<BatchUpdate> fill(std::size_t bytes, std::uint32_t transmissions_max,
                                const std::function<bool(const BatchUpdate&)>& is_current);
  bool empty() const { return rumours_.empty(); }
  std::size_t size() const { return rumours_.size(); }
  void clear() { rumours_.clear(); }

 private:
  struct Rumour {
    BatchUpdate batch;
    std::size_t bytes = 0;
  };
  // Sent so often, then newest first (age counts down).
  using Order = std::pair<std::uint32_t, std::uint64_t>;

  std::size_t rumours_max_;
  std::uint64_t next_age_ = ~std::uint64_t{0};
  std::map<Order, Rumour> rumours_;
};

}  // namespace vswim::gossip
