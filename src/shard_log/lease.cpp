#include "shard_log/lease.hpp"

#include <algorithm>

#include "base/mutation.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::size_t asked_max = 64;  // requests that an answer may still be under way for
}

Duration LeaseTerms::shortened(Duration d) const {
  return d.scaled_ppm(VSWIM_RULE(drift_lease) ? -drift_ppm : 0);
}
Duration LeaseTerms::lengthened(Duration d) const {
  return d.scaled_ppm(VSWIM_RULE(drift_lease) ? drift_ppm : 0);
}

Instant LeaseTerms::leader_deadline(Instant reached) const { return reached + shortened(ttl) - slack; }

Duration LeaseTerms::grant(Instant now, Instant deadline) const {
  if (deadline <= now) return {};
  return std::min(ttl, deadline - now);
}

Instant LeaseTerms::member_deadline(Instant asked, Duration d) const { return asked + shortened(d) - slack; }

Instant LeaseTerms::held_until(Instant now, Duration d) const { return now + lengthened(d); }

const Holder* LeaseTable::find(const NodeId& node) const {
  const auto found = holders_.find(node);
  return found == holders_.end() ? nullptr : &found->second;
}

bool LeaseTable::report(const NodeId& node, StartNonce start, Revision shown) {
  auto& holder = holders_[node];
  if (VSWIM_RULE(l5)) {
    if (start < holder.start) return false;
    if (start > holder.start) {
      holder.start = start;
      holder.granted = {};
      holder.shown = 0;
    }
  }
  holder.shown = std::max(holder.shown, shown);
  return true;
}

void LeaseTable::granted(const NodeId& node, RequestNumber number, Instant until) {
  auto& holder = holders_[node];
  holder.until = std::max(holder.until, until);
  holder.granted = std::max(holder.granted, number);
}

bool LeaseTable::released(const NodeId& node, StartNonce start, RequestNumber number) {
  const auto found = holders_.find(node);
  if (found == holders_.end() || start < found->second.start) return false;
  if (VSWIM_RULE(l9) && start == found->second.start && found->second.granted > number) return false;
  found->second.until = Instant::long_ago();
  return true;
}

void LeaseTable::suspect(const NodeId& node, Instant until) {
  auto& holder = holders_[node];
  holder.until = std::max(holder.until, until);
}

Revision LeaseTable::settled(Instant now, Revision committed) const {
  if (!VSWIM_RULE(l4)) return committed;
  for (const auto& [node, holder] : holders_) {
    if (holder.until > now) committed = std::min(committed, holder.shown);
  }
  return committed;
}

Instant LeaseTable::blocked_until(Instant now, Revision revision) const {
  auto until = Instant::never();
  for (const auto& [node, holder] : holders_) {
    if (holder.until > now && holder.shown < revision) until = std::min(until, holder.until);
  }
  return until;
}

Instant LeaseTable::last_end() const {
  auto until = Instant::long_ago();
  for (const auto& [node, holder] : holders_) until = std::max(until, holder.until);
  return until;
}

RequestNumber LeaseHolder::ask(Instant now) {
  last_ = last_.next();
  asked_.push_back({last_, now});
  if (asked_.size() > asked_max) asked_.pop_front();
  return last_;
}

std::optional<Instant> LeaseHolder::take(const LeaseTerms& terms, Instant now, RequestNumber number,
                                         Duration d) {
  if (number <= void_upto_) return std::nullopt;
  const auto found =
      std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) { return asked.number == number; });
  if (found == asked_.end()) return std::nullopt;
  const auto deadline = terms.member_deadline(VSWIM_RULE(l3) ? found->at : now, d);
  asked_.erase(asked_.begin(), found);  // a duplicate of this grant changes nothing, older ones are of no use
  if (deadline <= until_ || deadline <= now) return std::nullopt;
  until_ = deadline;
  return deadline;
}

RequestNumber LeaseHolder::drop() {
  void_upto_ = last_;
  asked_.clear();
  until_ = Instant::long_ago();
  return last_;
}

}  // namespace vswim::shard_log
