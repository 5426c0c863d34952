// Stories of who belongs to the cluster, and of what strangers send.
#include <algorithm>

#include "scenarios/story.hpp"

using namespace story;

TEST_CASE("garbage is counted and dropped, and nobody notices") {
  Story story({{2, 2}, 0}, 41);
  auto& cluster = story.cluster;
  const auto& counters = cluster.node(0).provider().counters();
  const auto refused = [&] {
    return counters.bad_checksum + counters.bad_format + counters.bad_version + counters.wrong_cluster;
  };
  const auto before = refused();
  for (int i = 0; i < 20; ++i) {
    cluster.garbage(0, 50);
    cluster.run_for(milliseconds(100));
    REQUIRE(cluster.serves(story.primary(0)));
  }
  CHECK(refused() >= before + 1'000);
}

TEST_CASE("a forgotten node does not come back by itself, and its restart changes nothing") {
  Story story({{2, 2, 1}, 0}, 42);
  auto& cluster = story.cluster;
  const auto zombie = story.replica(0);
  const auto id = cluster.node(zombie).id();
  cluster.crash(zombie);
  cluster.run_for(seconds(10));
  REQUIRE(cluster.call(story.primary(1), {"FORGET", id.hex()}, seconds(60)) == "+OK");
  const auto knows = [&](NodeIndex index) {
    return std::ranges::any_of(cluster.node(index).membership().members,
                               [&](const auto& member) { return member.id == id; });
  };
  const auto gone_everywhere = [&] {
    for (NodeIndex index = 0; index < cluster.size(); ++index) {
      if (index != zombie && knows(index)) return false;
    }
    return true;
  };
  REQUIRE(cluster.wait_until(gone_everywhere, seconds(30)));
  cluster.restart(zombie);
  cluster.run_for(seconds(90));
  CHECK(gone_everywhere());
  CHECK(cluster.serves(story.primary(0)));
  CHECK(cluster.node(zombie).membership().members.size() == 1);  // it has heard: alone, serving nothing
  CHECK_FALSE(cluster.serves(zombie));
  const auto again = cluster.call(story.primary(1), {"FORGET", id.hex()});
  CHECK(again == "+OK");  // repeated for a tombstoned id
}

TEST_CASE("a dead witness is replaced") {
  Story story({{2, 2}, 1}, 43);
  auto& cluster = story.cluster;
  const auto witness_of = [&](std::size_t shard) {
    for (const auto& voter :
         cluster.node(story.primary(shard)).provider().own_seat()->status().configuration.voters) {
      if (voter.role == shard_log::Role::witness) return voter.node;
    }
    return NodeId{};
  };
  const auto before = witness_of(0);
  const auto witness = cluster.find(before);
  REQUIRE(witness.has_value());
  cluster.crash(*witness);
  REQUIRE(cluster.wait_until(
      [&] {
        const auto after = witness_of(0);
        return !after.is_nil() && after != before;
      },
      seconds(180), milliseconds(100)));
  cluster.crash(story.primary(0));
  CHECK(story.serves_again(0));
}

TEST_CASE("gossip batches converge and are never seen by halves") {
  Story story({{2, 2}, 0}, 44);
  auto& cluster = story.cluster;
  Weather lossy;
  lossy.loss_ppm = 100'000;
  cluster.network().set_weather(lossy);
  for (int round = 0; round < 20; ++round) {
    const auto writer = static_cast<NodeIndex>(round % cluster.size());
    contract::Batch batch;
    for (const char* key : {"test:left", "test:right"}) {
      contract::Write write{key, "round " + std::to_string(round), std::nullopt};
      const auto& known = cluster.node(writer).global_registers();
      if (const auto found = known.find(key); found != known.end()) write.expected = found->second.revision;
      batch.push_back(std::move(write));
    }
    cluster.node(writer).gossip(contract::Scope::global, batch, {});
    for (int i = 0; i < 20; ++i) {
      cluster.run_for(milliseconds(15));
      for (NodeIndex index = 0; index < cluster.size(); ++index) {
        const auto& known = cluster.node(index).global_registers();
        const auto left = known.find("test:left"), right = known.find("test:right");
        REQUIRE((left == known.end()) == (right == known.end()));
        if (left != known.end()) REQUIRE(left->second.value == right->second.value);
      }
    }
  }
  const auto agree = [&] {
    const auto root = cluster.node(0).provider().global_gossip().root();
    for (NodeIndex index = 1; index < cluster.size(); ++index) {
      if (cluster.node(index).provider().global_gossip().root() != root) return false;
    }
    return true;
  };
  CHECK(cluster.wait_until(agree, seconds(20)));
}
