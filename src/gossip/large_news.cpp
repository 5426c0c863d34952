#include "gossip/large_news.hpp"

#include <utility>

namespace vswim::gossip {

void LargeNews::add(BatchUpdate batch) {
  const std::size_t bytes = Gossip::encoded_bytes(batch);
  if (repair_ || bytes_ + bytes > bytes_max_) {  // a repair finds them all
    batches_.clear();
    bytes_ = 0;
    repair_ = true;
    return;
  }
  bytes_ += bytes;
  batches_.push_back(std::move(batch));
}

std::vector<BatchUpdate> LargeNews::take_batches() {
  bytes_ = 0;
  return std::exchange(batches_, {});
}

bool LargeNews::take(Instant now) {
  if (!waiting() || now < not_before_) return false;
  clear();
  not_before_ = now + pace_;
  return true;
}

void LargeNews::clear() {
  batches_.clear();
  bytes_ = 0;
  repair_ = false;
}

}  // namespace vswim::gossip
