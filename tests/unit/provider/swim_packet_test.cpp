#include "provider/swim_packet.hpp"

#include <catch2/catch_test_macros.hpp>

#include "provider/snapshot_budget.hpp"

using namespace vswim;

namespace {

constexpr std::size_t datagram_bytes = 1'400;

swim::MemberUpdate member(Rng& rng, swim::Status status) {
  swim::MemberUpdate update;
  update.id = rng.id<NodeId>();
  update.life = {{1}, {7}, {3}};
  update.status = status;
  if (status == swim::Status::alive) {
    update.address = Address::v4(10, 1, 2, 3, 17'000);
    update.shard = rng.id<ShardId>();
    update.shard_epoch = {2};
  }
  if (status == swim::Status::suspect) update.observers = 5;
  return update;
}

struct Sender {
  Rng rng{1};
  swim::MemberUpdate self = member(rng, swim::Status::alive);
  swim::Swim swim{swim::Settings{}, self, Instant{}, Rng(2)};
  gossip::Gossip gossip{gossip::Settings{}, self.id, Instant{}, Rng(3)};

  wire::Packet packet(swim::Datagram datagram) {
    wire::Packet blank;
    blank.header.cluster = rng.id<ClusterId>();
    blank.header.sender = self.id;
    blank.header.life = self.life;
    blank.header.advertised = blank.header.observed = self.address;
    return provider::swim_packet(std::move(blank), datagram, gossip, swim, datagram_bytes);
  }
};

}  // namespace

TEST_CASE("24 members in full, or 41 that are suspect or dead, fit one datagram") {
  Sender sender;
  for (const auto& [status, count] :
       {std::pair{swim::Status::alive, 24u}, std::pair{swim::Status::suspect, 41u},
        std::pair{swim::Status::dead, 41u}}) {
    swim::Datagram rumours;
    for (unsigned i = 0; i < count; ++i) rumours.updates.push_back(member(sender.rng, status));
    const auto packet = sender.packet(rumours);
    CHECK(packet.swim->updates.size() == count);
    CHECK(wire::encode(packet).size() <= datagram_bytes);
  }
}

TEST_CASE("updates that are larger than SWIM counts are left out until the rest fits") {
  Sender sender;
  swim::Datagram rumours;
  for (int i = 0; i < 24; ++i) {
    rumours.updates.push_back(member(sender.rng, swim::Status::alive));
    rumours.updates.back().life.generation = {1'000'000};
  }
  const auto packet = sender.packet(rumours);
  CHECK(packet.swim->updates.size() >= 12);
  CHECK(packet.swim->updates.size() < 24);
  CHECK(wire::encode(packet).size() <= datagram_bytes);
}

TEST_CASE("metadata takes what the updates leave of a datagram") {
  Sender sender;
  sender.gossip.write(Instant{}, {contract::Write{"key", std::string(400, 'x'), std::nullopt}});
  swim::Datagram rumours;
  for (int i = 0; i < 12; ++i) rumours.updates.push_back(member(sender.rng, swim::Status::alive));
  const auto packet = sender.packet(rumours);
  CHECK(packet.swim->updates.size() == 12);
  CHECK(packet.global_gossip->batches.size() == 1);
  CHECK(wire::encode(packet).size() <= datagram_bytes);
}

TEST_CASE("roots differ where a member is missing, and metadata alone is compared where none is") {
  Sender one, other;
  CHECK(provider::global_root(one.gossip, one.swim) == provider::global_root(other.gossip, other.swim));
  const std::vector<swim::MemberUpdate> more{member(one.rng, swim::Status::alive)};
  one.swim.merge(Instant{}, more, false);
  const auto root = provider::global_root(one.gossip, one.swim);
  CHECK(root != provider::global_root(other.gossip, other.swim));
  CHECK(provider::metadata_root(root, other.swim) != other.gossip.root());
  other.swim.merge(Instant{}, more, false);
  CHECK(provider::metadata_root(root, other.swim) == other.gossip.root());
}

TEST_CASE("eight snapshots are served at once, and more later") {
  provider::SnapshotBudget budget;
  for (int i = 0; i < 8; ++i) CHECK(budget.take(Instant{i}));
  CHECK_FALSE(budget.take(Instant{8}));
  CHECK(budget.take(Instant{} + seconds(1)));
}
