#include <catch2/catch_test_macros.hpp>

#include "core/routing_table.hpp"

using namespace vswim;
using namespace vswim::core;

namespace {

constexpr Instant now{1'000};

// Slot 1 is this node's, slot 2 another shard's, slot 3 nobody's.
RoutingTable table_of_primary() {
  RoutingTable table;
  table.owner.fill(RoutingTable::unowned);
  table.routes = {{ShardId{{1}}, NodeId{{1}}, "a:1", "a:2", true},
                  {ShardId{{2}}, NodeId{{2}}, "b:1", "b:2", true}};
  table.own_route = 0;
  table.owner[1] = 0;
  table.owner[2] = 1;
  table.served[1] = true;
  table.cluster_ok = true;
  table.primary_here = true;
  table.lease_until = now + nanoseconds(1);
  return table;
}

RouteQuery query(Slot slot) {
  RouteQuery q;
  q.slot = slot;
  return q;
}

}  // namespace

TEST_CASE("a leased primary serves its slots and sends the rest away") {
  const auto table = table_of_primary();
  CHECK(decide(table, query(1), now) == Decision::serve);
  CHECK(decide(table, query(2), now) == Decision::moved);
  CHECK(moved_text(table, 2, false) == "MOVED 2 b:1");
  CHECK(moved_text(table, 2, true) == "MOVED 2 b:2");
  CHECK(decide(table, query(3), now) == Decision::clusterdown);
  CHECK(clusterdown_text(table, query(3), now) == "CLUSTERDOWN Hash slot not served");
}

TEST_CASE("the deadline itself is too late, for reads as for writes") {
  auto table = table_of_primary();
  auto write = query(1);
  write.write = true;
  for (const auto& q : {query(1), write}) {
    CHECK(decide(table, q, table.lease_until) == Decision::clusterdown);
    CHECK(clusterdown_text(table, q, table.lease_until) == "CLUSTERDOWN The cluster is down");
  }
}

TEST_CASE("without a lease allow-reads-when-down does not make a primary serve") {
  const auto table = table_of_primary();
  auto read = query(1);
  read.allow_reads_when_down = true;
  CHECK(decide(table, read, table.lease_until) == Decision::clusterdown);
  read.write = true;
  CHECK(clusterdown_text(table, read, table.lease_until) ==
        "CLUSTERDOWN The cluster is down and only accepts read commands");
}

TEST_CASE("with a lease and missing coverage allow-reads-when-down serves reads only") {
  auto table = table_of_primary();
  table.cluster_ok = false;
  auto q = query(1);
  CHECK(decide(table, q, now) == Decision::clusterdown);
  q.allow_reads_when_down = true;
  CHECK(decide(table, q, now) == Decision::serve);
  q.write = true;
  CHECK(decide(table, q, now) == Decision::clusterdown);
}

TEST_CASE("an own slot that the settled log does not give is not served") {
  auto table = table_of_primary();
  table.served[1] = false;
  CHECK(decide(table, query(1), now) == Decision::clusterdown);
}

TEST_CASE("a replica serves READONLY reads of its shard and redirects the rest") {
  auto table = table_of_primary();
  table.primary_here = false;
  table.replica_here = true;
  CHECK(decide(table, query(1), now) == Decision::moved);
  auto q = query(1);
  q.readonly_client = true;
  CHECK(decide(table, q, now) == Decision::serve);
  q.write = true;
  CHECK(decide(table, q, now) == Decision::moved);
  q = query(2);
  q.readonly_client = true;
  CHECK(decide(table, q, now) == Decision::moved);
}

TEST_CASE("a node named primary that has not taken up its right redirects nobody to itself") {
  auto table = table_of_primary();
  table.primary_here = false;
  CHECK(decide(table, query(1), now) == Decision::clusterdown);
}

TEST_CASE("a shard without a known primary is down, not moved") {
  auto table = table_of_primary();
  table.routes[1].known = false;
  CHECK(decide(table, query(2), now) == Decision::clusterdown);
}

TEST_CASE("an importing slot is served to ASKING clients only") {
  auto table = table_of_primary();
  table.mode[2] = SlotMode::importing;
  auto q = query(2);
  CHECK(decide(table, q, now) == Decision::moved);
  q.asking = true;
  CHECK(decide(table, q, now) == Decision::serve);
  CHECK(decide(table, q, table.lease_until) == Decision::clusterdown);
}

TEST_CASE("while primaryship is fenced writes wait and reads go on") {
  auto table = table_of_primary();
  table.writes_held = true;
  auto q = query(1);
  CHECK(decide(table, q, now) == Decision::serve);
  q.write = true;
  CHECK(decide(table, q, now) == Decision::hold);
  CHECK(decide_keyless_write(table, now, false) == Decision::hold);
  CHECK(decide(table, q, table.lease_until) == Decision::clusterdown);
  CHECK(decide_keyless_write(table, table.lease_until, false) == Decision::clusterdown);
  CHECK(decide(table, query(2), now) == Decision::moved);
  table.writes_held = false;
  CHECK(decide(table, q, now) == Decision::serve);
  CHECK(decide_keyless_write(table, now, false) == Decision::serve);
}

TEST_CASE("a fenced slot holds reads and writes, and nothing else of the node") {
  auto table = table_of_primary();
  table.owner[4] = 0;
  table.served[4] = true;
  table.mode[1] = SlotMode::fenced;
  table.served[1] = false;
  auto q = query(1);
  CHECK(decide(table, q, now) == Decision::hold);
  q.write = true;
  CHECK(decide(table, q, now) == Decision::hold);
  CHECK(decide(table, q, table.lease_until) == Decision::clusterdown);
  q.slot = 4;
  CHECK(decide(table, q, now) == Decision::serve);
  table.owner[1] = 1;  // the other shard holds it: whoever waited is told where it went
  CHECK(decide(table, query(1), now) == Decision::moved);
}

TEST_CASE(
    "what empties all slots waits while some are between two shards, other writes without keys do not") {
  auto table = table_of_primary();
  table.flushes_wait = true;
  CHECK(decide_keyless_write(table, now, true) == Decision::hold);
  CHECK(decide_keyless_write(table, now, false) == Decision::serve);
  CHECK(decide_keyless_write(table, table.lease_until, true) == Decision::clusterdown);
  table.flushes_wait = false;
  CHECK(decide_keyless_write(table, now, true) == Decision::serve);
}

TEST_CASE("who is about to become primary by a planned hand-over lets everything of its slots wait") {
  auto table = table_of_primary();
  table.primary_here = false;
  table.arriving = true;
  CHECK(decide(table, query(1), now) == Decision::hold);
  CHECK(decide(table, query(2), now) == Decision::moved);
  CHECK(decide_keyless_write(table, now, false) == Decision::hold);
}
