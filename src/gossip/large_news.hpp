// News too large for rumours that is to be streamed to a few members at once: whole batches while they are
// few, else the fact that a repair with them is due. Repairs are paced.
#pragma once

#include <vector>

#include "gossip/gossip.hpp"

namespace vswim::gossip {

class LargeNews {
 public:
  LargeNews(std::size_t bytes_max, Duration pace) : bytes_max_(bytes_max), pace_(pace) {}

  void add(BatchUpdate batch);
  void add_repair() { repair_ = true; }
  std::vector<BatchUpdate> take_batches();
  bool take(Instant now);
  Instant next_deadline() const { return waiting() ? not_before_ : Instant::never(); }
  void clear();

 private:
  bool waiting() const { return repair_ || !batches_.empty(); }

  std::size_t bytes_max_;
  Duration pace_;
  std::vector<BatchUpdate> batches_;
  std::size_t bytes_ = 0;
  bool repair_ = false;
  Instant not_before_ = Instant::long_ago();
};

}  // namespace vswim::gossip
