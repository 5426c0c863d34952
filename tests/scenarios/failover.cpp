// Stories of primaries that go away.
#include "scenarios/story.hpp"

using namespace story;

TEST_CASE("3+3: a killed primary is replaced by its replica and returns as a replica") {
  Story story({{2, 2, 2}, 0});
  auto& cluster = story.cluster;
  story.write(0, story.primary(0));
  cluster.run_for(seconds(3));
  const WorldTime killed = cluster.now();
  cluster.crash(story.primary(0));
  REQUIRE(story.serves_again(0));
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0));
  CHECK((cluster.now() - killed).ms() < 3'000);
  CHECK(cluster.node(story.replica(0)).engine().data().size() == 1);
  story.write(0, story.replica(0), 1);
  cluster.restart(story.primary(0));
  REQUIRE(story.whole_again());
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0));
  CHECK(cluster.node(story.primary(0)).engine().data().size() == 2);
}

TEST_CASE("2+2: either half of a shard may die") {
  Story story({{2, 2}, 0}, 2);
  auto& cluster = story.cluster;
  cluster.crash(story.primary(0));
  REQUIRE(story.serves_again(0));
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0));
  cluster.restart(story.primary(0));
  REQUIRE(story.whole_again());
  cluster.crash(story.replica(0));
  REQUIRE(story.serves_again(0));
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.primary(0));
}

TEST_CASE("the loss of a replica never touches the primary's lease") {
  Story story({{2, 2}, 0}, 12);
  auto& cluster = story.cluster;
  cluster.run_for(seconds(5));
  const auto lapses = cluster.node(story.primary(1)).core().routing().lapses;
  cluster.crash(story.replica(1));
  for (int i = 0; i < 500; ++i) {
    cluster.run_for(milliseconds(10));
    REQUIRE(cluster.serves(story.primary(1)));
  }
  CHECK(cluster.node(story.primary(1)).core().routing().lapses == lapses);
}

TEST_CASE("one primary and one replica fail over with the vote of an arbiter") {
  Story story({{2}, 1}, 3);
  auto& cluster = story.cluster;
  cluster.crash(story.primary(0));
  REQUIRE(story.serves_again(0));
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0));
  CHECK_FALSE(cluster.node(story.formed.arbiters[0]).core().routing().replica_here);
}

TEST_CASE("an isolated primary has stopped before its successor starts") {
  Story story({{3, 2}, 0}, 4);
  auto& cluster = story.cluster;
  const auto old = story.primary(0);
  cluster.isolate(old);
  const WorldTime isolated = cluster.now();
  bool fenced_first = true;
  REQUIRE(cluster.wait_until(
      [&] {
        const auto replica_serves =
            cluster.serves(story.replica(0, 1)) || cluster.serves(story.replica(0, 2));
        if (replica_serves && cluster.serves(old)) fenced_first = false;
        return replica_serves;
      },
      seconds(15), milliseconds(1)));
  CHECK(fenced_first);
  CHECK((cluster.now() - isolated).ms() < 5'000);
  CHECK(cluster.write(old, story.key_of(0), "late") == core::Decision::clusterdown);
  cluster.heal();
  REQUIRE(story.whole_again());
  CHECK_FALSE(cluster.serves(old));
}

TEST_CASE("a stopped primary executes nothing after it wakes up") {
  Story story({{2, 2}, 0}, 5);
  auto& cluster = story.cluster;
  const auto old = story.primary(0);
  cluster.stop(old, seconds(8));
  cluster.run_for(seconds(1));
  int served = 0;
  for (int i = 0; i < 50; ++i) {
    cluster.node(old).write_key(story.key_of(0), "late", [&](core::Decision decision) {
      served += decision == core::Decision::serve ? 1 : 0;
    });
  }
  REQUIRE(cluster.wait_until([&] { return cluster.serves(story.replica(0)); }, seconds(15)));
  cluster.run_for(seconds(10));
  CHECK(served == 0);
  REQUIRE(story.whole_again());
}

TEST_CASE("of two replicas the fresher one wins") {
  Story story({{3, 2}, 0}, 6);
  auto& cluster = story.cluster;
  cluster.run_for(seconds(5));
  cluster.cut(story.primary(0), story.replica(0, 1));
  cluster.run_for(milliseconds(300));
  for (int i = 0; i < 5; ++i) story.write(0, story.primary(0), i);
  cluster.run_for(seconds(2));
  REQUIRE(cluster.node(story.replica(0, 2)).engine().data().size() == 5);
  REQUIRE(cluster.node(story.replica(0, 1)).engine().data().empty());
  cluster.crash(story.primary(0));
  cluster.heal();
  REQUIRE(story.serves_again(0));
  CHECK(cluster.primary_of(story.formed.ids[0]) == story.replica(0, 2));
}
