// A story: a formed cluster, things that happen to it, and what must be true afterwards. Whatever the story
// is about, no invariant may have been broken on the way.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sim/cluster.hpp"
#include "sim/formation.hpp"

namespace story {

using namespace vswim;
using namespace vswim::sim;

struct Story {
  Cluster cluster;
  Formed formed;

  explicit Story(const Shape& shape, std::uint64_t seed = 1, Duration lease_ttl = seconds(1))
      : cluster(ClusterSettings{seed, lease_ttl, 700'000}) {
    formed = form(cluster, shape);
    INFO("formation: " << formed.stage);
    tell();
    REQUIRE(formed.ok);
  }
  ~Story() {
    tell();
    CHECK(cluster.oracle().violations.empty());
  }

  void tell() {
    for (const auto& violation : cluster.oracle().violations.first()) {
      UNSCOPED_INFO(violation.invariant << " " << violation.node << " at " << violation.at.ns / 1'000'000
                                        << " ms: " << violation.reason);
    }
  }
  NodeIndex primary(std::size_t shard) { return formed.shards[shard][0]; }
  NodeIndex replica(std::size_t shard, std::size_t number = 1) { return formed.shards[shard][number]; }
  // A key of that shard, and writing it at a node that must serve.
  std::string key_of(std::size_t shard, int number = 0) {
    for (int i = 0, found = 0;; ++i) {
      std::string key = "key:" + std::to_string(i);
      const auto slot = core::key_slot(key);
      const auto shards = formed.shards.size();
      const bool mine =
          slot >= core::slot_count * shard / shards && slot < core::slot_count * (shard + 1) / shards;
      if (mine && found++ == number) return key;
    }
  }
  void write(std::size_t shard, NodeIndex node, int number = 0) {
    const auto decision = cluster.write(node, key_of(shard, number), "value");
    CHECK(decision == core::Decision::serve);
  }
  bool serves_again(std::size_t shard, Duration limit = seconds(10)) {
    return cluster.wait_until([&] { return cluster.primary_of(formed.ids[shard]).has_value(); }, limit,
                              milliseconds(1));
  }
  bool whole_again(Duration limit = seconds(90)) {
    return cluster.wait_until([&] { return all_serve(cluster, formed) && replicas_follow(cluster, formed); },
                              limit);
  }
};

}  // namespace story
