// Rule L4b, one clause at a time.
#include <catch2/catch_test_macros.hpp>

#include "core/log_view.hpp"

using namespace vswim;
using namespace vswim::core;

namespace {

const NodeId me{{1}}, other{{2}};

contract::Revision at(std::uint64_t n) { return {1, n, {}}; }

contract::ShardLogUpdated names(const NodeId& node, std::uint64_t revision, bool snapshot = false) {
  return {7, at(revision), snapshot, {{"primaryship", primaryship_text(node, false), at(revision)}}};
}

contract::ShardLogUpdated slots(const std::string& text, std::uint64_t revision) {
  return {7, at(revision), false, {{"slots:0", text, at(revision)}}};
}

}  // namespace

TEST_CASE("a right is taken up only when its register's revision is settled") {
  LogView log;
  log.apply(names(me, 5));
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
  log.settle({7, at(4)});
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
  log.settle({7, at(5)});
  log.take_up(me);
  CHECK(log.primary_right());
}

TEST_CASE("a right is lost as soon as it is shown, settled or not") {
  LogView log;
  log.apply(names(me, 1));
  log.settle({7, at(1)});
  log.take_up(me);
  log.apply(names(other, 2));
  CHECK_FALSE(log.primary_right());
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
}

TEST_CASE("FENCED leaves the right where it is and says so, also to who takes it up anew") {
  LogView log;
  log.apply(names(me, 1));
  log.settle({7, at(9)});
  log.take_up(me);
  log.apply({7, at(2), false, {{"primaryship", primaryship_text(me, true), at(2)}}});
  log.take_up(me);
  CHECK(log.primary_right());
  CHECK(log.primaryship()->fenced);
  log.lapse();
  CHECK_FALSE(log.primary_right());
  log.take_up(me);
  CHECK(log.primary_right());
  log.apply(names(other, 3));
  CHECK_FALSE(log.primary_right());
}

TEST_CASE("a right stays while later revisions, shown one by one, leave it in place") {
  LogView log;
  log.apply(names(me, 1));
  log.settle({7, at(1)});
  log.take_up(me);
  log.apply(names(me, 2));  // rewritten, unsettled
  log.take_up(me);
  CHECK(log.primary_right());
}

TEST_CASE("after a snapshot a right counts as new") {
  LogView log;
  log.apply(names(me, 1));
  log.settle({7, at(1)});
  log.take_up(me);
  log.apply(names(me, 3, true));
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
  log.settle({7, at(3)});
  log.take_up(me);
  CHECK(log.primary_right());
}

TEST_CASE("after a lapse of the lease a right counts as new") {
  LogView log;
  log.apply(names(me, 1));
  log.settle({7, at(1)});
  log.take_up(me);
  log.apply(names(me, 2));
  log.lapse();
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
  log.settle({7, at(2)});
  log.take_up(me);
  CHECK(log.primary_right());
}

TEST_CASE("a snapshot is the whole map") {
  LogView log;
  log.apply(slots("0-5=ACTIVE/1", 1));
  log.apply(names(me, 2, true));
  CHECK_FALSE(log.slots().owns_any());
  CHECK_FALSE(log.revision("slots:0"));
}

TEST_CASE("slots are rights, too: gained when settled, kept while left in place, lost when shown") {
  LogView log;
  log.apply(slots("0-5=ACTIVE/1", 1));
  log.take_up(me);
  CHECK_FALSE(log.slot_right(3));
  log.settle({7, at(1)});
  log.take_up(me);
  CHECK(log.slot_right(3));
  log.apply(slots("0-2=ACTIVE/1,3=FENCED:" + ShardId{{9}}.hex() + "/1,4-9=ACTIVE/1", 2));
  log.take_up(me);
  CHECK(log.slot_right(2));
  CHECK_FALSE(log.slot_right(3));
  CHECK(log.slot_right(5));
  CHECK_FALSE(log.slot_right(9));
  log.settle({7, at(2)});
  log.take_up(me);
  CHECK(log.slot_right(9));
}

TEST_CASE("importing and taking over give no right to serve") {
  LogView log;
  const auto shard = ShardId{{9}}.hex();
  log.apply(
      slots("1=IMPORTING:" + shard + "/1,2=TAKING_OVER:" + shard + "/1,3=MIGRATING:" + shard + "/1", 1));
  log.settle({7, at(1)});
  log.take_up(me);
  CHECK_FALSE(log.slot_right(1));
  CHECK_FALSE(log.slot_right(2));
  CHECK(log.slot_right(3));
}

TEST_CASE("a register that does not parse gives nothing") {
  LogView log;
  CHECK_FALSE(log.apply(slots("0-300=ACTIVE/1", 1)));
  CHECK_FALSE(log.apply({7, at(2), false, {{"primaryship", "nonsense", at(2)}}}));
  log.settle({7, at(2)});
  log.take_up(me);
  CHECK_FALSE(log.primary_right());
  CHECK_FALSE(log.slot_right(0));
  CHECK(log.revision("slots:0") == at(1));
}

TEST_CASE("another namespace starts from nothing") {
  LogView log;
  log.apply(names(me, 5));
  log.settle({7, at(5)});
  log.take_up(me);
  log.apply({8, at(1), false, {}});
  CHECK_FALSE(log.primary_right());
  CHECK_FALSE(log.primaryship());
  CHECK(log.settled() == 0);
}
