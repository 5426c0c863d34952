// What a voter owes: the highest ballot it promised (durable, invariant I1), whom it supports and until when
// (rule L1), its silence after a start (rule L7), and supports that were released before their time (rule
// L9).
#pragma once

#include <deque>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

class Promise {
 public:
  explicit Promise(std::int64_t drift_ppm = 0) : drift_ppm_(drift_ppm) {}

  const Ballot& promised() const { return promised_; }
  Duration ttl_max() const { return ttl_max_; }
  // After a start (rule L7); `ttl_max` was the largest T ever promised.
  void restore(const Ballot& promised, Duration ttl_max);
  void start_silence(Instant now);
  bool silent(Instant now) const { return now < silent_until_; }
  Instant silent_until() const { return silent_until_; }

  void promise(Instant now, const Ballot& ballot);
  bool raise_ttl(Duration ttl);  // true: it is larger than ever and must be durable before the answer
  void mark(PersistSequence sequence) { marks_.push_back({sequence, promised_}); }
  void on_persisted(PersistSequence upto);
  const Ballot& durable() const { return durable_; }

  // Rule L1: from `now` on this voter promises no ballot but `ballot` for ttl(1+drift).
  void support(Instant now, const Ballot& ballot, Duration ttl);
  // Rule L1 for a leader: it promises nothing until then, also after it stepped down.
  void lead_until(Instant until);
  // When rule L1 and L7 allow a promise to `ballot`; a past instant: now.
  Instant free_at(const Ballot& ballot) const;
  Instant free_at() const;  // for any ballot but the one supported
  Duration wait(Instant now, const Ballot& ballot) const;
  bool owes_another(Instant now, const Ballot& ballot) const;  // rule L1 alone
  // Recently promised to somebody who has not led yet: a courtesy to elections under way, no rule.
  Instant promised_at() const { return promised_at_; }

  // Rule L9: the leader of `ballot` gave it up. Its support is over but not forgotten.
  void release(const Ballot& ballot);
  // The leader itself: its deadline and the last of its grants are what it must not forget.
  void release_lead(const Ballot& ballot, Instant holders_until);
  bool is_released(const Ballot& ballot) const { return ballot == released_ && ballot.round != 0; }
  Duration released_for(Instant now) const;

 private:
  Instant owed_until(const Ballot& ballot) const;

  struct Mark {
    PersistSequence sequence;
    Ballot promised;
  };
  std::int64_t drift_ppm_ = 0;
  Ballot promised_;
  Ballot durable_;
  std::deque<Mark> marks_;
  Duration ttl_max_;
  Instant promised_at_ = Instant::long_ago();
  Instant silent_until_ = Instant::long_ago();
  Ballot supported_;
  Instant support_until_ = Instant::long_ago();
  Instant lead_until_ = Instant::long_ago();
  Ballot released_;
  Instant released_until_ = Instant::long_ago();
};

}  // namespace vswim::shard_log
