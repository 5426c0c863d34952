// What a set of keyed entries comes to, bucket by bucket: the keys' hash tells the bucket, and a bucket's
// digest is the sum of its entries' hashes. Two who hold the same entries in a bucket have the same digest of
// it, in whatever order those came; so whoever compares digests knows which keys may differ without naming
// one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vswim::gossip {

class BucketDigests {
 public:
  // At most 32 KB of digests; at least a few, so that a small set does not travel whole for one entry.
  static constexpr std::size_t buckets_min = 16, buckets_max = 4'096;
  // A bucket is sent as a whole: with so many entries in it, it is as large as the digests that told it apart
  // from a few hundred others.
  static constexpr std::size_t entries_per_bucket = 16;

  static std::size_t buckets_for(std::size_t entries);
  static bool is_valid_count(std::size_t buckets);
  // Sums as a peer sent them; nothing unless their number is valid.
  static std::optional<BucketDigests> from(std::vector<std::uint64_t> sums);

  BucketDigests() = default;  // says nothing
  explicit BucketDigests(std::size_t buckets) : sums_(buckets) {}

  void add(std::string_view key, std::uint64_t share) { sums_[bucket_of(key)] += share; }
  // Both of the same number of buckets.
  bool is_same_at(std::string_view key, const BucketDigests& other) const;

  bool empty() const { return sums_.empty(); }
  std::size_t size() const { return sums_.size(); }
  const std::vector<std::uint64_t>& sums() const { return sums_; }
  friend bool operator==(const BucketDigests&, const BucketDigests&) = default;

 private:
  std::size_t bucket_of(std::string_view key) const;

  std::vector<std::uint64_t> sums_;
};

}  // namespace vswim::gossip
