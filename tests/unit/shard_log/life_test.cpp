// Claims about whole shards in ordinary life and in the failures they are made for.
#include <catch2/catch_test_macros.hpp>

#include "shard_log/quorum.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::shard_log;
using namespace vswim::shard_log::test;

namespace {

contract::Write put(const std::string& key, const std::string& value) { return {key, value, std::nullopt}; }

bool all_in_epoch(World& world, std::size_t data, std::size_t witnesses) {
  const auto leader = world.leader();
  if (!leader) return false;
  const auto configuration = world.node(*leader).seat->status().configuration;
  std::size_t found_data = 0, found_witnesses = 0;
  for (const auto& voter : configuration.voters)
    (voter.role == Role::witness ? found_witnesses : found_data) += 1;
  return found_data == data && found_witnesses == witnesses;
}

// `data` members from node 0 on, then witness candidates.
void form(World& world, std::size_t data, std::size_t witnesses = 0) {
  world.bootstrap(0);
  std::vector<std::size_t> candidates;
  for (std::size_t i = data; i < world.size(); ++i) candidates.push_back(i);
  if (witnesses > 0) world.set_candidates(candidates);
  REQUIRE(world.run_until([&] { return world.primary() == 0; }, seconds(2)));
  for (std::size_t i = 1; i < data; ++i) {
    world.add_member(i);
    REQUIRE(
        world.run_until([&] { return world.node(i).core.on && world.leased(world.node(i)); }, seconds(5)));
  }
  REQUIRE(world.run_until([&] { return all_in_epoch(world, data, witnesses); }, seconds(5)));
  world.run_for(milliseconds(500));
  REQUIRE(world.broken() == "");
}

}  // namespace

TEST_CASE("a lone voter leads at once, is leased by itself and commits alone") {
  World world(1, 1);
  world.bootstrap(0);
  CHECK(world.run_until([&] { return world.primary() == 0; }, milliseconds(100)));
  const auto sequence = world.propose(0, {put("a", "1")});
  CHECK(world.run_until([&] { return world.outcome(0, sequence).has_value(); }, milliseconds(100)));
  CHECK(world.outcome(0, sequence) == contract::Outcome::ok);
  CHECK(world.broken() == "");
  world.crash(0);
  world.run_for(milliseconds(10));
  world.restart(0);
  CHECK(world.run_until([&] { return world.primary() == 0; }, milliseconds(1'200)));  // silence, then at once
  CHECK(world.oracle().value("a") == "1");
  CHECK(world.broken() == "");
}

TEST_CASE("shards take the shapes the plan names") {
  for (std::size_t data = 1; data <= 6; ++data) {
    World world(data, data + 1);
    form(world, data, data == 2 ? 1 : 0);
    std::size_t voters = voter_count(world.node(*world.leader()).seat->status().configuration);
    CHECK(voters == (data <= 1 ? 1U : data <= 4 ? 3U : 5U));
    CHECK(world.primary() == 0);
  }
}

TEST_CASE("the loss of a primary is proven and failed over in little more than T") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed, 3);
    form(world, seed % 2 == 0 ? 3 : 2, seed % 2 == 0 ? 0 : 1);
    for (std::size_t i = 1; i < 3; ++i) {
      world.node(i).seat->advise_rank(world.local(world.node(i)), static_cast<std::uint32_t>(i - 1));
    }
    world.run_for(milliseconds(static_cast<std::int64_t>(seed * 17)));
    std::optional<Instant> proven;
    world.on_event = [&](std::size_t, const Event& event) {
      const auto* peer = std::get_if<PeerLease>(&event);
      if (peer != nullptr && peer->ended && peer->node == world.node(0).id && !proven) proven = world.now();
    };
    const auto killed = world.now();
    world.crash(0);
    CHECK(world.run_until([&] { return world.primary() == 1; }, seconds(5)));
    REQUIRE(proven);
    CHECK((*proven - killed).ms() <= 1'150);
    CHECK((world.now() - killed).ms() <= 1'200);
    CHECK(world.broken() == "");
  }
}

TEST_CASE("without a witness two data members wait for each other, and with one they do not") {
  World world(5, 3);
  form(world, 2, 0);
  world.crash(0);
  CHECK_FALSE(world.run_until([&] { return world.leader().has_value(); }, seconds(10)));
  world.restart(0);
  CHECK(world.run_until([&] { return world.primary().has_value(); }, seconds(5)));
  world.set_candidates({2});  // it appears later: the leader changes the configuration by itself
  CHECK(world.run_until([&] { return all_in_epoch(world, 2, 1); }, seconds(5)));
  world.run_for(seconds(1));
  world.crash(*world.primary());
  CHECK(world.run_until([&] { return world.primary().has_value(); }, seconds(3)));
  CHECK(world.broken() == "");
}

TEST_CASE("a dead witness is replaced after its time, not before") {
  Settings settings;
  settings.witness_replace_after = seconds(5);
  World world(6, 4, settings);
  form(world, 2, 1);
  std::size_t witness = 0;
  for (const auto& voter : world.node(0).seat->status().configuration.voters) {
    if (voter.role == Role::witness) witness = world.index_of(voter.node);
  }
  REQUIRE(witness >= 2);
  world.crash(witness);
  world.tell_dead();
  world.run_for(seconds(4));
  const auto names = [&](std::size_t index) {
    return find_voter(world.node(0).seat->status().configuration, world.node(index).id) != nullptr;
  };
  CHECK(names(witness));
  CHECK(world.run_until([&] { return !names(witness) && names(5 - witness); }, seconds(3)));
  CHECK(world.primary() == 0);
  CHECK(world.broken() == "");
}

TEST_CASE("a dead member of three gives its vote up, and the shard survives the loss of another") {
  World world(14, 4);
  form(world, 3);
  world.set_candidates({3});
  const auto counting = [&](std::size_t at, Role role) {
    const auto voters = world.node(at).seat->status().configuration.voters;
    return std::count_if(voters.begin(), voters.end(), [&](const Voter& v) { return v.role == role; });
  };
  world.crash(1);
  world.run_for(seconds(2));
  world.tell_dead();
  const auto two_and_witness = [&] {
    return counting(0, Role::data) == 2 && counting(0, Role::witness) == 1 && counting(0, Role::learner) == 1;
  };
  REQUIRE(world.run_until(two_and_witness, seconds(3)));
  world.run_for(seconds(1));
  world.crash(0);
  CHECK(world.run_until([&] { return world.primary() == 2; }, seconds(5)));
  world.restart(1);
  world.restart(0);
  world.tell_dead();
  CHECK(world.run_until([&] { return counting(2, Role::data) == 3 && counting(2, Role::witness) == 0; },
                        seconds(10)));
  CHECK(world.broken() == "");
}

TEST_CASE("a witness that lost its memory is noticed and given a new seat") {
  Settings settings;
  settings.witness_replace_after = seconds(5);
  World world(7, 3, settings);
  form(world, 2, 1);
  const auto old = world.node(2).uuid;
  world.lose_memory(2);
  CHECK(world.run_until(
      [&] {
        const auto configuration_there = world.node(0).seat->status().configuration;
        const auto* voter = find_voter(configuration_there, world.node(2).id);
        return voter != nullptr && voter->uuid != old && voter->uuid == world.node(2).uuid;
      },
      seconds(10)));
  CHECK(world.broken() == "");
}

TEST_CASE("leadership is handed over in round trips and nobody's lease ends") {
  World world(8, 3);
  form(world, 3);
  bool lost = false;
  world.on_event = [&](std::size_t, const Event& event) {
    lost = lost || std::holds_alternative<LeaseLost>(event);
  };
  const auto from = *world.leader();
  const auto to = (from + 1) % 3;
  const auto started = world.now();
  world.node(from).seat->transfer_leadership(world.local(world.node(from)), world.node(to).id);
  world.node(from).seat->on_timer(world.local(world.node(from)));
  world.propose(from, {});  // pumps the seat
  CHECK(world.run_until([&] { return world.leader() == to; }, seconds(2)));
  CHECK((world.now() - started).ms() < 100);
  const auto sequence = world.propose(from, {put("after", "1")});
  CHECK(world.run_until([&] { return world.outcome(from, sequence).has_value(); }, seconds(2)));
  CHECK(world.outcome(from, sequence) == contract::Outcome::ok);
  world.run_for(seconds(3));
  CHECK_FALSE(lost);
  CHECK(world.broken() == "");
}

TEST_CASE("a member that leaves gives its lease back and is not waited for") {
  World world(9, 3);
  form(world, 3);
  const auto leader = *world.leader();
  auto& node = world.node(leader);
  node.core.right = false;  // Core has stopped
  node.core.lease = Instant::long_ago();
  std::optional<Instant> released;
  world.on_event = [&](std::size_t, const Event& event) {
    if (std::holds_alternative<Released>(event)) released = world.now();
  };
  const auto started = world.now();
  node.seat->release(world.local(node), Ticket{7}, true);
  world.propose(leader, {});
  CHECK(world.run_until([&] { return world.leader() && *world.leader() != leader && world.primary(); },
                        seconds(2)));
  REQUIRE(released);
  CHECK((world.now() - started).ms() < 200);
  CHECK(world.broken() == "");
}

TEST_CASE("a late release to an earlier leader clears nothing that the next one suspects (L9)") {
  World world(9, 3);
  form(world, 3);
  const auto from = *world.leader();
  const auto to = (from + 1) % 3;
  const auto member = (from + 2) % 3;
  const auto old_ballot = world.node(from).seat->status().promised;
  world.cut(member, to);  // it goes on with the lease of the released ballot
  bool called_dead = false;
  world.on_event = [&](std::size_t node, const Event& event) {
    const auto* lease = std::get_if<PeerLease>(&event);
    if (node != to || lease == nullptr || lease->node != world.node(member).id || !lease->ended) return;
    called_dead = called_dead || world.leased(world.node(member));
  };
  world.node(from).seat->transfer_leadership(world.local(world.node(from)), world.node(to).id);
  world.propose(from, {});  // pumps the seat
  REQUIRE(world.run_until([&] { return world.leader() == to; }, seconds(2)));
  REQUIRE(world.leased(world.node(member)));
  world.node(to).seat->step(world.local(world.node(to)), world.node(member).id,
                            LeaseRelease{{world.node(member).life}, {1}, old_ballot});
  world.propose(to, {put("after", "1")});
  world.run_for(seconds(3));
  CHECK_FALSE(called_dead);
  CHECK(world.broken() == "");
}

TEST_CASE("removing members ends their seats; the last one closes the shard") {
  World world(10, 3);
  form(world, 3);
  world.remove_member(2);
  CHECK(world.run_until([&] { return all_in_epoch(world, 2, 0) && !world.node(2).seat; }, seconds(5)));
  world.remove_member(0);  // leads and is primary
  CHECK(world.run_until([&] { return world.primary() == 1 && all_in_epoch(world, 1, 0); }, seconds(8)));
  world.remove_member(1);
  CHECK(world.run_until([&] { return !world.node(1).seat; }, seconds(5)));
  CHECK(world.broken() == "");
}

TEST_CASE("a dead data member stays until somebody asks for its removal") {
  Settings settings;
  settings.witness_replace_after = seconds(5);
  World world(11, 3, settings);
  form(world, 3);
  world.crash(2);
  world.tell_dead();
  world.run_for(seconds(20));
  CHECK(all_in_epoch(world, 3, 0));
  world.remove_member(2);
  CHECK(world.run_until([&] { return all_in_epoch(world, 2, 0); }, seconds(5)));
  world.restart(2);  // hears that the shard moved on
  CHECK(world.run_until([&] { return !world.node(2).seat; }, seconds(5)));
  CHECK(world.broken() == "");
}

TEST_CASE("expected revisions are a compare-and-swap, and a proposal is applied once whatever is lost") {
  World world(12, 3);
  world.faults.drop_ppm = 200'000;
  world.faults.duplicate_ppm = 200'000;
  world.bootstrap(0);
  world.run_for(seconds(1));
  for (std::size_t i = 1; i < 3; ++i) world.add_member(i);
  REQUIRE(world.run_until([&] { return all_in_epoch(world, 3, 0); }, seconds(20)));
  int ok = 0, stale = 0;
  for (int round = 0; round < 30; ++round) {
    const auto a = world.propose(0, {put("key" + std::to_string(round), "a")});
    const auto b = world.propose(1, {put("key" + std::to_string(round), "b")});
    world.run_until([&] { return world.outcome(0, a) && world.outcome(1, b); }, seconds(5));
    for (const auto outcome : {world.outcome(0, a), world.outcome(1, b)}) {
      REQUIRE(outcome);
      ok += *outcome == contract::Outcome::ok;
      stale += *outcome == contract::Outcome::stale;
    }
  }
  CHECK(ok >= 25);
  CHECK(stale >= 20);
  CHECK(ok <= 30);
  CHECK(world.broken() == "");
}

TEST_CASE("a long log is compacted, and a member far behind takes the snapshot") {
  Settings settings;
  settings.tail_entries_max = 50;
  World world(13, 3, settings);
  form(world, 3);
  world.crash(2);
  for (int i = 0; i < 400; ++i) {
    world.propose(0, {put("k" + std::to_string(i), "v")});
    world.run_for(milliseconds(5));
  }
  CHECK(world.node(0).disk.size() < 300);
  world.restart(2);
  CHECK(world.run_until([&] { return world.leased(world.node(2)); }, seconds(4)));
  CHECK(world.node(2).core.registers.size() == world.node(0).core.registers.size());
  CHECK(world.broken() == "");
}

TEST_CASE("an oversized batch is refused, and without a leader nothing waits for ever") {
  Settings settings;
  settings.batch_bytes_max = 1'000;
  World world(14, 3, settings);
  form(world, 3);
  const auto large = world.propose(0, {put("a", std::string(2'000, 'x'))});
  CHECK(world.outcome(0, large) == contract::Outcome::failed);
  world.crash(0);
  world.crash(1);
  world.run_for(seconds(2));
  const auto lost = world.propose(2, {put("b", "1")});
  CHECK(world.run_until([&] { return world.outcome(2, lost).has_value(); }, seconds(4)));
  CHECK(world.outcome(2, lost) == contract::Outcome::failed);
  CHECK(world.broken() == "");
}

TEST_CASE("a candidate learns of a promise that outranks it, though the one it was made to is gone") {
  World world(5, 3);
  form(world, 2, 1);
  world.crash(0);
  world.crash(1);
  world.run_for(seconds(2));  // the witness supports nobody any more
  auto& witness = world.node(2);
  const auto epoch = witness.seat->status().configuration.epoch;
  witness.seat->step(world.local(witness), world.node(0).id,
                     Prepare{epoch, Ballot{50, world.node(0).id, 1}, {}, 0, 0, {}});
  REQUIRE(witness.seat->status().promised.round == 50);
  world.restart(1);
  CHECK(world.run_until([&] { return world.leader() == 1; }, seconds(5)));
  CHECK(world.broken() == "");
}

TEST_CASE("a data member that has lived in another shard for longer than any move takes is let go") {
  World world(6, 3);
  form(world, 3);
  const auto tell = [&] {
    for (std::size_t i = 0; i < 2; ++i)
      world.node(i).seat->set_elsewhere(world.local(world.node(i)), {world.node(2).id});
  };
  tell();
  world.run_for(world.settings.elsewhere_remove_after / 2);
  tell();
  CHECK(world.newest().voters.size() == 3);
  const auto two = [&] { return world.newest().voters.size() == 2; };
  CHECK(world.run_until(two, world.settings.elsewhere_remove_after));
  CHECK(world.broken() == "");
}

TEST_CASE("the last data member does not close its shard unless it said so") {
  World world(7, 1);
  form(world, 1);
  auto& last = world.node(0);
  std::vector<std::pair<contract::Outcome, std::string>> answers;
  world.on_event = [&](std::size_t, const Event& event) {
    if (const auto* done = std::get_if<MembershipDone>(&event))
      answers.emplace_back(done->outcome, done->text);
  };
  last.seat->request_member(world.local(last), {1}, false, last.id, last.uuid);
  world.run_for(seconds(1));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].first == contract::Outcome::failed);
  CHECK_FALSE(last.seat->status().ended);
  CHECK(world.primary() == 0);
  last.seat->request_member(world.local(last), {2}, false, last.id, last.uuid, true);
  CHECK(world.run_until([&] { return world.newest().voters.empty(); }, seconds(1)));
}

TEST_CASE("who is told again and again that the shard moves on waits for an Install once, then stands") {
  World world(8, 3);
  form(world, 3);
  world.crash(0);
  auto next = world.node(1).seat->status().configuration;
  next.epoch = next.epoch.next();
  const auto tell = [&] {
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
      auto& node = world.node(i);
      node.seat->step(world.local(node), world.node(i == 1 ? 2 : 1).id, Moved{next});
    }
  };
  bool led = false;
  for (int i = 0; i < 50 && !led; ++i) {
    tell();
    world.run_for(milliseconds(100));
    led = world.leader().has_value();
  }
  CHECK(led);
  CHECK(world.broken() == "");
}
