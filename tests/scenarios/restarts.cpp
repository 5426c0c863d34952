// Stories of clusters that come back: where they were, elsewhere, or without their data.
#include "scenarios/story.hpp"

using namespace story;

namespace {
void crash_all(Cluster& cluster) {
  for (NodeIndex index = 0; index < cluster.size(); ++index) cluster.crash(index);
}
}  // namespace

TEST_CASE("all nodes restart where they were: same primaries, same data") {
  Story story({{2, 2}, 0}, 21);
  auto& cluster = story.cluster;
  story.write(0, story.primary(0));
  cluster.run_for(seconds(7));
  crash_all(cluster);
  cluster.run_for(seconds(5));
  for (NodeIndex index = 0; index < cluster.size(); ++index) cluster.restart(index);
  REQUIRE(story.whole_again());
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.primary(0));
  CHECK(cluster.node(story.primary(0)).engine().data().size() == 1);
}

TEST_CASE("all nodes restart under other addresses and find each other by seeds") {
  Story story({{2, 2}, 0}, 22);
  auto& cluster = story.cluster;
  cluster.run_for(seconds(15));
  crash_all(cluster);
  cluster.run_for(seconds(2));
  cluster.move_address(0);
  const auto seed = cluster.node(0).config().bus;
  for (NodeIndex index = 1; index < cluster.size(); ++index) cluster.move_address(index, {seed});
  for (NodeIndex index = 0; index < cluster.size(); ++index) cluster.restart(index);
  REQUIRE(story.whole_again());
}

TEST_CASE("all nodes restart under other addresses and MEET tells them where") {
  Story story({{2, 2}, 0}, 23);
  auto& cluster = story.cluster;
  cluster.run_for(seconds(15));
  crash_all(cluster);
  cluster.run_for(seconds(2));
  for (NodeIndex index = 0; index < cluster.size(); ++index) cluster.move_address(index);
  for (NodeIndex index = 0; index < cluster.size(); ++index) cluster.restart(index);
  cluster.run_for(seconds(3));
  for (NodeIndex index = 1; index < cluster.size(); ++index) {
    const auto& config = cluster.node(index).config();
    const auto reply =
        cluster.call(0, {"MEET", config.bus.ip_text(), "6379", std::to_string(config.bus.port)});
    CHECK(reply == "+OK");
  }
  REQUIRE(story.whole_again());
}

TEST_CASE("a primary that restarts empty within 300 ms never wipes its replica") {
  for (const std::uint64_t seed : {31, 32, 33}) {
    for (const int down_ms : {0, 50, 290}) {
      Story story({{2, 2}, 0}, seed);
      auto& cluster = story.cluster;
      for (int i = 0; i < 5; ++i) story.write(0, story.primary(0), i);
      cluster.run_for(seconds(3));
      REQUIRE(cluster.node(story.replica(0)).engine().data().size() == 5);
      cluster.crash(story.primary(0));
      cluster.run_for(milliseconds(down_ms));
      StartOptions empty;
      empty.with_data = false;
      cluster.restart(story.primary(0), empty);
      REQUIRE(story.serves_again(0, seconds(30)));
      REQUIRE(story.whole_again());
      CHECK(cluster.oracle().coverage.wiped_replicas == 0);
      CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0));
      CHECK(cluster.node(story.primary(0)).engine().data().size() == 5);
    }
  }
}

TEST_CASE("a replica that restarts empty syncs again and is not promoted before it has") {
  Story story({{2, 2}, 0}, 34);
  auto& cluster = story.cluster;
  for (int i = 0; i < 5; ++i) story.write(0, story.primary(0), i);
  cluster.run_for(seconds(2));
  StartOptions empty;
  empty.with_data = false;
  cluster.restart(story.replica(0), empty);
  cluster.crash(story.primary(0));
  cluster.run_for(seconds(20));
  CHECK_FALSE(cluster.serves(story.replica(0)));
  cluster.restart(story.primary(0));
  REQUIRE(story.whole_again());
  CHECK(cluster.node(story.replica(0)).engine().data().size() == 5);
}
