#include "shard_log/promise.hpp"

#include <algorithm>

#include "base/mutation.hpp"

namespace vswim::shard_log {

namespace {
std::int64_t drift(std::int64_t ppm) { return VSWIM_RULE(drift_silence) ? ppm : 0; }
}  // namespace

void Promise::restore(const Ballot& promised, Duration ttl_max) {
  promised_ = durable_ = promised;
  ttl_max_ = ttl_max;
}

void Promise::start_silence(Instant now) {
  if (VSWIM_RULE(l7)) silent_until_ = now + ttl_max_.scaled_ppm(drift(drift_ppm_));
}

void Promise::promise(Instant now, const Ballot& ballot) {
  promised_ = std::max(promised_, ballot);
  promised_at_ = now;
}

bool Promise::raise_ttl(Duration ttl) {
  if (ttl <= ttl_max_) return false;
  ttl_max_ = ttl;
  return true;
}

void Promise::on_persisted(PersistSequence upto) {
  while (!marks_.empty() && marks_.front().sequence <= upto) {
    durable_ = marks_.front().promised;
    marks_.pop_front();
  }
}

void Promise::support(Instant now, const Ballot& ballot, Duration ttl) {
  const auto until = now + ttl.scaled_ppm(drift(drift_ppm_));
  support_until_ = supported_ == ballot ? std::max(support_until_, until) : until;
  supported_ = ballot;
}

void Promise::lead_until(Instant until) { lead_until_ = std::max(lead_until_, until); }

Instant Promise::owed_until(const Ballot& ballot) const {
  if (!VSWIM_RULE(l1)) return Instant::long_ago();
  return supported_ == ballot ? lead_until_ : std::max(lead_until_, support_until_);
}

Instant Promise::free_at(const Ballot& ballot) const { return std::max(silent_until_, owed_until(ballot)); }

bool Promise::owes_another(Instant now, const Ballot& ballot) const { return owed_until(ballot) > now; }

Instant Promise::free_at() const {
  return VSWIM_RULE(l1) ? std::max({silent_until_, lead_until_, support_until_}) : silent_until_;
}

Duration Promise::wait(Instant now, const Ballot& ballot) const {
  const auto free = free_at(ballot);
  return free > now ? free - now : Duration{};
}

void Promise::release(const Ballot& ballot) {
  if (supported_ == ballot) {
    released_until_ = std::max(released_until_, support_until_);
    support_until_ = Instant::long_ago();
  }
  released_ = std::max(released_, ballot);
}

void Promise::release_lead(const Ballot& ballot, Instant holders_until) {
  released_until_ = std::max({released_until_, lead_until_, holders_until});
  lead_until_ = Instant::long_ago();
  release(ballot);
}

Duration Promise::released_for(Instant now) const {
  if (!VSWIM_RULE(l9) || released_until_ <= now) return {};
  return released_until_ - now;
}

}  // namespace vswim::shard_log
