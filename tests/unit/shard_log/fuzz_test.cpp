// Hundreds of histories with everything going wrong at once; the oracle looks at every step. The seeds are
// fixed: a failure names its own. VSWIM_SEEDS=<first>-<last> runs others, VSWIM_MUTATION=<rule> switches a
// rule off (mutation build) and expects red.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <iostream>

#include "base/mutation.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::shard_log;
using namespace vswim::shard_log::test;

namespace {

struct History {
  explicit History(std::uint64_t seed_in)
      : seed(seed_in), rng(seed_in * 977 + 3), data(1 + rng.below(5)), world(seed_in, data + 3, tuned(rng)) {
    world.faults.drop_ppm = rng.below(3) == 0 ? 0 : static_cast<std::uint32_t>(rng.below(200'000));
    world.faults.duplicate_ppm = static_cast<std::uint32_t>(rng.below(100'000));
    world.faults.slow_ppm = static_cast<std::uint32_t>(rng.below(100'000));
    world.faults.delay_slow = milliseconds(static_cast<std::int64_t>(10 + rng.below(2'000)));
    world.faults.slow_sync_ppm = static_cast<std::uint32_t>(rng.below(50'000));
    world.faults.slow_core_ppm = static_cast<std::uint32_t>(rng.below(150'000));
    world.faults.core_slow = milliseconds(static_cast<std::int64_t>(10 + rng.below(2'500)));
  }

  static Settings tuned(Rng& rng) {
    Settings settings;
    settings.witness_replace_after = seconds(4);
    settings.tail_entries_max = 4 + rng.below(60);
    settings.entries_per_message_max = 1 + rng.below(8);
    return settings;
  }

  void run(Duration time) {
    world.bootstrap(0);
    std::vector<std::size_t> candidates;
    for (std::size_t i = data; i < world.size(); ++i) candidates.push_back(i);
    world.set_candidates(candidates);
    for (std::size_t i = 1; i < data; ++i) {
      world.add_member(i);
      world.run_for(milliseconds(static_cast<std::int64_t>(rng.below(2'000))));
    }
    const auto end = world.now() + time;
    while (world.now() < end && world.broken().empty()) {
      disturb();
      world.run_for(milliseconds(static_cast<std::int64_t>(rng.below(600))));
    }
    if (world.broken().empty()) recover();
  }

  void disturb() {
    const auto index = rng.below(world.size());
    auto& node = world.node(index);
    if (seed % 3 == 0 && rng.below(6) == 0) change(rng.below(data));  // a history of voter changes above all
    switch (rng.below(16)) {
      case 0:
        if (down < 1 + world.size() / 2) {
          down += node.up ? 1 : 0;
          world.crash(index);
        }
        break;
      case 1:
      case 2:
        down -= node.up ? 0 : 1;
        world.restart(index);
        world.set_candidates(witnesses());
        break;
      case 3: {
        std::set<std::size_t> side;
        for (std::size_t i = 0; i < world.size(); ++i) {
          if (rng.below(2) == 0) side.insert(i);
        }
        world.part(side);
        break;
      }
      case 4: world.cut(index, rng.below(world.size())); break;
      case 5:
      case 6: world.heal(); break;
      case 7:
        if (node.up && node.core.on) world.bid(index);
        break;
      case 8: {
        const auto leader = world.leader();
        if (leader) world.node(*leader).seat->transfer_leadership(world.local(world.node(*leader)), node.id);
        break;
      }
      case 9: world.tell_dead(); break;
      case 10:
        if (rng.below(3) == 0) change(index);
        break;
      case 11:
        if (rng.below(12) == 0 && index >= data && node.up) world.lose_memory(index);
        break;
      case 12:
        if (node.up && node.seat)
          node.seat->advise_rank(world.local(node), static_cast<std::uint32_t>(rng.below(3)));
        break;
      case 13:
        if (node.up && node.seat && rng.below(4) == 0) {  // a suspended process
          node.core.lease = Instant::long_ago();
          node.core.right = false;
          node.seat->on_clock_gap(world.local(node));
        }
        break;
      default:
        if (node.up && node.core.on) {
          const auto key = "k" + std::to_string(rng.below(5));
          const auto held = node.core.registers.find(key);
          contract::Write write{key, std::to_string(rng.below(1'000)), std::nullopt};
          if (held != node.core.registers.end()) write.expected = held->second.revision;
          if (rng.below(5) == 0) write.value.reset();
          world.propose(index, {write, {"other" + std::to_string(rng.below(100)), "x", std::nullopt}});
        }
    }
  }

  std::vector<std::size_t> witnesses() const {
    std::vector<std::size_t> nodes;
    for (std::size_t i = data; i < world.size(); ++i) nodes.push_back(i);
    return nodes;
  }

  void change(std::size_t index) {
    if (index >= data) return;
    auto& node = world.node(index);
    if (node.core.on && rng.below(2) == 0) {
      world.remove_member(index);
    } else if (node.up && !node.core.on) {
      world.add_member(index);
    }
  }

  // Liveness (invariant I17): once everything is up and connected, there is a leader and every proposal is
  // answered.
  void recover() {
    world.heal();
    world.faults = Faults{};
    for (std::size_t i = 0; i < world.size(); ++i) world.restart(i);
    world.tell_dead();
    world.set_candidates(witnesses());
    for (std::size_t i = 0; i < world.size(); ++i) members += world.node(i).core.on;
    if (members == 0 || world.newest().voters.empty()) return;  // the last member has closed the shard
    const bool led = world.run_until([&] { return world.leader().has_value(); }, seconds(10));
    if (!led) return world.oracle().fail("I17: no leader within 10 T");
    if (!world.run_until([&] { return world.primary().has_value(); }, seconds(10))) {
      return world.oracle().fail("no primary although all is well");
    }
    bool committed = false;  // a removal that was asked for before may still take a proposer away
    for (int attempt = 0; attempt < 3 && !committed; ++attempt) {
      world.run_until([&] { return world.primary().has_value(); }, seconds(10));
      const auto primary = world.primary().value_or(0);
      const auto last = world.propose(primary, {{"last" + std::to_string(attempt), "1", std::nullopt}});
      world.run_until([&] { return world.outcome(primary, last).has_value(); }, seconds(5));
      committed = world.outcome(primary, last) == contract::Outcome::ok;
    }
    if (!committed) return world.oracle().fail("I17: a proposal was not answered");
    world.run_for(seconds(4));
    if (world.unanswered() != 0) world.oracle().fail("I17: proposals without an answer");
  }

  std::uint64_t seed;
  Rng rng;
  std::size_t data;
  World world;
  std::size_t down = 0;
  std::size_t members = 0;
};

std::string value_of(const char* name) {
  const auto* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

TEST_CASE("no history breaks an invariant, and quiet brings every shard back") {
  std::uint64_t first = 1, last = 600;
  if (const auto range = value_of("VSWIM_SEEDS"); !range.empty()) {
    first = std::stoull(range);
    last = std::stoull(range.substr(range.find('-') + 1));
  }
#ifdef VSWIM_MUTATIONS
  mutation::switched_off() = value_of("VSWIM_MUTATION");
#endif
  std::size_t broken = 0;
  Revision committed = 0;
  std::uint64_t sent = 0;
  for (auto seed = first; seed <= last; ++seed) {
    History history(seed);
    if (!value_of("VSWIM_TRACE").empty()) history.world.trace = &std::cerr;
    history.run(seconds(60));
    committed += history.world.oracle().committed();
    sent += history.world.sent;
    if (history.world.broken().empty()) continue;
    ++broken;
    std::cerr << "seed " << seed << ": " << history.world.broken() << "\n";
  }
  if (!value_of("VSWIM_VERBOSE").empty()) std::cerr << committed << " commits, " << sent << " messages\n";
  CHECK(committed > (last - first + 1) * 20);  // something happened
#ifdef VSWIM_MUTATIONS
  if (!mutation::switched_off().empty()) {
    CHECK(broken > 0);
    return;
  }
#endif
  CHECK(broken == 0);
}
