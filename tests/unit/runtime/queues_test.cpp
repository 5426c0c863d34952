// Claims about the queues between the node thread and Core.
#include <catch2/catch_test_macros.hpp>

#include "runtime/event_queue.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/tickets.hpp"

using namespace vswim;
using namespace vswim::runtime;
using namespace vswim::contract;

namespace {

Event heartbeat(std::int64_t ns) { return Heartbeat{{ns}}; }
Event membership(std::size_t members) { return MembershipChanged{{}, {}, std::vector<Member>(members)}; }
Event gossip(Scope scope, const std::string& key, const std::string& value, std::uint64_t counter) {
  return GossipUpdated{scope, {{key, value, {counter, 0, {}}}}};
}
Event completed(std::uint64_t ticket) { return Completed{{ticket}, Outcome::ok, "", std::nullopt}; }
Event log_update(std::uint64_t revision) { return ShardLogUpdated{1, {0, revision, {}}, false, {}}; }

std::size_t count(const std::vector<Event>& events, std::size_t kind) {
  std::size_t n = 0;
  for (const auto& event : events) n += event.index() == kind;
  return n;
}

}  // namespace

TEST_CASE("events come out in the order they went in") {
  EventQueue queue(10);
  CHECK(queue.push(heartbeat(1)));
  CHECK(queue.push(membership(1)));
  CHECK(queue.push(heartbeat(2)));
  const auto events = queue.take();
  REQUIRE(events.size() == 3);
  CHECK(std::get<Heartbeat>(events[0]).deadline.ns == 1);
  CHECK(std::holds_alternative<MembershipChanged>(events[1]));
  CHECK(queue.empty());
}

TEST_CASE("a full queue keeps the newest view and the newest heartbeat, and every other event") {
  EventQueue queue(4);
  CHECK(queue.push(membership(1)));
  CHECK(queue.push(completed(7)));
  CHECK(queue.push(heartbeat(1)));
  CHECK(queue.push(log_update(1)));
  CHECK(queue.push(membership(2)));
  CHECK(queue.push(heartbeat(2)));
  const auto events = queue.take();
  REQUIRE(events.size() == 4);
  CHECK(std::get<Completed>(events[0]).ticket.value == 7);
  CHECK(std::get<ShardLogUpdated>(events[1]).revision.minor == 1);
  CHECK(std::get<MembershipChanged>(events[2]).members.size() == 2);
  CHECK(std::get<Heartbeat>(events[3]).deadline.ns == 2);
}

TEST_CASE("a full queue merges gossip of one scope: the newest write of a key, and both batches whole") {
  EventQueue queue(2);
  CHECK(queue.push(gossip(Scope::global, "a", "1", 1)));
  CHECK(queue.push(gossip(Scope::shard, "a", "s", 1)));
  CHECK(queue.push(gossip(Scope::global, "a", "2", 2)));
  CHECK(queue.push(gossip(Scope::global, "b", "3", 1)));
  const auto events = queue.take();
  REQUIRE(events.size() == 2);
  const auto& global = std::get<GossipUpdated>(events[0]);
  REQUIRE(global.registers.size() == 2);
  CHECK(global.registers[0].value == "2");
  CHECK(global.registers[0].revision.major == 2);
  CHECK(global.registers[1].key == "b");
  CHECK(std::get<GossipUpdated>(events[1]).registers[0].value == "s");
}

TEST_CASE("gossip is never merged across a reset of its namespace") {
  EventQueue queue(2);
  CHECK(queue.push(gossip(Scope::global, "a", "old", 9)));
  CHECK(queue.push(Reset{Namespace::global, 1, {}, {}}));
  CHECK(queue.push(gossip(Scope::global, "a", "new", 1)));
  const auto events = queue.take();
  REQUIRE(events.size() == 3);
  CHECK(std::get<GossipUpdated>(events[0]).registers[0].value == "old");
  CHECK(std::get<GossipUpdated>(events[2]).registers[0].value == "new");
}

TEST_CASE("what cannot be merged is kept, and above twice the bound it is said") {
  EventQueue queue(3);
  for (std::uint64_t i = 1; i <= 6; ++i) CHECK(queue.push(log_update(i)));
  CHECK_FALSE(queue.push(log_update(7)));
  CHECK(queue.take().size() == 7);
}

TEST_CASE("the owner is woken once for what it has not taken yet") {
  int wakes = 0;
  Mailbox mailbox(10, 10, [&] { ++wakes; });
  CHECK(mailbox.post({heartbeat(1)}, {}));
  CHECK(mailbox.post({heartbeat(2)}, {}));
  CHECK(wakes == 1);
  CHECK(mailbox.drain_events().size() == 2);
  CHECK(mailbox.post({}, {{NoteLevel::notice, "note"}}));
  CHECK(wakes == 2);
  CHECK(mailbox.drain_notes().size() == 1);
}

TEST_CASE("the node is woken when the first operation waits") {
  Mailbox mailbox(10, 10, [] {});
  CHECK(mailbox.submit(JoinShard{{1}, {}}));
  CHECK_FALSE(mailbox.submit(JoinShard{{2}, {}}));
  CHECK(mailbox.take_operations().size() == 2);
  CHECK(mailbox.submit(JoinShard{{3}, {}}));
}

TEST_CASE("a full queue of operations answers the next one: it did not happen") {
  Mailbox mailbox(10, 2, [] {});
  mailbox.submit(JoinShard{{1}, {}});
  mailbox.submit(JoinShard{{2}, {}});
  mailbox.submit(JoinShard{{3}, {}});
  const auto events = mailbox.drain_events();
  REQUIRE(events.size() == 1);
  CHECK(std::get<Completed>(events[0]).ticket.value == 3);
  CHECK(std::get<Completed>(events[0]).outcome == Outcome::failed);
  CHECK(mailbox.take_operations().size() == 2);
}

TEST_CASE("repeated operations are the newest of their kind; one that is answered is never replaced") {
  Mailbox mailbox(10, 3, [] {});
  mailbox.submit(Shown{1, {0, 1, {}}});
  mailbox.submit(Shown{1, {0, 2, {}}});
  mailbox.submit(Pulse{});
  mailbox.submit(JoinShard{{1}, {}});
  mailbox.submit(Shown{1, {0, 3, {}}});  // full: takes the place of the older one
  mailbox.submit(JoinVerdict{{5}, true, ""});
  const auto operations = mailbox.take_operations();
  REQUIRE(operations.size() == 4);
  CHECK(std::get<Shown>(operations[0].operation).revision.minor == 3);
  CHECK(std::holds_alternative<JoinVerdict>(operations[3].operation));
}

TEST_CASE("a write that was decided before a reset of its namespace is overtaken, others are not") {
  Mailbox mailbox(10, 10, [] {});
  mailbox.submit(UpdateShardLog{{1}, {}});
  mailbox.submit(UpdateGossip{{2}, Scope::shard, {}});
  mailbox.submit(UpdateGossip{{3}, Scope::global, {}});
  const auto before = mailbox.take_operations();
  mailbox.post({Reset{Namespace::shard, 2, {}, {}}}, {});
  mailbox.submit(UpdateShardLog{{4}, {}});  // the owner has not seen the reset yet
  CHECK(mailbox.overtaken_by_reset(before[0]));
  CHECK(mailbox.overtaken_by_reset(before[1]));
  CHECK_FALSE(mailbox.overtaken_by_reset(before[2]));
  CHECK(mailbox.overtaken_by_reset(mailbox.take_operations()[0]));
  mailbox.drain_events();
  mailbox.submit(UpdateShardLog{{5}, {}});
  CHECK_FALSE(mailbox.overtaken_by_reset(mailbox.take_operations()[0]));
}

TEST_CASE("notes above the bound are counted, not kept") {
  Mailbox mailbox(10, 10, [] {});
  for (int i = 0; i < 2'000; ++i) mailbox.post({}, {{NoteLevel::info, std::to_string(i)}});
  const auto notes = mailbox.drain_notes();
  CHECK(notes.size() == 1'025);
  CHECK(notes.back().text.find("976") != std::string::npos);
}

TEST_CASE("every ticket owed is given up once, those answered are not") {
  OwedAnswers owed;
  owed.submitted(UpdateShardLog{{1}, {}});
  owed.submitted(JoinShard{{2}, {}});
  owed.submitted(Pulse{});
  owed.completed({{1}, Outcome::ok, "", std::nullopt});
  const auto events = owed.give_up("stopped");
  REQUIRE(events.size() == 1);
  CHECK(std::get<Completed>(events[0]).ticket.value == 2);
  CHECK(std::get<Completed>(events[0]).outcome == Outcome::unknown);
  CHECK(owed.give_up("stopped").empty());
  CHECK(count(events, 0) == 1);
}
