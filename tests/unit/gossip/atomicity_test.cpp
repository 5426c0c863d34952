// No reader sees half of a batch, and no register's revision falls: random histories in a bad network, with
// an observer who looks after every single step.
#include <catch2/catch_test_macros.hpp>

#include "base/mutation.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::gossip;

namespace {

enum class Keys { same_or_disjoint, overlapping };

struct History {
  World world;
  Keys keys;
  std::map<std::pair<std::uint64_t, NodeId>, std::vector<std::string>> batches;  // every batch ever written
  std::vector<std::map<std::string, Revision>> newest;  // per node and key, as reported
  std::vector<std::string> being_written;               // keys of the write whose group is reported next
  std::size_t halves = 0;
  std::size_t falls = 0;
  std::size_t conflicts = 0;
  int tokens = 0;
  std::uint32_t repairs = 0;  // begun at random beside those of roots, so many of a million steps

  History(std::uint64_t seed, Keys kind)
      : world({.nodes = 5,
               .loss_per_million = 150'000,
               .settings = settings(),
               .streams_batches = seed % 2 == 0,
               .seed = seed}),
        keys(kind),
        newest(5) {
    world.on_group = [this](std::size_t at, const std::vector<Register>& group) { observe(at, group); };
  }
  static Settings settings() {
    Settings settings;
    settings.rumour_bytes_max = 400;  // some batches are rumours, some are large news
    return settings;
  }

  void observe(std::size_t at, const std::vector<Register>& group) {
    if (!being_written.empty()) batches[{group[0].revision.major, group[0].revision.writer}] = being_written;
    for (const auto& entry : group) {
      auto& before = newest[at][entry.key];
      if (!(entry.revision > before)) ++falls;
      before = entry.revision;
    }
    // A part of a batch may be missing only where a greater batch wrote the same key.
    std::map<std::string, Revision> here;
    for (const auto& entry : world.nodes[at].snapshot().registers) here[entry.key] = entry.revision;
    for (const auto& [key, revision] : here) {
      for (const auto& sibling : batches.at({revision.major, revision.writer})) {
        const auto found = here.find(sibling);
        if (found == here.end() || found->second < revision) ++halves;
      }
    }
    if (keys == Keys::overlapping) return;
    // Same keys: all of a set carry one token, or all are deleted. As find() shows it.
    for (int set = 0; set < 4; ++set) {
      std::set<std::optional<std::string>> tokens_seen;
      for (const auto& key : keys_of_set(set)) {
        const auto found = world.nodes[at].find(key);
        tokens_seen.insert(found ? found->value : std::nullopt);
      }
      if (tokens_seen.size() != 1) ++halves;
    }
  }

  static std::vector<std::string> keys_of_set(int set) {
    std::vector<std::string> names;
    for (int i = 0; i < 2 + set * 3; ++i) names.push_back(std::to_string(set) + ":" + std::to_string(i));
    return names;
  }
  std::vector<std::string> pick_keys() {
    if (keys == Keys::same_or_disjoint) return keys_of_set(static_cast<int>(world.rng.below(4)));
    std::set<std::string> names;
    for (auto i = world.rng.below(6) + 1; i > 0; --i) names.insert("k" + std::to_string(world.rng.below(12)));
    return {names.begin(), names.end()};
  }

  void write_somewhere() {
    const auto at = static_cast<std::size_t>(world.rng.below(world.nodes.size()));
    const auto names = pick_keys();
    const bool deletes = world.rng.below(5) == 0;
    contract::Batch batch;
    const std::string token = std::to_string(++tokens);
    for (const auto& name : names) batch.push_back(deletes ? erase(name, {}) : put(name, token));
    being_written = names;
    if (world.write(at, batch) != WriteOutcome::ok) ++conflicts;
    being_written.clear();
  }

  void run() {
    for (int step = 0; step < 150; ++step) {
      for (auto writes = world.rng.below(3); writes > 0; --writes) write_somewhere();
      if (world.rng.below(25) == 0) world.side = {static_cast<std::size_t>(world.rng.below(5))};
      if (world.rng.below(15) == 0) world.side.clear();
      if (repairs > 0 && world.rng.chance(repairs)) {
        const auto at = static_cast<std::size_t>(world.rng.below(world.nodes.size()));
        world.repair(at, world.random_other(at));
      }
      world.run_for(milliseconds(static_cast<std::int64_t>(world.rng.below(400))));
    }
    world.side.clear();
    world.time_to_equal(seconds(300));
  }
};

}  // namespace

TEST_CASE("batches over the same or disjoint keys are seen whole, revisions rise, all end equal") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    History history(seed, Keys::same_or_disjoint);
    history.run();
    INFO("seed " << seed);
    REQUIRE(history.halves == 0);
    REQUIRE(history.falls == 0);
    REQUIRE(history.conflicts == 0);
    REQUIRE(history.world.all_equal());
  }
}

TEST_CASE("of overlapping batches a part is missing only where a greater batch wrote") {
  for (std::uint64_t seed = 101; seed <= 130; ++seed) {
    History history(seed, Keys::overlapping);
    history.run();
    INFO("seed " << seed);
    REQUIRE(history.halves == 0);
    REQUIRE(history.falls == 0);
    REQUIRE(history.world.all_equal());
  }
}

TEST_CASE("repairs by parts alone show no half of a batch, whatever was learnt between question and answer") {
  for (std::uint64_t seed = 201; seed <= 230; ++seed) {
    History history(seed, seed % 2 == 0 ? Keys::overlapping : Keys::same_or_disjoint);
    history.repairs = 400'000;
    history.run();
    INFO("seed " << seed);
    REQUIRE(history.halves == 0);
    REQUIRE(history.falls == 0);
    REQUIRE(history.world.all_equal());
  }
}

TEST_CASE("what was reported is what is there: nothing changes silently") {
  History history(7, Keys::overlapping);
  history.run();
  for (std::size_t at = 0; at < 5; ++at) {
    std::vector<Register> reported;
    for (const auto& [key, entry] : history.world.views[at]) {
      if (entry.value) reported.push_back(entry);
    }
    REQUIRE(reported == history.world.nodes[at].live());
  }
}

#ifdef VSWIM_MUTATIONS
TEST_CASE("the observer sees it when batches are not atomic or tombstones are forgotten") {
  for (const std::string rule : {"batch_atomic", "tombstone_horizon"}) {
    mutation::switched_off() = rule;
    std::size_t seen = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      History history(seed, Keys::same_or_disjoint);
      history.run();
      seen += history.halves + history.falls;
    }
    mutation::switched_off().clear();
    INFO(rule);
    REQUIRE(seen > 0);
  }
}
#endif
