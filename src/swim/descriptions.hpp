// What is said about a member apart from its status, each different saying once: whoever holds the record of
// a life holds a number of this pool. The nodes that are simulated in one process share a pool, so that ten
// thousand tables of ten thousand members fit; a real node has its own. About 120 bytes a member.
// Invariant: a number is valid as long as someone holds it; equal descriptions have one number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "swim/messages.hpp"

namespace vswim::swim {

struct Description {
  NodeId id;
  Life life;
  Address address;
  ShardId shard;
  Epoch shard_epoch;
  friend bool operator==(const Description&, const Description&) = default;
};

class Descriptions {
 public:
  using Number = std::uint32_t;

  Descriptions();

  Number hold(const Description& description);  // counted once more
  void let_go(Number number);
  const Description& at(Number number) const {
    return (*chunks_[number / chunk_size])[number % chunk_size].description;
  }
  std::size_t size() const { return used_ - free_.size(); }

 private:
  struct Entry {
    Description description;
    std::uint32_t holders = 0;
  };
  static constexpr std::size_t chunk_size = 64;
  static constexpr Number nobody = 0xffff'ffff;

  Entry& entry(Number number) { return (*chunks_[number / chunk_size])[number % chunk_size]; }
  std::size_t bucket_of(const Description& description) const;
  void index(Number number);
  void unindex(Number number);
  void grow_index();

  std::vector<std::unique_ptr<std::array<Entry, chunk_size>>> chunks_;
  std::uint32_t used_ = 0;
  std::vector<Number> free_;
  std::vector<Number> index_;  // open addressing, power of two, at most half full
};

}  // namespace vswim::swim
