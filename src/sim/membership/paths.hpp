// Who hears whom, and how late: loss and delay of every pair, cuts, nodes that hear nothing or are heard by
// nobody. Streams lose nothing, a lost segment costs them time, and a sender's line carries so much a second.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"

namespace vswim::sim::membership {

struct NodePath {
  std::uint8_t side = 0;  // of a split: other sides are out of reach
  bool deaf = false;      // hears nothing
  bool mute = false;      // nobody hears it
  std::uint32_t loss_per_million = 0;
  Instant line_free_at{};  // when its line has sent what is queued
};

class Paths {
 public:
  Paths(std::uint32_t nodes, std::uint32_t loss_per_million, Rng rng)
      : nodes_(nodes), loss_per_million_(loss_per_million), rng_(rng) {}

  NodePath& of(std::uint32_t node) { return nodes_[node]; }
  bool is_cut(std::uint32_t from, std::uint32_t to) const {
    return nodes_[from].side != nodes_[to].side || nodes_[from].mute || nodes_[to].deaf;
  }
  // When it arrives; nothing: lost.
  std::optional<Instant> datagram(Instant now, std::uint32_t from, std::uint32_t to);
  std::optional<Instant> stream(Instant now, std::uint32_t from, std::uint32_t to, std::size_t bytes);

 private:
  bool loses(std::uint32_t from, std::uint32_t to);
  Duration delay();

  std::vector<NodePath> nodes_;
  std::uint32_t loss_per_million_;
  Rng rng_;
};

}  // namespace vswim::sim::membership
