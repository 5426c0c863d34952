// One exchange makes two nodes equal, both ways, for far fewer bytes than a snapshot; over the real wire.
#include "provider/repair.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <iostream>

#include "wire/packet.hpp"

using namespace vswim;
using contract::Scope;

namespace {

constexpr Instant t0{1'000'000'000};

struct Bytes {
  std::size_t request = 0, answer = 0, back = 0;
  std::size_t sum() const { return request + answer + back; }
};

struct Peer {
  explicit Peer(std::uint64_t seed) : rng(seed) {}

  Rng rng;
  swim::MemberUpdate self{rng.id<NodeId>(), {{1}, {1}, {0}},   swim::Status::alive,
                          address(rng),     rng.id<ShardId>(), {1}};
  swim::Swim swim{swim::Settings{}, self, t0, Rng(rng.next())};
  gossip::Gossip gossip{gossip::Settings{}, self.id, t0, Rng(rng.next())};

  static Address address(Rng& rng) {
    return Address::v4(10, 0, static_cast<std::uint8_t>(rng.below(200)),
                       static_cast<std::uint8_t>(1 + rng.below(200)), 17'000);
  }
  provider::Holding holding() { return {Scope::global, {}, gossip, &swim}; }
  void write(const std::string& key, std::optional<std::string> value) {
    const auto here = gossip.find(key);
    const auto expected = here ? std::optional(here->revision) : std::nullopt;
    REQUIRE(gossip.write(t0, {{key, std::move(value), expected}}) == gossip::WriteOutcome::ok);
  }
  std::vector<swim::MemberUpdate> members() const {
    auto members = swim.snapshot();
    for (auto& member : members) member.observers = 0;
    return members;
  }
};

// As it arrives, and how many bytes that took.
wire::Control carry(const Peer& from, wire::Control control, std::size_t& bytes) {
  wire::Packet packet;
  packet.header.sender = from.self.id;
  packet.header.life = from.self.life;
  packet.control = std::move(control);
  const auto encoded = wire::encode(packet);
  bytes = encoded.size();
  auto decoded = wire::decode(encoded);
  REQUIRE(decoded.error == wire::DecodeError::none);
  return *decoded.packet.control;
}

Bytes repair(Peer& asker, Peer& answerer, bool both_ways = true) {
  Bytes bytes;
  const auto request = carry(asker, provider::repair_request(asker.holding(), both_ways), bytes.request);
  const auto answer =
      carry(answerer, provider::repair_answer(answerer.holding(), std::get<wire::SnapshotRequest>(request)),
            bytes.answer);
  auto repaired = provider::apply_repair(t0, asker.holding(), std::get<wire::RepairPart>(answer));
  if (!repaired.back) return bytes;
  const auto back = carry(asker, *std::move(repaired.back), bytes.back);
  REQUIRE_FALSE(
      provider::apply_repair(t0, answerer.holding(), std::get<wire::RepairPart>(back)).back.has_value());
  return bytes;
}

std::size_t whole_snapshot_bytes(Peer& peer) {
  std::size_t bytes = 0;
  carry(peer, provider::repair_answer(peer.holding(), {}), bytes);
  return bytes;
}

// Both know these members, and each other.
void introduce(std::vector<Peer*> peers, std::size_t members) {
  Rng rng(7);
  std::vector<swim::MemberUpdate> known;
  for (std::size_t i = 0; i < members; ++i)
    known.push_back(
        {rng.id<NodeId>(), {{1}, {1}, {0}}, swim::Status::alive, Peer::address(rng), rng.id<ShardId>(), {1}});
  for (const auto* peer : peers) known.push_back(peer->self);
  for (auto* peer : peers) peer->swim.merge(t0, known, true);
}
void give_registers(std::vector<Peer*> peers, std::size_t count) {
  gossip::BatchUpdate batch;
  Rng rng(8);
  const auto writer = rng.id<NodeId>();
  for (std::size_t i = 0; i < count; ++i)
    batch.registers.push_back({"slot:" + std::to_string(i), std::string(40, 'o'), {1, 0, writer}});
  for (auto* peer : peers) REQUIRE(peer->gossip.apply(t0, batch));
}

void require_equal(const Peer& a, const Peer& b) {
  REQUIRE(a.gossip.root() == b.gossip.root());
  REQUIRE(a.gossip.snapshot() == b.gossip.snapshot());
  REQUIRE(a.members() == b.members());
}

}  // namespace

TEST_CASE("one register of 16 384 that was missed costs a hundredth of the snapshot, whoever asks") {
  for (const bool the_one_who_lacks_it_asks : {true, false}) {
    Peer one(1), other(2);
    introduce({&one, &other}, 100);
    give_registers({&one, &other}, 16'384);
    other.write("slot:5", "new");
    const auto whole = whole_snapshot_bytes(other);
    const auto bytes = the_one_who_lacks_it_asks ? repair(one, other) : repair(other, one);
    std::cout << "one register of 16 384 missed, " << (the_one_who_lacks_it_asks ? "it" : "the other")
              << " asks: " << bytes.request << " + " << bytes.answer << " + " << bytes.back
              << " bytes; whole snapshot: " << whole << "\n";
    require_equal(one, other);
    REQUIRE(one.gossip.find("slot:5")->value == "new");
    REQUIRE(bytes.sum() * 50 < whole);
  }
}

TEST_CASE("two sides that wrote apart are equal after one exchange of each pair, whichever side asks") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    Rng rng(seed);
    std::vector<Peer> left, right;
    for (std::size_t i = 0; i < 3; ++i) {
      left.emplace_back(seed * 100 + i);
      right.emplace_back(seed * 100 + 50 + i);
    }
    std::vector<Peer*> all;
    for (auto* side : {&left, &right})
      for (auto& peer : *side) all.push_back(&peer);
    introduce(all, 200);
    give_registers(all, 8'000);
    // Within a side everybody hears everything; a member of it dies.
    for (auto* side : {&left, &right}) {
      const bool is_left = side == &left;
      for (std::size_t i = 0; i < 150; ++i) {
        auto& writer = (*side)[rng.below(side->size())];
        const auto key = "slot:" + std::to_string(rng.below(8'100));
        const bool deletes = rng.below(4) == 0 && writer.gossip.find(key);
        writer.write(key, deletes ? std::nullopt : std::optional(std::to_string(rng.next())));
        const gossip::BatchUpdate written{{writer.gossip.take_output().changed.back()}};
        for (auto& peer : *side) REQUIRE((&peer == &writer || peer.gossip.apply(t0, written)));
      }
      // Not one of the six: they would refute it.
      auto known = (*side)[0].swim.snapshot();
      std::erase_if(known, [&](const auto& member) {
        return std::any_of(all.begin(), all.end(), [&](auto* peer) { return peer->self.id == member.id; });
      });
      const auto& victim = known[is_left ? 20 : 40];
      for (auto& peer : *side) peer.swim.confirm_dead(t0, victim.id, victim.life);
    }
    const auto whole = whole_snapshot_bytes(left[0]);
    for (std::size_t i = 0; i < left.size(); ++i) {
      auto& asker = seed % 2 == 0 ? left[i] : right[i];
      auto& answerer = seed % 2 == 0 ? right[i] : left[i];
      const auto bytes = repair(asker, answerer);
      require_equal(asker, answerer);
      REQUIRE(bytes.answer * 2 < whole);
      REQUIRE(bytes.back * 2 < whole);
    }
    for (const auto* peer : all) require_equal(*all.front(), *peer);
  }
}

TEST_CASE("a member that differs in one thing is told in its bucket, either way") {
  const auto vary = [](int what, swim::MemberUpdate& member) {
    member.life.incarnation = {1};
    if (what == 1) member.status = swim::Status::dead;
    if (what == 2) member.address.port = 1;
    if (what == 3) member.shard.bytes[3] ^= 1;
    if (what == 4) member.shard_epoch = {2};
    if (what == 5) member.life.generation = {2};
    if (what == 6) member.status = swim::Status::forgotten;
  };
  for (int what = 0; what <= 6; ++what) {
    for (const bool asks : {true, false}) {
      INFO(what << ' ' << asks);
      Peer one(1), other(2);
      introduce({&one, &other}, 1'000);
      auto member = one.swim.snapshot()[500];
      vary(what, member);
      other.swim.merge(t0, {{member}}, true);
      REQUIRE(one.members() != other.members());
      const auto bytes = asks ? repair(one, other) : repair(other, one);
      require_equal(one, other);
      REQUIRE(bytes.sum() < 8'000);
    }
  }
}

TEST_CASE("who only starts gets what it lacks and gives nothing back") {
  Peer started(1), other(2);
  introduce({&started, &other}, 300);
  give_registers({&started, &other}, 2'000);
  other.write("slot:5", "new");
  started.write("slot:6", "own");
  const auto bytes = repair(started, other, false);
  REQUIRE(bytes.back == 0);
  REQUIRE(bytes.answer < 4'000);
  REQUIRE(started.gossip.find("slot:5")->value == "new");
  REQUIRE(other.gossip.find("slot:6")->value != "own");
}

TEST_CASE("a newcomer that knows nobody gets everything") {
  Peer joiner(1), other(2);
  introduce({&other}, 300);
  give_registers({&other}, 2'000);
  repair(joiner, other);
  require_equal(joiner, other);
}

TEST_CASE("a peer of a version without digests is answered by the whole, and its whole is taken") {
  Peer older(1), other(2);
  introduce({&older, &other}, 300);
  give_registers({&older, &other}, 2'000);
  other.write("slot:5", "new");
  const auto answer = provider::repair_answer(other.holding(), {Scope::global, {}, {}, false});
  const auto& whole = std::get<wire::SnapshotAnswer>(answer);
  REQUIRE(whole.snapshot == other.gossip.snapshot());
  REQUIRE(whole.members == other.swim.snapshot());
  REQUIRE_FALSE(provider::apply_repair(t0, older.holding(), whole).back);
  require_equal(older, other);
}

TEST_CASE("a shard's namespace is repaired without members") {
  Peer one(1), other(2);
  const ShardId shard = one.self.shard;
  one.write("a", "1");
  other.write("b", "2");
  const auto before = one.members();
  const provider::Holding left{Scope::shard, shard, one.gossip, nullptr},
      right{Scope::shard, shard, other.gossip, nullptr};
  const auto answer = provider::repair_answer(right, provider::repair_request(left, true));
  REQUIRE(std::get<wire::RepairPart>(answer).shard == shard);
  const auto repaired = provider::apply_repair(t0, left, std::get<wire::RepairPart>(answer));
  REQUIRE(repaired.back);
  REQUIRE(repaired.back->scope == Scope::shard);
  provider::apply_repair(t0, right, *repaired.back);
  REQUIRE(one.gossip.snapshot() == other.gossip.snapshot());
  REQUIRE(one.members() == before);
}

TEST_CASE("a part for an earlier life changes nothing, members included, and is not answered") {
  Peer asker(1), other(2), again(1);
  introduce({&asker, &other}, 50);
  other.write("a", "1");
  again.gossip.clear(t0);
  const auto answer =
      provider::repair_answer(other.holding(), provider::repair_request(asker.holding(), true));
  const auto before = again.members();
  const auto repaired = provider::apply_repair(t0, again.holding(), std::get<wire::RepairPart>(answer));
  REQUIRE_FALSE(repaired.back);
  REQUIRE_FALSE(repaired.brought_many);
  REQUIRE(again.members() == before);
  REQUIRE_FALSE(again.gossip.find("a"));
}
