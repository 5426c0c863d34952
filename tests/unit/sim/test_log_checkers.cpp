// The checkers that read what nodes hand to their disks: each is shown green on a good history and red on a
// bad one. A small shard of three voters writes its files here, byte for byte as a node would.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>

#include "base/rng.hpp"
#include "shard_log/log.hpp"
#include "sim/checkers/bounded.hpp"
#include "sim/checkers/chains.hpp"
#include "sim/checkers/complete_leaders.hpp"
#include "sim/checkers/durable_commits.hpp"
#include "sim/checkers/promises.hpp"
#include "sim/checkers/sealed_epochs.hpp"
#include "sim/checkers/silence.hpp"
#include "sim/checkers/voter_memory.hpp"
#include "wire/shard_log_codec.hpp"

using namespace vswim;
using namespace vswim::sim;
using shard_log::AcceptRecord;
using shard_log::Ballot;
using shard_log::Entry;
using shard_log::PromiseRecord;
using shard_log::StateRecord;

namespace {

struct World {
  World() {
    files.tell(sealed);
    for (SeatFileReader* reader :
         {static_cast<SeatFileReader*>(&commits), static_cast<SeatFileReader*>(&promises),
          static_cast<SeatFileReader*>(&chains), static_cast<SeatFileReader*>(&leaders),
          static_cast<SeatFileReader*>(&memory), static_cast<SeatFileReader*>(&silence),
          static_cast<SeatFileReader*>(&bounded)})
      files.tell(*reader);
    commits.tell(sealed);
    configuration.epoch = {1};
    for (auto& node : nodes) node = rng.id<NodeId>();
    std::ranges::sort(nodes);  // as configurations are
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      uuids[i] = rng.id<VoterUuid>();
      configuration.voters.push_back({nodes[i], uuids[i], shard_log::Role::data});
      bounded.on_start(static_cast<NodeIndex>(i), 0);
    }
    for (NodeIndex i = 0; i < nodes.size(); ++i) open(i);
  }

  std::string record(const shard_log::Record& made) const {
    return wire::encode_record(wire::SeatRecord{shard, wire::encode_seat_record(made)});
  }
  std::string beginning(NodeIndex node) const {
    return wire::file_preamble() + wire::encode_record(wire::NodeRecord{nodes[node], {}, {}, {}, {}, {}}) +
           wire::encode_record(wire::SeatOpenedRecord{shard, uuids[node]});
  }
  StateRecord state(const Ballot& promised = {}) const {
    return {configuration, {}, promised, {}, seconds(1), {}, {}};
  }
  void open(NodeIndex node) { write(node, beginning(node) + record(state()), true); }
  // Handed to the disk and, unless said otherwise, confirmed.
  void write(NodeIndex node, const std::string& bytes, bool rewrite = false, bool durable = true) {
    bounded.on_disk_write(now, node, rewrite, bytes.size());
    files.on_write(now, node, ++sequence, rewrite, bytes);
    if (durable) files.on_durable(now, node, sequence);
    kept[node] = rewrite ? bytes : kept[node] + bytes;
  }
  Ballot ballot(std::uint64_t round, NodeIndex node) const { return {round, nodes[node], 0}; }
  // The next entry behind `log`.
  Entry entry(const std::vector<Entry>& log, const Ballot& by, const std::string& value) const {
    Entry made;
    made.revision = log.size() + 1;
    made.ballot = by;
    made.batch = {{"test:a", value, {}}};
    made.chain = shard_log::chain_after(log.empty() ? Hash128{} : log.back().chain, made);
    return made;
  }
  void accept(NodeIndex node, const Ballot& by, const std::vector<Entry>& log, std::uint64_t base = 0,
              bool durable = true) {
    AcceptRecord made{by, base, std::nullopt, {log.begin() + static_cast<std::ptrdiff_t>(base), log.end()}};
    write(node, record(made), false, durable);
  }
  bool red(const std::string& invariant) const {
    return !violations.empty() && violations.first()[0].invariant == invariant;
  }

  Rng rng{7};
  WorldTime now{seconds(100).ns};
  Violations violations;
  SeatFiles files{violations};
  Promises promises{violations};
  Chains chains{violations};
  DurableCommits commits{violations};
  CompleteLeaders leaders{violations, commits};
  SealedEpochs sealed{violations};
  VoterMemory memory{violations};
  Silence silence{violations};
  Bounded bounded{violations};
  ShardId shard = rng.id<ShardId>();
  shard_log::Configuration configuration;
  std::array<NodeId, 3> nodes;
  std::array<VoterUuid, 3> uuids;
  std::array<std::string, 3> kept;
  std::uint64_t sequence = 0;
};

}  // namespace

TEST_CASE("I1 goes red when a new file lacks a promise that the old one held") {
  World world;
  world.write(0, world.record(PromiseRecord{world.ballot(5, 1)}));
  world.write(0, world.beginning(0) + world.record(world.state(world.ballot(5, 1))), true);
  CHECK(world.violations.empty());
  world.write(0, world.beginning(0) + world.record(world.state(world.ballot(4, 1))), true);
  CHECK(world.red("I1"));
}

TEST_CASE("I3 goes red when two nodes write different entries of one revision and ballot") {
  World world;
  const auto by = world.ballot(2, 0);
  world.accept(0, by, {world.entry({}, by, "x")});
  world.accept(1, by, {world.entry({}, by, "x")});
  CHECK(world.violations.empty());
  world.accept(2, by, {world.entry({}, by, "other")});
  CHECK(world.red("I3"));
}

TEST_CASE(
    "I4 counts a revision as committed when a majority has it durable, not when it is written or claimed") {
  World world;
  const auto by = world.ballot(2, 0);
  std::vector<Entry> log{world.entry({}, by, "x")};
  world.accept(0, by, log);
  world.accept(1, by, log, 0, false);  // handed to the disk, not confirmed
  CHECK(world.commits.of(world.shard).empty());
  SECTION("a claim without a majority is red") {
    world.commits.on_claim(world.now, 0, world.shard, 1);
    CHECK(world.red("I4"));
  }
  SECTION("once the disk confirms, the claim is right") {
    world.files.on_durable(world.now, 1, world.sequence);
    CHECK(world.commits.of(world.shard).size() == 1);
    world.commits.on_claim(world.now, 0, world.shard, 1);
    CHECK(world.violations.empty());
    SECTION("and another log that a majority takes later is red") {
      const auto later = world.ballot(3, 2);
      const std::vector<Entry> other{world.entry({}, later, "y")};
      world.accept(1, later, other);
      world.accept(2, later, other);
      CHECK(world.red("I4") == false);  // I5 tells first: its leader lacked the committed entry
      bool told = false;
      for (const auto& violation : world.violations.first()) told = told || violation.invariant == "I4";
      CHECK(told);
    }
  }
}

TEST_CASE("I5 goes red when a leader lacks what is committed under a lower ballot") {
  World world;
  const auto by = world.ballot(2, 0);
  std::vector<Entry> log{world.entry({}, by, "x")};
  world.accept(0, by, log);
  world.accept(1, by, log);
  const auto later = world.ballot(3, 2);
  SECTION("it adopted it") {
    log.push_back(world.entry(log, later, "noop"));
    world.accept(2, later, log);
    CHECK(world.violations.empty());
  }
  SECTION("it has something else there") {
    world.accept(2, later, {world.entry({}, later, "y")});
    CHECK(world.red("I5"));
  }
}

TEST_CASE("I12 goes red when an epoch goes on after its seal, or the next begins before it") {
  World world;
  const auto by = world.ballot(2, 0);
  auto next = world.configuration;
  next.epoch = {2};
  next.voters.pop_back();
  std::vector<Entry> log{world.entry({}, by, "x")};
  Entry seal;
  seal.revision = 2;
  seal.ballot = by;
  seal.seal = next;
  seal.chain = shard_log::chain_after(log.back().chain, seal);
  log.push_back(seal);
  world.accept(0, by, log);
  StateRecord installed{next, by, by, {}, seconds(1), {2, seal.chain, {}, {}}, {}};
  SECTION("installed before the Seal is committed") {
    world.sealed.on_configuration(world.now, 0, world.shard, next);
    CHECK(world.red("I12"));
  }
  SECTION("after it: good") {
    world.accept(1, by, log);
    world.write(0, world.record(installed));
    CHECK(world.violations.empty());
    SECTION("and a commit in the sealed epoch") {
      log.push_back(world.entry(log, by, "late"));
      world.accept(1, by, log, 2);
      world.accept(2, by, log);
      CHECK(world.red("I12"));
    }
  }
}

TEST_CASE("I14 goes red when a node whose disk lost what it had confirmed is the voter it was") {
  World world;
  world.write(0, world.record(PromiseRecord{world.ballot(5, 1)}));
  SECTION("everything is there: good") {
    world.files.on_restart(world.now, 0, world.kept[0]);
    world.memory.on_held(world.now, 0, world.shard, world.uuids[0]);
    CHECK(world.violations.empty());
  }
  SECTION("a confirmed promise is missing") {
    world.files.on_restart(world.now, 0, world.beginning(0) + world.record(world.state()));
    world.memory.on_held(world.now, 0, world.shard, world.uuids[0]);
    CHECK(world.red("I14"));
  }
  SECTION("the disk is empty, and it opens a seat under the old uuid") {
    world.files.on_restart(world.now, 0, "");
    CHECK(world.violations.empty());
    world.open(0);
    CHECK(world.red("I14"));
  }
  SECTION("the disk is empty, and it opens a seat under a new uuid: good") {
    world.files.on_restart(world.now, 0, "");
    world.uuids[0] = world.rng.id<VoterUuid>();
    world.open(0);
    CHECK(world.violations.empty());
  }
  SECTION("another node opens a seat under the uuid") {
    world.uuids[1] = world.uuids[0];
    world.shard = world.rng.id<ShardId>();
    world.open(1);
    CHECK(world.red("I14"));
  }
}

TEST_CASE(
    "I15 goes red when a seat supports, promises or leads before the largest T it promised has passed") {
  World world;
  world.files.on_restart(world.now, 0, world.kept[0]);
  const shard_log::Appended silent{{1}, world.ballot(2, 1), world.uuids[0], {}, false, 0, 0};
  auto supporting = silent;
  supporting.supports = true;
  const shard_log::Prepare prepare{{1}, world.ballot(3, 0), {}, 0, 0, {}};
  const auto almost = world.now + milliseconds(999);
  world.silence.on_message(almost, 0, world.shard, silent);
  world.silence.on_message(almost, 1, world.shard, supporting);  // that node has not restarted
  world.silence.on_message(world.now + seconds(1), 0, world.shard, supporting);
  world.silence.on_leading(world.now + seconds(1), 0, world.shard);
  CHECK(world.violations.empty());
  SECTION("supports") { world.silence.on_message(almost, 0, world.shard, supporting); }
  SECTION("asks for itself") { world.silence.on_message(almost, 0, world.shard, prepare); }
  SECTION("leads") { world.silence.on_leading(almost, 0, world.shard); }
  CHECK(world.red("I15"));
}

TEST_CASE("I18 goes red when a file, a tail or the seats of a node grow without end") {
  World world;
  const std::string hint = wire::encode_record(
      wire::GossipHintRecord{{{{"test:big", std::string(60'000, 'x'), {1, 0, world.nodes[0]}}}}});
  for (int i = 0; i < 17; ++i) world.write(0, hint);
  world.bounded.on_seats(world.now, 0, 16);
  CHECK(world.violations.empty());
  SECTION("file") {
    for (int i = 0; i < 3; ++i) world.write(0, hint);
  }
  SECTION("seats") { world.bounded.on_seats(world.now, 0, 17); }
  SECTION("gossip") { world.bounded.on_gossip(world.now, 0, 5'000); }
  SECTION("tail") {
    const auto by = world.ballot(2, 0);
    std::vector<Entry> log;
    for (std::size_t i = 0; i <= Bounded::tail_entries_max; ++i) log.push_back(world.entry(log, by, "x"));
    world.accept(1, by, log);
  }
  CHECK(world.red("I18"));
}
