// The arithmetic of rules L2 and L3, the leader's book of who may hold a lease (L3, L4, L5, L9, L10) and the
// member's side of it (L3, L8, L9). All margins for clock drift are taken here and nowhere else.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

struct LeaseTerms {
  Duration ttl;  // T
  std::int64_t drift_ppm = 0;
  Duration slack;

  Duration shortened(Duration d) const;                      // d(1-drift)
  Duration lengthened(Duration d) const;                     // d(1+drift)
  Instant leader_deadline(Instant reached) const;            // L2: reached + T(1-drift) - slack
  Duration grant(Instant now, Instant deadline) const;       // L3: min(T, D - now); not positive: none
  Instant member_deadline(Instant asked, Duration d) const;  // L3: asked + d(1-drift) - slack
  Instant held_until(Instant now, Duration d) const;         // L3: now + d(1+drift), on the leader's clock
};

constexpr std::uint32_t rank_unadvised = 1'000;  // Core has not said where it stands

// One node that holds, or may hold, a lease.
struct Holder {
  StartNonce start;
  Instant until = Instant::long_ago();
  RequestNumber granted;  // newest request that was granted
  Revision shown = 0;     // by this start (rule L5)
  std::uint32_t rank = rank_unadvised;
  Instant asked = Instant::long_ago();  // newest request for renewal
  std::optional<bool> reported_ended;   // what PeerLease said last
};

class LeaseTable {
 public:
  Holder& at(const NodeId& node) { return holders_[node]; }
  const Holder* find(const NodeId& node) const;
  const std::map<NodeId, Holder>& all() const { return holders_; }

  // Rule L5: a newer start voids the earlier one's reports. False: from a former life.
  bool report(const NodeId& node, StartNonce start, Revision shown);
  // Rule L3: the lease counts until then, from before the grant leaves.
  void granted(const NodeId& node, RequestNumber number, Instant until);
  // Rule L9: only what the release covers. True when the book changed.
  bool released(const NodeId& node, StartNonce start, RequestNumber number);
  // Rule L9: whoever might hold a lease of a released ballot.
  void suspect(const NodeId& node, Instant until);

  // Rule L4: the newest revision at most `committed` that every possible holder shows.
  Revision settled(Instant now, Revision committed) const;
  // When the first lease ends that keeps `revision` from being settled.
  Instant blocked_until(Instant now, Revision revision) const;
  Instant last_end() const;

 private:
  std::map<NodeId, Holder> holders_;
};

// This node's Core as a holder.
class LeaseHolder {
 public:
  RequestNumber ask(Instant now);
  // A grant's new deadline; nothing when it is for another request, released, or earlier than what is held.
  std::optional<Instant> take(const LeaseTerms& terms, Instant now, RequestNumber number, Duration d);
  RequestNumber
  drop();  // nothing asked so far will be used any more (rules L8, L9); the number to name in a release
  Instant until() const { return until_; }
  bool active(Instant now) const { return now < until_; }

 private:
  struct Asked {
    RequestNumber number;
    Instant at;
  };
  RequestNumber last_;
  RequestNumber void_upto_;
  std::deque<Asked> asked_;
  Instant until_ = Instant::long_ago();
};

}  // namespace vswim::shard_log
