#include "gossip/bucket_digests.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.hpp"
#include "base/hash.hpp"

namespace vswim::gossip {

std::size_t BucketDigests::buckets_for(std::size_t entries) {
  const std::size_t wanted = std::min(entries / entries_per_bucket, buckets_max);
  return std::max(std::bit_ceil(wanted), buckets_min);
}

bool BucketDigests::is_valid_count(std::size_t buckets) {
  return buckets >= buckets_min && buckets <= buckets_max && std::has_single_bit(buckets);
}

std::optional<BucketDigests> BucketDigests::from(std::vector<std::uint64_t> sums) {
  if (!is_valid_count(sums.size())) return std::nullopt;
  BucketDigests digests;
  digests.sums_ = std::move(sums);
  return digests;
}

bool BucketDigests::is_same_at(std::string_view key, const BucketDigests& other) const {
  VSWIM_ASSERT(size() == other.size(), "digests of as many buckets are compared");
  const std::size_t bucket = bucket_of(key);
  return sums_[bucket] == other.sums_[bucket];
}

std::size_t BucketDigests::bucket_of(std::string_view key) const {
  constexpr std::uint64_t seed = 0x6275636b6574;  // of no other hash of keys
  return static_cast<std::size_t>(hash64(key, seed)) & (sums_.size() - 1);
}

}  // namespace vswim::gossip
