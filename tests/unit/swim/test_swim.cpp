// The machine alone: single datagrams in, what comes out.
#include "swim/swim.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

using namespace vswim;
using namespace vswim::swim;

namespace {

const Instant start{5'000'000'000};

MemberUpdate member(std::uint8_t number) {
  MemberUpdate update;
  update.id.bytes[0] = number;
  update.life = {{1}, {1}, {0}};
  update.address = Address::v4(10, 0, 0, number, 17000);
  update.shard.bytes[0] = number;
  return update;
}

Swim machine(const MemberUpdate& self = member(1)) { return Swim(Settings{}, self, start, Rng(1)); }

template <class Kind>
const Datagram* sent(const Output& output) {
  const auto it =
      std::find_if(output.datagrams.begin(), output.datagrams.end(),
                   [](const Datagram& datagram) { return std::holds_alternative<Kind>(datagram.message); });
  return it == output.datagrams.end() ? nullptr : &*it;
}

bool says(const Datagram& datagram, const NodeId& id, Status status) {
  return std::any_of(datagram.updates.begin(), datagram.updates.end(),
                     [&](const MemberUpdate& update) { return update.id == id && update.status == status; });
}

Swim machine_knowing(std::initializer_list<std::uint8_t> numbers) {
  Swim swim = machine();
  std::vector<MemberUpdate> members;
  for (const auto number : numbers) members.push_back(member(number));
  swim.merge(start, members, true);
  swim.take_output();
  return swim;
}

}  // namespace

TEST_CASE("a stranger without its own record is not heard, whatever it says") {
  Swim swim = machine();
  const MemberUpdate stranger = member(2), third = member(3);
  swim.step(start, stranger.id, stranger.address, Ping{1, member(1).id, Status::dead, member(1).life},
            std::vector{third});
  const Output output = swim.take_output();
  CHECK(output.datagrams.empty());
  CHECK(output.events.empty());
  CHECK_FALSE(swim.find(third.id));
}

TEST_CASE("a stranger with its own record becomes known and is answered") {
  Swim swim = machine();
  const MemberUpdate stranger = member(2);
  swim.step(start, stranger.id, stranger.address, Ping{9, member(1).id, Status::alive, member(1).life},
            std::vector{stranger});
  const Output output = swim.take_output();
  REQUIRE(sent<Ack>(output));
  CHECK(std::get<Ack>(sent<Ack>(output)->message) == Ack{9, member(1).id});
  CHECK(swim.find(stranger.id)->record == stranger);
}

TEST_CASE("a ping for another node at this address is not answered") {
  Swim swim = machine_knowing({2});
  swim.step(start, member(2).id, member(2).address, Ping{1, member(9).id, Status::alive, {}}, {});
  CHECK_FALSE(sent<Ack>(swim.take_output()));
}

TEST_CASE("a ping that calls this node dead is refuted in its ack") {
  Swim swim = machine_knowing({2});
  Life believed = swim.self().life;
  believed.incarnation.value = 6;
  swim.step(start, member(2).id, member(2).address, Ping{1, member(1).id, Status::dead, believed}, {});
  const Output output = swim.take_output();
  CHECK(swim.self().life.incarnation.value == 7);
  REQUIRE(sent<Ack>(output));
  CHECK(says(*sent<Ack>(output), member(1).id, Status::alive));
  CHECK(std::any_of(output.events.begin(), output.events.end(),
                    [](const Event& event) { return std::holds_alternative<SelfRefuted>(event); }));
}

TEST_CASE("a claim about an earlier life of this node needs no refutation") {
  MemberUpdate self = member(1);
  self.life.generation.value = 2;
  Swim swim = machine(self);
  swim.merge(start, std::vector{member(2)}, true);
  swim.step(start, member(2).id, member(2).address, Ping{1, self.id, Status::dead, member(1).life}, {});
  CHECK(swim.self().life == self.life);
}

TEST_CASE("a later start of this node's id elsewhere is reported, not fought") {
  Swim swim = machine_knowing({2});
  MemberUpdate twin = member(1);
  twin.life.generation.value = 5;
  twin.address = Address::v4(10, 9, 9, 9, 1);
  swim.step(start, member(2).id, member(2).address, Rumours{}, std::vector{twin});
  CHECK(swim.self().life == member(1).life);
  CHECK(swim.take_output().notes.size() == 1);
}

TEST_CASE("a node whose state file was rolled back speaks above what others remember") {
  Swim swim = machine_knowing({2});
  MemberUpdate remembered = member(1);
  remembered.life.generation.value = 5;
  remembered.status = Status::dead;
  swim.step(start, member(2).id, member(2).address, Rumours{}, std::vector{remembered});
  CHECK(swim.self().life > remembered.life);
}

TEST_CASE("a relay answers with an ack when the target does and with a nack when it does not") {
  Swim swim = machine_knowing({2, 3});
  swim.step(start, member(2).id, member(2).address, PingRequest{77, member(3).id, member(3).address}, {});
  Output output = swim.take_output();
  REQUIRE(sent<Ping>(output));
  CHECK(sent<Ping>(output)->to == member(3).id);
  const auto sequence = std::get<Ping>(sent<Ping>(output)->message).sequence;

  SECTION("answered") {
    swim.step(start, member(3).id, member(3).address, Ack{sequence, member(3).id}, {});
    output = swim.take_output();
    REQUIRE(sent<Ack>(output));
    CHECK(sent<Ack>(output)->to == member(2).id);
    CHECK(std::get<Ack>(sent<Ack>(output)->message) == Ack{77, member(3).id});
  }
  SECTION("silent") {
    swim.on_timer(start + milliseconds(400));
    output = swim.take_output();
    REQUIRE(sent<Nack>(output));
    CHECK(std::get<Nack>(sent<Nack>(output)->message) == Nack{77, member(3).id});
  }
  SECTION("answered by the wrong one") {
    swim.step(start, member(2).id, member(2).address, Ack{sequence, member(3).id}, {});
    CHECK_FALSE(sent<Ack>(swim.take_output()));
  }
}

TEST_CASE("what a datagram carries stays within its bound") {
  Settings settings;
  settings.updates_bytes_max = 300;
  Swim swim(settings, member(1), start, Rng(1));
  std::vector<MemberUpdate> members;
  for (std::uint8_t number = 2; number < 12; ++number) members.push_back(member(number));
  swim.merge(start, members, false);
  std::size_t seen = 0;
  for (int i = 0; i < 50; ++i) {
    const Instant deadline = swim.next_deadline();
    swim.on_timer(deadline);
    for (const Datagram& datagram : swim.take_output().datagrams) {
      CHECK(datagram.updates.size() <= 5);
      ++seen;
    }
  }
  CHECK(seen >= 25);  // a probe every other deadline, at the least
}

TEST_CASE("hints from the state file are not spread") {
  Swim swim = machine_knowing({2, 3, 4});
  for (int i = 0; i < 20; ++i) {
    swim.on_timer(swim.next_deadline());
    for (const Datagram& datagram : swim.take_output().datagrams) {
      for (std::uint8_t number = 2; number <= 4; ++number)
        CHECK_FALSE(says(datagram, member(number).id, Status::alive));
    }
  }
}

TEST_CASE("an own ip that is not known yet is where the datagram came from") {
  Swim swim = machine();
  MemberUpdate stranger = member(2);
  stranger.address.ip = {};
  const Address source = Address::v4(192, 168, 0, 7, 54321);
  swim.step(start, stranger.id, source, Rumours{}, std::vector{stranger});
  CHECK(swim.find(stranger.id)->record.address == Address::v4(192, 168, 0, 7, 17000));
  // Of a third node nothing is known but its name: no use.
  MemberUpdate third = member(3);
  third.address = {};
  swim.step(start, stranger.id, source, Rumours{}, std::vector{third});
  CHECK_FALSE(swim.find(third.id));
}

TEST_CASE("a word from a dead member does not raise it, but tells it") {
  Swim swim = machine_knowing({2});
  MemberUpdate dead = member(2);
  dead.status = Status::dead;
  swim.merge(start, std::vector{dead}, true);  // a hint: no rumour of it either
  swim.take_output();
  swim.heard(start + seconds(2), member(2).id, member(2).address);
  CHECK(swim.find(member(2).id)->record.status == Status::dead);
  const Output output = swim.take_output();
  REQUIRE(sent<Rumours>(output));
  CHECK(says(*sent<Rumours>(output), member(2).id, Status::dead));
  swim.heard(start + seconds(2), member(2).id, member(2).address);
  CHECK(swim.take_output().datagrams.empty());  // once a period
}

TEST_CASE("who speaks in a later life than is held of it is asked for its record, once a period") {
  Swim swim = machine_knowing({2});
  MemberUpdate moved = member(2);
  moved.life.generation = {2};
  moved.address = Address::v4(10, 0, 0, 9, 17000);
  swim.compare(start + seconds(2), moved.id, member(2).life, member(2).address);
  CHECK(swim.take_output().datagrams.empty());
  swim.compare(start + seconds(2), moved.id, moved.life, moved.address);
  const Output output = swim.take_output();
  REQUIRE(sent<Ping>(output));
  CHECK(sent<Ping>(output)->address == moved.address);
  CHECK(std::get<Ping>(sent<Ping>(output)->message).target_life == member(2).life);  // it sees what we lack
  swim.compare(start + seconds(2), moved.id, moved.life, moved.address);
  CHECK(swim.take_output().datagrams.empty());
  swim.step(start + seconds(2), moved.id, moved.address, Ack{9, moved.id}, std::vector{moved});
  CHECK(swim.find(moved.id)->record.address == moved.address);
}

TEST_CASE("whom others call alive in the life that is held for dead here is asked itself, once a period") {
  Swim swim = machine_knowing({2, 3});
  swim.confirm_dead(start, member(2).id, member(2).life);
  swim.take_output();
  for (const bool again : {false, true}) {
    swim.step(start + seconds(2), member(3).id, member(3).address, Rumours{}, std::vector{member(2)});
    const Output output = swim.take_output();
    CHECK((sent<Ping>(output) != nullptr) != again);
    if (!again) CHECK(std::get<Ping>(sent<Ping>(output)->message).target_status == Status::dead);
  }
  CHECK(swim.find(member(2).id)->record.status == Status::dead);
}

TEST_CASE("who calls a member dead in a life that was refuted is told") {
  Swim swim = machine_knowing({2, 3});
  MemberUpdate refuted = member(3);
  refuted.life.incarnation = {1};
  swim.step(start, member(3).id, member(3).address, Rumours{}, std::vector{refuted});
  swim.take_output();
  MemberUpdate dead = member(3);
  dead.status = Status::dead;
  swim.step(start, member(2).id, member(2).address, Rumours{}, std::vector{dead});
  const Output output = swim.take_output();
  REQUIRE(output.datagrams.size() == 1);
  CHECK(output.datagrams.front().to == member(2).id);
  CHECK(says(output.datagrams.front(), refuted.id, Status::alive));
  CHECK(swim.find(refuted.id)->record.status == Status::alive);
}

TEST_CASE("who suspects on hearsay asks the suspect before calling it dead") {
  Swim swim = machine_knowing({2, 3});
  MemberUpdate suspect = member(3);
  suspect.status = Status::suspect;
  suspect.observers = 3;
  swim.step(start, member(2).id, member(2).address, Rumours{}, std::vector{suspect});
  std::size_t asked = 0;
  for (Instant now = start; swim.find(suspect.id)->record.status == Status::suspect;
       now = now + milliseconds(50)) {
    swim.on_timer(now);
    const Output output = swim.take_output();
    asked += static_cast<std::size_t>(
        std::count_if(output.datagrams.begin(), output.datagrams.end(), [&](const Datagram& datagram) {
          const auto* ping = std::get_if<Ping>(&datagram.message);
          return ping && ping->target == suspect.id && says(datagram, member(1).id, Status::alive);
        }));
    swim.heard(now, member(2).id, member(2).address);
    REQUIRE(now < start + seconds(60));
  }
  CHECK(asked >= 1);
}

TEST_CASE("who hears of a suspicion gives a second opinion at once, in clusters of eight or more") {
  for (const std::uint8_t last : {7, 8, 30}) {
    Settings settings;
    settings.second_opinions = 100;  // everybody
    Swim swim(settings, member(1), start, Rng(1));
    std::vector<MemberUpdate> members;
    for (std::uint8_t number = 2; number <= last; ++number) members.push_back(member(number));
    swim.merge(start, members, true);
    swim.take_output();
    std::vector<MemberUpdate> suspects;
    for (const std::uint8_t number : {4, 5, 6}) {
      suspects.push_back(member(number));
      suspects.back().status = Status::suspect;
      suspects.back().observers = 1;
    }
    swim.step(start, member(2).id, member(2).address, Rumours{}, suspects);
    swim.on_timer(start);
    const auto output = swim.take_output();
    const auto* ping = sent<Ping>(output);
    CHECK((ping != nullptr && ping->to == member(4).id) == (last >= 8));
    if (ping == nullptr) continue;
    CHECK(std::get<Ping>(ping->message).target_status == Status::suspect);  // so that it can refute
    // Its silence is an observation of its own; the next period asks the next one, the one after whose turn
    // it is.
    swim.on_timer(start + seconds(1));
    CHECK(swim.find(member(4).id)->record.observers != 1);
    const auto second = swim.take_output();
    const auto asked = [&](std::uint8_t number) {
      return std::any_of(second.datagrams.begin(), second.datagrams.end(), [&](const Datagram& datagram) {
        return std::holds_alternative<Ping>(datagram.message) && datagram.to == member(number).id;
      });
    };
    CHECK(asked(5));
  }
}

TEST_CASE("when a dead member turns out alive others are asked at once, and each period for a while") {
  Swim swim = machine();
  std::vector<MemberUpdate> members;
  for (std::uint8_t number = 2; number < 200; ++number) members.push_back(member(number));
  for (const std::size_t dead : {0u, 1u, 2u}) members[dead].status = Status::dead;
  swim.merge(start, members, true);
  swim.take_output();
  MemberUpdate back = member(2);
  back.life.incarnation.value = 1;
  swim.step(start, back.id, back.address, Rumours{}, std::vector{back});
  const auto pings_to_dead = [&] {
    const Output output = swim.take_output();
    return std::count_if(output.datagrams.begin(), output.datagrams.end(), [](const Datagram& datagram) {
      const auto* ping = std::get_if<Ping>(&datagram.message);
      return ping && ping->target_status == Status::dead;
    });
  };
  CHECK(pings_to_dead() == 2);
  while (swim.next_deadline() < start + seconds(10)) swim.on_timer(swim.next_deadline());
  CHECK(pings_to_dead() >= 8);
}

TEST_CASE("any word of a probed member within the period is as good as its ack") {
  for (const bool speaks : {false, true}) {
    Swim swim = machine_knowing({2});
    Instant now = start;
    while (!sent<Ping>(swim.take_output())) {
      now = swim.next_deadline();
      swim.on_timer(now);
    }
    if (speaks) swim.step(now + milliseconds(1), member(2).id, member(2).address, Rumours{}, {});
    while (swim.next_deadline() <= now + seconds(1)) swim.on_timer(swim.next_deadline());
    CHECK(swim.find(member(2).id)->record.status == (speaks ? Status::alive : Status::suspect));
  }
}

TEST_CASE("a forgotten node is no member and its tombstone is part of the snapshot") {
  Swim swim = machine_knowing({2, 3});
  swim.forget(start, member(2).id);
  CHECK_FALSE(swim.find(member(2).id));
  CHECK(swim.members().size() == 2);
  const auto snapshot = swim.snapshot();
  CHECK(std::count_if(snapshot.begin(), snapshot.end(),
                      [](const MemberUpdate& update) { return update.status == Status::forgotten; }) == 1);
  Swim joiner = machine(member(4));
  joiner.merge(start, snapshot, false);
  CHECK(joiner.is_forgotten(member(2).id, JoinNumber{1}));
}

TEST_CASE("members come in id order, myself among them") {
  Swim swim = machine_knowing({9, 3, 7, 5});
  const auto members = swim.members();
  CHECK(members.size() == 5);
  CHECK(std::is_sorted(members.begin(), members.end(),
                       [](const MemberView& a, const MemberView& b) { return a.record.id < b.record.id; }));
}

TEST_CASE("hostile counters and unknown statuses change nothing") {
  Swim swim = machine_knowing({2});
  MemberUpdate self = member(1);
  self.status = Status::dead;
  self.life.incarnation.value = ~std::uint64_t{0};
  MemberUpdate odd = member(3);
  odd.status = static_cast<Status>(77);
  swim.step(start, member(2).id, member(2).address, Rumours{}, std::vector{self, odd});
  swim.step(start, member(2).id, member(2).address, Ping{1, member(1).id, Status::dead, self.life}, {});
  CHECK(swim.self().life == member(1).life);
  CHECK_FALSE(swim.find(member(3).id));
}
