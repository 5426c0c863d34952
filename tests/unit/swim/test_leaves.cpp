// The containers of the machine: probe order, rumour queue, member table, errands.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "swim/broadcast_queue.hpp"
#include "swim/descriptions.hpp"
#include "swim/member_table.hpp"
#include "swim/probe.hpp"
#include "swim/probe_order.hpp"

using namespace vswim;
using namespace vswim::swim;

TEST_CASE("every member is probed once a round, in a new order each round") {
  Rng rng(3);
  ProbeOrder order;
  CHECK(order.next(rng) == no_slot);
  for (Slot slot = 0; slot < 50; ++slot) order.insert(slot, rng);
  std::vector<Slot> rounds[2];
  for (auto& round : rounds) {
    for (int i = 0; i < 50; ++i) round.push_back(order.next(rng));
    CHECK(std::set<Slot>(round.begin(), round.end()).size() == 50);
  }
  CHECK(rounds[0] != rounds[1]);
}

TEST_CASE("a newcomer is probed in the running round") {
  Rng rng(4);
  std::set<int> waits;
  for (int trial = 0; trial < 200; ++trial) {
    ProbeOrder order;
    for (Slot slot = 0; slot < 20; ++slot) order.insert(slot, rng);
    for (int i = 0; i < 10; ++i) order.next(rng);
    order.insert(20, rng);
    int wait = 0;
    while (order.next(rng) != 20) ++wait;
    REQUIRE(wait <= 10);
    waits.insert(wait);
  }
  CHECK(waits.size() > 5);  // at a random place
}

TEST_CASE("who joins and goes never disturbs the bound of two rounds for the others") {
  Rng rng(5);
  ProbeOrder order;
  std::set<Slot> present;
  std::map<Slot, std::size_t> since_probed;
  for (int step = 0; step < 20'000; ++step) {
    const Slot slot = static_cast<Slot>(rng.below(40));
    if (rng.chance(100'000)) {
      order.insert(slot, rng);
      if (present.insert(slot).second) since_probed[slot] = 0;
    } else if (rng.chance(100'000)) {
      order.erase(slot);
      present.erase(slot);
      since_probed.erase(slot);
    } else if (const Slot probed = order.next(rng); probed != no_slot) {
      REQUIRE(present.contains(probed));
      for (auto& [other, count] : since_probed) REQUIRE(++count <= 2 * 40);
      since_probed[probed] = 0;
    }
    REQUIRE(order.size() == present.size());
    REQUIRE(order.contains(slot) == present.contains(slot));
  }
}

TEST_CASE("a sample is distinct, without the excluded one, and as large as can be") {
  Rng rng(6);
  ProbeOrder order;
  CHECK(order.sample(3, no_slot, rng).empty());
  for (Slot slot = 0; slot < 30; ++slot) {
    order.insert(slot, rng);
    for (const std::size_t wanted : {1u, 3u, 8u, 100u}) {
      const auto chosen = order.sample(wanted, 0, rng);
      CHECK(chosen.size() == std::min<std::size_t>(wanted, slot));
      CHECK(std::set<Slot>(chosen.begin(), chosen.end()).size() == chosen.size());
      CHECK(std::find(chosen.begin(), chosen.end(), Slot{0}) == chosen.end());
    }
  }
}

TEST_CASE("rumours leave least-sent first, alive before others at equal count") {
  BroadcastQueue queue;
  queue.push(1, false);
  queue.push(2, true);
  queue.push(3, false);
  CHECK(queue.take(2, 10) == std::vector<Slot>{2, 1});
  CHECK(queue.take(2, 10) == std::vector<Slot>{3, 2});
  queue.push(4, true);
  CHECK(queue.take(1, 10) == std::vector<Slot>{4});
}

TEST_CASE("a rumour is dropped after its limit and starts again when it is news again") {
  BroadcastQueue queue;
  queue.push(1, true);
  for (int i = 0; i < 3; ++i) CHECK(queue.take(5, 3) == std::vector<Slot>{1});
  CHECK(queue.empty());
  CHECK(queue.take(5, 3).empty());
  queue.push(1, true);
  queue.take(5, 3);
  queue.push(1, false);
  CHECK(queue.size() == 1);
  for (int i = 0; i < 3; ++i) CHECK(queue.take(5, 3) == std::vector<Slot>{1});
  CHECK(queue.empty());
}

TEST_CASE("rumours are taken while they fit") {
  BroadcastQueue queue;
  for (Slot slot = 1; slot <= 9; ++slot) queue.push(slot, false);
  const auto cost = [](Slot slot) -> std::size_t { return slot == 3 ? 52 : 30; };
  CHECK(queue.take(100, {10, 10}, cost) ==
        std::vector<Slot>{1, 2});  // the third does not fit and is not passed over
  CHECK(queue.take(100, {10, 10}, cost) == std::vector<Slot>{3, 4});
}

TEST_CASE("an erased rumour is never sent") {
  BroadcastQueue queue;
  queue.push(1, true);
  queue.push(2, true);
  queue.erase(1);
  queue.erase(7);
  CHECK(queue.take(5, 3) == std::vector<Slot>{2});
  CHECK(queue.size() == 1);
}

TEST_CASE("the table finds everybody, counts by status and walks in id order") {
  Rng rng(7);
  MemberUpdate self;
  self.id = rng.id<NodeId>();
  MemberTable table(self, Instant{});
  std::map<NodeId, Slot> model{{self.id, MemberTable::self_slot}};
  for (int i = 0; i < 500; ++i) {
    MemberUpdate update;
    update.id = rng.id<NodeId>();
    update.status = static_cast<Status>(rng.below(5));
    CHECK(table.find(update.id) == no_slot);
    model[update.id] = table.insert(update, Instant{});
    if (i % 3 == 0) {
      const auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(rng.below(model.size())));
      if (victim->second != MemberTable::self_slot) {
        table.erase(victim->second);
        CHECK(table.find(victim->first) == no_slot);
        model.erase(victim);
      }
    }
  }
  std::array<std::size_t, 5> counts{};
  auto walk = table.in_id_order().begin();
  for (const auto& [id, slot] : model) {
    CHECK(table.find(id) == slot);
    CHECK(*walk++ == slot);
    ++counts[static_cast<std::size_t>(table.record(slot).status)];
  }
  for (const Status status :
       {Status::alive, Status::suspect, Status::dead, Status::left, Status::forgotten}) {
    CHECK(table.count(status) == counts[static_cast<std::size_t>(status)]);
  }
}

TEST_CASE("equal descriptions are kept once, and go with their last holder") {
  Rng rng(9);
  Descriptions pool;
  std::vector<Description> said(300);
  for (auto& one : said) {
    one.id = rng.id<NodeId>();
    one.life.incarnation = {rng.below(3)};
  }
  std::map<std::size_t, Descriptions::Number> held;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t which = rng.below(said.size());
    if (const auto known = held.find(which); known != held.end()) {
      REQUIRE(pool.hold(said[which]) == known->second);
      REQUIRE(pool.at(known->second) == said[which]);
      pool.let_go(known->second);
      if (rng.chance(500'000)) {
        pool.let_go(known->second);
        held.erase(known);
      }
    } else {
      held[which] = pool.hold(said[which]);
    }
    REQUIRE(pool.size() == held.size());
  }
}

TEST_CASE("a digest tells who is there since which start and who is dead, not who is suspect or gone") {
  Rng rng(10);
  MemberUpdate self, first, second;
  for (auto* update : {&self, &first, &second}) update->id = rng.id<NodeId>();
  MemberTable one(self, Instant{}), other(self, Instant{});
  one.insert(first, Instant{});
  CHECK(one.digest() != other.digest());
  second.status = Status::dead;
  const Slot slot = one.insert(second, Instant{});
  second.status = Status::suspect;
  other.insert(second, Instant{});
  other.insert(first, Instant{});
  CHECK(one.digest() != other.digest());  // one holds the second for dead, the other suspects it
  second.status = Status::alive;
  one.set_record(slot, second, Instant{});
  CHECK(one.digest() == other.digest());
  ++second.life.incarnation.value;  // a refutation: they are many, and come around by themselves
  one.set_record(slot, second, Instant{});
  CHECK(one.digest() == other.digest());
  ++second.life.generation.value;  // a later start may be at another address
  one.set_record(slot, second, Instant{});
  CHECK(one.digest() != other.digest());
  other.set_record(other.find(second.id), second, Instant{});
  CHECK(one.digest() == other.digest());
  second.status = Status::left;
  one.set_record(slot, second, Instant{});
  CHECK(one.digest() != other.digest());
  one.erase(slot);
  other.set_record(other.find(second.id), second, Instant{});
  CHECK(one.digest() == other.digest());
}

TEST_CASE("the table is bounded, whatever peers invent") {
  Rng rng(8);
  MemberUpdate update;
  update.id = rng.id<NodeId>();
  MemberTable table(update, Instant{});
  for (std::size_t i = 0; i < members_max + 10; ++i) {
    update.id = NodeId{};
    for (std::size_t byte = 0; byte < 4; ++byte)
      update.id.bytes[byte] = static_cast<std::uint8_t>(i >> (24 - 8 * byte));
    update.id.bytes[19] = 1;
    table.insert(update, Instant{});
  }
  CHECK(table.size() == members_max);
}

TEST_CASE("an errand is answered once by its target, or runs out in order of time") {
  Errands errands;
  const NodeId target = Rng(1).id<NodeId>(), other = Rng(2).id<NodeId>();
  errands.add({1, target, other, {}, 11, Instant{300}});
  errands.add({2, target, other, {}, 12, Instant{100}});
  errands.add({3, target, other, {}, 13, Instant{200}});
  CHECK(errands.next_deadline() == Instant{100});
  CHECK_FALSE(errands.answered(1, other));
  CHECK(errands.answered(1, target)->asker_sequence == 11);
  CHECK_FALSE(errands.answered(1, target));
  CHECK(errands.expired(Instant{99}).empty());
  CHECK(errands.expired(Instant{200}).size() == 2);
  CHECK(errands.next_deadline() == Instant::never());
  for (std::size_t i = 0; i < errands_max; ++i) CHECK(errands.add({}));
  CHECK_FALSE(errands.add({}));
}
