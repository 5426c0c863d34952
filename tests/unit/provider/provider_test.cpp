#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "wire/file_records.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::test;
using contract::Outcome;

namespace {
std::uint64_t write_log(World& world, int n, const std::string& key, const std::string& value,
                        std::optional<contract::Revision> expected = {}) {
  contract::UpdateShardLog update;
  update.batch.push_back({key, value, expected});
  return world.submit(n, update);
}
std::string logged(World& world, int n, const std::string& key) {
  const auto found = world.nodes[n].log.find(key);
  return found == world.nodes[n].log.end() ? "" : found->second.value.value_or("");
}
contract::Health health(World& world, int at, int of) {
  for (const auto& member : world.nodes[at].view.members) {
    if (member.id == world.nodes[of].provider->node_id()) return member.health;
  }
  return contract::Health::fail;
}
}  // namespace

TEST_CASE("a fresh node is a cluster of one that serves after its first lease") {
  World world;
  world.add(1);
  REQUIRE(world.run_until(seconds(5), [&] { return world.leased(1); }));
  const auto done = world.result(1, write_log(world, 1, "a", "1"));
  REQUIRE(done.outcome == Outcome::ok);
  REQUIRE(logged(world, 1, "a") == "1");
  REQUIRE(world.nodes[1].settled >= done.revision->minor);
}

TEST_CASE("MEET brings nodes into one cluster and keeps their shards and logs") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  world.run_until(seconds(5), [&] { return world.leased(1) && world.leased(2) && world.leased(3); });
  REQUIRE(world.result(2, write_log(world, 2, "mine", "2")).outcome == Outcome::ok);
  const auto shard = world.nodes[2].provider->shard_id();
  for (int n = 2; n <= 3; ++n) {
    const auto met = world.meet(n, 1);
    INFO(met.text);
    REQUIRE(met.outcome == Outcome::ok);
  }
  REQUIRE(world.run_until(seconds(5), [&] {
    return std::all_of(world.nodes.begin(), world.nodes.end(),
                       [](auto& n) { return n.second.view.members.size() == 3; });
  }));
  REQUIRE(world.nodes[2].provider->shard_id() == shard);
  REQUIRE(logged(world, 2, "mine") == "2");
  REQUIRE(world.nodes[2].resets_global == 1);
  REQUIRE(world.meet(1, 3).outcome == Outcome::ok);  // within a cluster MEET is a hint
}

TEST_CASE("who joins a large cluster tells a few at once, and all know it soon") {
  World world;
  constexpr int last = 40;
  for (int n = 1; n <= last; ++n) world.add(n);
  for (int n = 2; n < last; ++n) REQUIRE(world.meet(n, 1).outcome == contract::Outcome::ok);
  const auto& joiner = *world.nodes[last].provider;
  const auto sent_before = joiner.counters().packets_out;
  REQUIRE(world.meet(last, 1).outcome == contract::Outcome::ok);
  CHECK(joiner.counters().packets_out - sent_before < last / 2);
  CHECK(world.run_until(seconds(2), [&] {
    for (int n = 1; n <= last; ++n) {
      if (world.nodes[n].provider->membership().size() != last) return false;
    }
    return true;
  }));
}

TEST_CASE("two clusters of several nodes are not merged") {
  World world;
  for (int n = 1; n <= 4; ++n) world.add(n);
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  REQUIRE(world.meet(4, 3).outcome == Outcome::ok);
  REQUIRE(world.meet(3, 1).outcome == Outcome::failed);
}

TEST_CASE("a node with company that meets a lone one takes it in") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  const auto met = world.meet(1, 3);
  INFO(met.text);
  REQUIRE(met.outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), [&] { return world.nodes[2].view.members.size() == 3; }));
}

TEST_CASE("MEET of nobody fails with the likely causes") {
  World world;
  world.add(1);
  const auto done =
      world.result(1, world.submit(1, contract::JoinCluster{{}, {Address::v4(10, 0, 0, 99, 17'000)}}));
  REQUIRE(done.outcome == Outcome::failed);
  REQUIRE(done.text.find("no answer") != std::string::npos);
}

TEST_CASE("REPLICATE moves a node into a shard, a witness joins, and the shard survives its leader") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  REQUIRE(world.run_until(seconds(5), [&] { return world.leased(1); }));
  REQUIRE(world.result(1, write_log(world, 1, "primaryship", "one")).outcome == Outcome::ok);
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  REQUIRE(world.meet(3, 1).outcome == Outcome::ok);
  const auto moved =
      world.result(2, world.submit(2, contract::JoinShard{{}, world.nodes[1].provider->shard_id()}));
  INFO(moved.text);
  REQUIRE(moved.outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(10),
                          [&] { return logged(world, 2, "primaryship") == "one" && world.leased(2); }));
  REQUIRE(world.nodes[2].resets_shard >= 2);
  REQUIRE(world.run_until(seconds(20), [&] {
    return world.nodes[1].provider->own_seat()->status().configuration.voters.size() == 3;
  }));
  const auto revision = world.nodes[2].log.at("primaryship").revision;
  world.crash(1);
  REQUIRE(world.run_until(seconds(10), [&] {
    for (const auto& member : world.nodes[2].view.members) {
      if (member.health == contract::Health::fail) return true;
    }
    return false;
  }));
  const auto failover = world.result(2, write_log(world, 2, "primaryship", "two", revision));
  INFO(failover.text);
  REQUIRE(failover.outcome == Outcome::ok);
  REQUIRE(world.leased(2));
  // The old one returns under the same id, learns the log and is leased again.
  world.start(1);
  REQUIRE(world.run_until(seconds(10),
                          [&] { return logged(world, 1, "primaryship") == "two" && world.leased(1); }));
  REQUIRE(world.run_until(seconds(10), [&] { return health(world, 2, 1) == contract::Health::ok; }));
}

TEST_CASE("leadership of the log follows the node whose Core should lead") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  REQUIRE(world.result(2, world.submit(2, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  world.run_for(seconds(5));
  const auto leads = [&](int n) { return world.nodes[n].provider->own_seat()->status().leader_active; };
  REQUIRE(leads(1));
  world.submit(1, contract::StandFirst{1});
  world.submit(2, contract::StandFirst{0});
  REQUIRE(world.run_until(seconds(3), [&] { return leads(2); }));
  REQUIRE(world.leased(1));
  REQUIRE(world.leased(2));
  world.submit(2, contract::StandFirst{1});
  world.submit(1, contract::StandFirst{0});
  REQUIRE(world.run_until(seconds(5), [&] { return leads(1); }));
}

TEST_CASE("a node that left a shard can come back at once") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  const auto mover = world.nodes[2].provider->node_id();
  for (int round = 0; round < 3; ++round) {
    const auto in = world.result(2, world.submit(2, contract::JoinShard{{}, shard}));
    INFO(in.text);
    REQUIRE(in.outcome == Outcome::ok);
    REQUIRE(world.run_until(seconds(5), [&] { return world.leased(2); }));
    const auto out = world.result(2, world.submit(2, contract::RemoveFromShard{{}, mover}));
    INFO(out.text);
    REQUIRE(out.outcome == Outcome::ok);
    REQUIRE(world.run_until(seconds(5), [&] { return world.leased(2) && world.leased(1); }));
  }
}

TEST_CASE("a stale expectation is refused and changes nothing") {
  World world;
  world.add(1);
  const auto first = world.result(1, write_log(world, 1, "k", "1"));
  REQUIRE(first.outcome == Outcome::ok);
  REQUIRE(world.result(1, write_log(world, 1, "k", "2")).outcome == Outcome::stale);
  REQUIRE(logged(world, 1, "k") == "1");
  REQUIRE(world.result(1, write_log(world, 1, "k", "2", world.nodes[1].log.at("k").revision)).outcome ==
          Outcome::ok);
}

TEST_CASE("gossip reaches every node in both scopes, and own writes are notified before they complete") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  contract::UpdateGossip update;
  update.batch.push_back({"g", "v", {}});
  REQUIRE(world.result(3, world.submit(3, update)).outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), [&] {
    return world.nodes[1].global.contains("g") && world.nodes[2].global.contains("g");
  }));
  REQUIRE_FALSE(world.nodes[1].shard.contains("g"));
  contract::UpdateGossip large;
  for (int i = 0; i < 3'000; ++i) large.batch.push_back({"large:" + std::to_string(i), "some value", {}});
  REQUIRE(world.result(2, world.submit(2, large)).outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), [&] {
    return world.nodes[1].global.contains("large:2999") && world.nodes[3].global.contains("large:2999");
  }));
}

TEST_CASE("a node keeps its identity, shard and log over a crash, and is another life") {
  World world;
  for (int n = 1; n <= 2; ++n) world.add(n);
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  REQUIRE(world.result(2, write_log(world, 2, "k", "v")).outcome == Outcome::ok);
  const auto id = world.nodes[2].provider->node_id();
  const auto generation = world.nodes[2].provider->membership().self().life.generation;
  world.run_for(seconds(2));
  world.crash(2);
  world.run_for(seconds(3));
  world.nodes[2].address.port = 18'000;  // and comes back elsewhere
  world.start(2);
  REQUIRE(world.run_until(seconds(10), [&] { return world.leased(2) && logged(world, 2, "k") == "v"; }));
  REQUIRE(world.nodes[2].provider->node_id() == id);
  REQUIRE(world.nodes[2].provider->membership().self().life.generation > generation);
  REQUIRE(world.run_until(seconds(10), [&] {
    const auto view = world.nodes[1].provider->membership().find(id);
    return view && view->record.address.port == 18'000 && health(world, 1, 2) == contract::Health::ok;
  }));
}

TEST_CASE("a node that returns learns what changed meanwhile at its first contact") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  contract::UpdateGossip update;
  update.batch.push_back({"g", "old", {}});
  REQUIRE(world.result(2, world.submit(2, update)).outcome == Outcome::ok);
  world.run_for(seconds(10));
  world.crash(3);
  update.batch.front() = {"g", "new", world.nodes[2].global.at("g").revision};
  REQUIRE(world.result(2, world.submit(2, update)).outcome == Outcome::ok);
  world.run_for(seconds(30));
  world.start(3);
  REQUIRE(world.nodes[3].global.at("g").value == "old");
  REQUIRE(world.run_until(milliseconds(1'500), [&] { return world.nodes[3].global.at("g").value == "new"; }));
}

TEST_CASE("a damaged state file is refused, a torn one is cut") {
  World world;
  world.add(1);
  world.result(1, write_log(world, 1, "k", "v"));
  world.run_for(seconds(1));
  const auto file = world.nodes[1].file;
  std::string error;
  provider::Settings settings;
  auto damaged = file;
  damaged[damaged.size() / 3] = static_cast<char>(damaged[damaged.size() / 3] ^ 0x40);
  REQUIRE(provider::Provider::start(settings, damaged, world.now, 1, error) == nullptr);
  REQUIRE_FALSE(error.empty());
  REQUIRE(provider::Provider::start(settings, file.substr(0, file.size() - 1), world.now, 1, error) !=
          nullptr);
}

TEST_CASE("FORGET removes a node everywhere, a restart does not bring it back, a MEET does") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  world.run_until(seconds(5), [&] { return world.nodes[2].view.members.size() == 3; });
  const auto victim = world.nodes[3].provider->node_id();
  const auto forgotten =
      world.result(1, world.submit(1, contract::RemoveFromCluster{{}, victim, false, false}));
  INFO(forgotten.text);
  REQUIRE(forgotten.outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), [&] {
    return world.nodes[2].view.members.size() == 2 && world.nodes[3].view.members.size() == 1;
  }));
  REQUIRE(world.result(2, world.submit(2, contract::RemoveFromCluster{{}, victim, false, false})).outcome ==
          Outcome::ok);
  world.crash(3);
  world.start(3);
  world.run_for(seconds(5));
  REQUIRE(world.nodes[1].view.members.size() == 2);
  const auto met = world.meet(3, 2);
  INFO(met.text);
  REQUIRE(met.outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), [&] { return world.nodes[1].view.members.size() == 3; }));
}

TEST_CASE("a node whose RESET was cut short by a crash does not look for the members of its old cluster") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  world.run_for(seconds(5));
  world.crash(3);
  wire::NodeRecord record;
  for (const auto& kept : wire::read_file(world.nodes[3].file).records) {
    if (const auto* node = std::get_if<wire::NodeRecord>(&kept)) record = *node;
  }
  record.cluster = Rng(77).id<ClusterId>();  // the last thing that reached the disk
  world.nodes[3].file += wire::encode_record(record);
  world.start(3);
  world.run_for(seconds(5));
  REQUIRE(world.nodes[3].view.members.size() == 1);
}

TEST_CASE("a replica that resets leaves its shard, and the shard goes on") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  REQUIRE(world.result(2, world.submit(2, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  world.run_for(seconds(5));
  const auto id = world.nodes[2].provider->node_id();
  const auto done = world.result(2, world.submit(2, contract::RemoveFromCluster{{}, id, true, false}));
  INFO(done.text);
  REQUIRE(done.outcome == Outcome::ok);
  REQUIRE(world.nodes[2].provider->node_id() != id);
  REQUIRE(world.run_until(seconds(5), [&] {
    return world.nodes[1].view.members.size() == 2 && world.nodes[3].view.members.size() == 2;
  }));
  REQUIRE(world.nodes[2].provider->shard_id() != shard);
  REQUIRE(world.run_until(seconds(10), [&] { return world.leased(2); }));
  REQUIRE(world.run_until(seconds(60), [&] {
    return world.nodes[1].provider->own_seat()->status().configuration.voters.size() == 1;
  }));
  REQUIRE(world.leased(1));
}

TEST_CASE("a node that left a shard becomes its witness at once; a witness that resets is replaced") {
  World world;
  for (int n = 1; n <= 4; ++n) world.add(n);
  for (int n = 2; n <= 4; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  for (int n = 2; n <= 3; ++n)
    REQUIRE(world.result(n, world.submit(n, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  world.run_for(seconds(5));
  world.nodes[4].provider->leave(world.now);
  world.crash(4);
  const auto left = world.nodes[3].provider->node_id();
  REQUIRE(world.result(3, world.submit(3, contract::RemoveFromShard{{}, left})).outcome == Outcome::ok);
  const auto witness = [&](int at) -> NodeId {
    for (const auto& voter : world.nodes[at].provider->own_seat()->status().configuration.voters) {
      if (voter.role == shard_log::Role::witness) return voter.node;
    }
    return {};
  };
  REQUIRE(world.run_until(seconds(20), [&] { return witness(1) == left; }));
  world.start(4);
  const auto fourth = world.nodes[4].provider->node_id();
  world.run_for(seconds(5));
  REQUIRE(world.result(3, world.submit(3, contract::RemoveFromCluster{{}, left, true, false})).outcome ==
          Outcome::ok);
  REQUIRE(world.run_until(seconds(90), [&] { return witness(1) == fourth; }));
}

// Seed 11805758231: nobody's lease tells of a member without a seat, and SWIM alone is not believed in a
// shard.
TEST_CASE("a dead member whose FORGET ended between its seat and its tombstone is called FAIL") {
  World world;
  for (int n = 1; n <= 4; ++n) world.add(n);
  for (int n = 2; n <= 4; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  for (int n = 2; n <= 3; ++n)
    REQUIRE(world.result(n, world.submit(n, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  world.run_for(seconds(5));
  const auto victim = world.nodes[2].provider->node_id();
  const auto has_seat = [&] {
    const auto voters = world.nodes[1].provider->own_seat()->status().configuration.voters;
    return std::ranges::any_of(voters, [&](const auto& voter) { return voter.node == victim; });
  };
  REQUIRE(has_seat());
  world.crash(2);
  for (const int n : {1, 3}) world.cut.insert({n, 4});  // the issuer never hears that the seat is gone
  world.submit(4, contract::RemoveFromCluster{{}, victim, false, false});
  REQUIRE(world.run_until(milliseconds(900), [&] { return !has_seat(); }));
  world.crash(4);
  const auto failed = [&](int at) {
    return std::ranges::any_of(world.nodes[at].view.members, [&](const auto& member) {
      return member.id == victim && member.health == contract::Health::fail;
    });
  };
  for (const int n : {1, 3}) CHECK(world.run_until(seconds(60), [&] { return failed(n); }));
  // Back as a member, it is well again.
  world.start(2);
  CHECK(world.run_until(seconds(30), [&] { return world.leased(2); }));
  REQUIRE(world.result(2, world.submit(2, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  world.run_for(seconds(5));
  CHECK(world.leased(2));
  for (const int n : {1, 3}) CHECK(health(world, n, 2) == contract::Health::ok);
}

TEST_CASE("a seat that was offered in vain goes when the leader says so, not before") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  for (int n = 2; n <= 3; ++n) REQUIRE(world.meet(n, 1).outcome == Outcome::ok);
  const auto shard = world.nodes[1].provider->shard_id();
  const auto has_seat = [&] {
    const auto seats = world.nodes[3].provider->seat_statuses();
    return std::ranges::any_of(seats, [&](const auto& seat) { return seat.shard == shard; });
  };
  world.cut.insert({3, 1});  // asked to be the witness, it offers a seat that nobody hears of
  REQUIRE(world.result(2, world.submit(2, contract::JoinShard{{}, shard})).outcome == Outcome::ok);
  REQUIRE(world.run_until(seconds(5), has_seat));
  const auto second = world.nodes[2].provider->node_id();
  REQUIRE(world.result(2, world.submit(2, contract::RemoveFromShard{{}, second})).outcome == Outcome::ok);
  world.run_for(seconds(200));
  CHECK(has_seat());
  world.cut.clear();
  CHECK(world.run_until(seconds(60), [&] { return !has_seat(); }));
}

TEST_CASE("garbage, foreign and reflected packets are counted and change nothing") {
  World world;
  world.add(1);
  world.run_for(seconds(1));
  auto& provider = *world.nodes[1].provider;
  Rng rng(5);
  for (int i = 0; i < 1'000; ++i) {
    std::string bytes(rng.below(600), '\0');
    for (auto& byte : bytes) byte = static_cast<char>(rng.next());
    provider.on_datagram(world.now, Address::v4(10, 0, 0, 9, 1), bytes);
  }
  const auto& counters = provider.counters();
  REQUIRE(counters.bad_checksum + counters.bad_format + counters.bad_version == 1'000);
  REQUIRE(provider.membership().members().size() == 1);
  REQUIRE(world.run_until(seconds(2), [&] { return world.leased(1); }));
}

// Seed 1959 of an older nemesis: what was left of the seat decided, and a witness' seat that had ended was
// gone. The shard was begun a second time, under an epoch that its members had long left behind.
TEST_CASE("a move that a crash interrupts never begins a shard anew that others have") {
  World world;
  for (int n = 1; n <= 2; ++n) world.add(n);
  world.run_until(seconds(5), [&] { return world.leased(1) && world.leased(2); });
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  const auto target = world.nodes[1].provider->shard_id();
  world.run_for(seconds(3));
  world.crash(2);
  const auto contents = wire::read_file(world.nodes[2].file);
  auto record = std::get<wire::NodeRecord>(contents.records.front());
  for (const auto& entry : contents.records) {
    if (const auto* newer = std::get_if<wire::NodeRecord>(&entry)) record = *newer;
  }
  record.move = {true, target, VoterUuid{{7}}};  // the intent is durable, no seat of it is
  world.nodes[2].file += wire::encode_record(record);
  world.start(2);
  const auto begun_anew = [&] {
    const auto statuses = world.nodes[2].provider->seat_statuses();
    return std::any_of(statuses.begin(), statuses.end(), [&](const auto& status) {
      const auto& voters = status.configuration.voters;
      return status.shard == target && voters.size() == 1 &&
             voters.front().node == world.nodes[2].provider->node_id();
    });
  };
  REQUIRE_FALSE(world.run_until(seconds(60), begun_anew));
  // Whether it may close the shard that it was alone in is not remembered: the move is undone.
  REQUIRE(world.nodes[2].provider->shard_id() != target);
  const auto again = world.submit(2, contract::JoinShard{{}, target});
  REQUIRE(world.result(2, again).outcome == Outcome::ok);
  REQUIRE(world.nodes[2].provider->own_seat()->status().configuration.voters.size() == 2);
}

// Seed 538 of an older nemesis: it had joined, died before its members were on disk, and was forgotten
// meanwhile. From strangers it took no word, so it never heard; and MEET, which saw its cluster, said OK for
// ever.
TEST_CASE("a node that has lost its members hears that it was forgotten, and comes back by MEET") {
  World world;
  for (int n = 1; n <= 3; ++n) world.add(n);
  REQUIRE(world.meet(2, 1).outcome == Outcome::ok);
  REQUIRE(world.meet(3, 1).outcome == Outcome::ok);
  world.run_for(seconds(3));
  world.crash(3);
  const auto id = contract::RemoveFromCluster{
      {},
      std::get<wire::NodeRecord>(wire::read_file(world.nodes[3].file).records.front()).node,
      false,
      false};
  REQUIRE(world.result(1, world.submit(1, id)).outcome == Outcome::ok);
  std::string without_members = wire::file_preamble();
  for (const auto& record : wire::read_file(world.nodes[3].file).records) {
    if (!std::holds_alternative<wire::KnownMembersRecord>(record))
      without_members += wire::encode_record(record);
  }
  world.nodes[3].file = without_members;
  world.start(3);
  world.run_for(seconds(2));
  world.meet(1, 3);
  world.run_for(seconds(5));
  world.meet(1, 3);
  REQUIRE(world.run_until(seconds(10), [&] {
    return world.nodes[3].view.members.size() == 3 && world.nodes[1].view.members.size() == 3;
  }));
}
