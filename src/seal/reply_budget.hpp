// How many answers one source may draw from us before it has proven anything: a token bucket each, in a table
// of fixed size (two sources may share a bucket: a stranger then costs a stranger).
#pragma once

#include <array>
#include <cstdint>

#include "base/address.hpp"
#include "base/hash.hpp"
#include "base/time.hpp"

namespace vswim::seal {

class ReplyBudget {
 public:
  bool take(Instant now, const Address& source) {
    auto& bucket =
        buckets_[hash64({reinterpret_cast<const char*>(source.ip.data()), source.ip.size()}, source.port) %
                 buckets_.size()];
    const auto earned = (now - bucket.since) / interval.ns;
    if (earned.ns >= burst) {
      bucket = {now, burst};
    } else if (earned.ns > 0) {
      bucket.since = bucket.since + interval * earned.ns;
      bucket.left = bucket.left + earned.ns > burst ? burst : bucket.left + earned.ns;
    }
    if (bucket.left == 0) return false;
    --bucket.left;
    return true;
  }

 private:
  static constexpr Duration interval = milliseconds(20);
  static constexpr std::int64_t burst = 20;
  struct Bucket {
    Instant since = Instant{};
    std::int64_t left = burst;
  };
  std::array<Bucket, 1'024> buckets_{};
};

}  // namespace vswim::seal
