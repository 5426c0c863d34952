#include "gossip/root_watch.hpp"

#include <algorithm>

namespace vswim::gossip {

namespace {

constexpr std::uint32_t patience = 3;       // exchanges, and periods
constexpr std::uint32_t doublings_max = 5;  // at most 32 times the patience between repairs

}  // namespace

bool RootWatch::lasts(const Streak& streak, Instant now) const {
  return streak.exchanges >= patience && now - streak.since >= period_ * patience;
}

RootWatch::Streak& RootWatch::streak_of(Instant now, const NodeId& peer) {
  if (peers_.size() >= peers_max && !peers_.contains(peer)) {
    // Ids are drawn at random, so the next in their order is anybody.
    const auto next = peers_.lower_bound(peer);
    peers_.erase(next == peers_.end() ? peers_.begin() : next);
  }
  Streak& streak = peers_[peer];
  if (streak.exchanges == 0) streak.since = now;
  return streak;
}

bool RootWatch::on_root(Instant now, const NodeId& peer, bool equal) {
  if (equal) {
    peers_.erase(peer);
    everybody_ = {};
    fruitless_ = 0;
    return false;
  }
  if (everybody_.exchanges == 0) everybody_.since = now;
  Streak& streak = streak_of(now, peer);
  ++streak.exchanges;
  ++everybody_.exchanges;
  if (!(lasts(streak, now) || lasts(everybody_, now)) || now < next_repair_) return false;

  const std::int64_t wait = std::int64_t{patience} << std::min(fruitless_, doublings_max);
  next_repair_ = now + period_ * wait +
                 nanoseconds(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(period_.ns))));
  repairing_ = true;
  streak = {0, now};
  everybody_ = {0, now};
  return true;
}

// One that no repair asked for says nothing about repairs.
void RootWatch::on_repaired(bool brought_news) {
  if (brought_news) {
    fruitless_ = 0;
  } else if (repairing_) {
    ++fruitless_;
  }
  repairing_ = false;
}

void RootWatch::clear() {
  peers_.clear();
  everybody_ = {};
  fruitless_ = 0;
  repairing_ = false;
  next_repair_ = Instant::long_ago();
}

}  // namespace vswim::gossip
