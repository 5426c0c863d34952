// The registers of one namespace, tombstones included, with the root of the live ones kept up to date. Owns
// the counter of revisions and the tombstones' horizon.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gossip/bucket_digests.hpp"
#include "gossip/gossip.hpp"

namespace vswim::gossip {

// The share of one live register in a root.
Hash128 digest(const Register& entry);

class RegisterMap {
 public:
  RegisterMap(const Settings& settings) : settings_(settings) {}

  // Registers as they are, tombstones included; nullptr when there is none.
  const Register* find(const std::string& key) const;
  // Whether `entry` would be applied: it supersedes what is here, or is new here and no tombstone that
  // expired here.
  bool is_news(const Register& entry) const;
  // Whether the live registers stay within their limit once these are applied. Keys may repeat.
  bool has_room_for(const std::vector<Register>& entries) const;
  void apply(Instant now, const Register& entry);  // must be news
  void expire(Instant now);
  Instant next_expiry() const;
  void clear();  // the counter stays

  std::uint64_t counter() const { return counter_; }  // the largest seen
  const Hash128& root() const { return root_; }
  std::size_t live_count() const { return live_count_; }
  std::size_t size() const { return registers_.size(); }
  std::vector<Register> all() const;
  // Tombstones included: they are what keeps an older value away.
  BucketDigests digests(std::size_t buckets) const;
  std::vector<Register> differing(const BucketDigests& theirs) const;
  std::vector<Register> live() const;

 private:
  struct Tombstone {
    Instant seen;
    std::string key;
    Revision revision;
  };
  void remove(const Tombstone& tombstone);

  Settings settings_;
  std::map<std::string, Register> registers_;
  std::deque<Tombstone>
      tombstones_;  // in the order they were seen; stale where the register was written again
  std::uint64_t counter_ = 0;
  std::uint64_t expired_counter_ = 0;  // the largest counter of a tombstone that expired here
  std::size_t live_count_ = 0;
  Hash128 root_;
};

}  // namespace vswim::gossip
