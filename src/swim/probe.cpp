#include "swim/probe.hpp"

#include <algorithm>

namespace vswim::swim {

bool Errands::add(const Errand& errand) {
  if (waiting_.size() >= errands_max) return false;
  const auto later = [](const Instant& ends_at, const Errand& other) { return ends_at < other.ends_at; };
  waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), errand.ends_at, later), errand);
  return true;
}

std::optional<Errand> Errands::answered(std::uint32_t sequence, const NodeId& target) {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const Errand& errand) {
    return errand.sequence == sequence && errand.target == target;
  });
  if (it == waiting_.end()) return std::nullopt;
  const Errand errand = *it;
  waiting_.erase(it);
  return errand;
}

std::vector<Errand> Errands::expired(Instant now) {
  const auto end = std::find_if(waiting_.begin(), waiting_.end(),
                                [&](const Errand& errand) { return errand.ends_at > now; });
  std::vector<Errand> gone(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  return gone;
}

Instant Errands::next_deadline() const {
  return waiting_.empty() ? Instant::never() : waiting_.front().ends_at;
}

}  // namespace vswim::swim
