#include "gossip/rumour_queue.hpp"

#include <algorithm>
#include <cmath>

namespace vswim::gossip {

namespace {
constexpr std::size_t smallest_rumour_bytes = 128;  // less room than this is not worth a search
constexpr std::size_t too_large_max = 16;  // so many that do not fit end the search for one that does
}  // namespace

std::uint32_t transmissions(std::uint32_t multiplier, std::size_t members) {
  const double scale = std::log10(static_cast<double>(members) + 1.0);
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::ceil(multiplier * scale)));
}

void RumourQueue::push(BatchUpdate batch) {
  const std::size_t bytes = Gossip::encoded_bytes(batch);
  rumours_.emplace(Order{0, next_age_--}, Rumour{std::move(batch), bytes});
  if (rumours_.size() > rumours_max_) rumours_.erase(std::prev(rumours_.end()));
}

std::vector<BatchUpdate> RumourQueue::fill(std::size_t bytes, std::uint32_t transmissions_max,
                                           const std::function<bool(const BatchUpdate&)>& is_current) {
  std::vector<BatchUpdate> picked;
  std::vector<std::pair<Order, Rumour>> again;
  std::size_t too_large = 0;
  for (auto at = rumours_.begin(); at != rumours_.end() && bytes >= smallest_rumour_bytes;) {
    if (at->second.bytes > bytes) {
      if (++too_large == too_large_max) break;
      ++at;
      continue;
    }
    if (!is_current(at->second.batch)) {
      at = rumours_.erase(at);
      continue;
    }
    bytes -= at->second.bytes;
    picked.push_back(at->second.batch);
    const std::uint32_t sent = at->first.first + 1;
    if (sent < transmissions_max) again.emplace_back(Order{sent, at->first.second}, std::move(at->second));
    at = rumours_.erase(at);
  }
  for (auto& [order, rumour] : again) rumours_.emplace(order, std::move(rumour));
  return picked;
}

}  // namespace vswim::gossip
