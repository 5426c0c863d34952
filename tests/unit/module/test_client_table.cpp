#include <catch2/catch_test_macros.hpp>

#include <set>

#include "base/rng.hpp"
#include "module/client_list.hpp"
#include "module/client_table.hpp"
#include "module/fence_window.hpp"

using namespace vswim;
using namespace vswim::module;

TEST_CASE("a client is known from its connection to its end, with a fresh state each time", "[module]") {
  ClientTable table;
  table.connect(7).readonly = true;
  REQUIRE(table.find(7));
  CHECK(table.find(7)->readonly);
  CHECK_FALSE(table.find(8));
  table.disconnect(7);
  CHECK_FALSE(table.find(7));
  table.disconnect(7);
  CHECK(table.size() == 0);
  CHECK_FALSE(table.connect(7).readonly);
}

TEST_CASE("thousands of clients come and go and none is lost or left over", "[module]") {
  ClientTable table;
  std::set<std::uint64_t> connected;
  Rng rng(11);
  std::uint64_t next = 1;
  for (int i = 0; i < 60'000; ++i) {
    if (connected.size() < 5'000 && rng.below(3) != 0) {
      table.connect(next);
      connected.insert(next++);
    } else if (!connected.empty()) {
      const auto it = std::next(connected.begin(), static_cast<long>(rng.below(connected.size())));
      table.disconnect(*it);
      connected.erase(it);
    }
  }
  CHECK(table.size() == connected.size());
  for (std::uint64_t id = 1; id < next; ++id) REQUIRE((table.find(id) != nullptr) == connected.contains(id));
}

TEST_CASE("CLIENT LIST tells who has output pending, waits, or replicates", "[module]") {
  const auto clients = parse_client_list(
      "id=3 addr=127.0.0.1:1 fd=8 name= flags=N obl=0 oll=0 cmd=get\n"
      "id=4 addr=127.0.0.1:2 fd=9 name=obl=9 flags=b obl=0 oll=0\n"
      "id=5 addr=127.0.0.1:3 fd=10 flags=S obl=12 oll=0\n"
      "id=6 fd=11 flags=M oll=2\n"
      "garbage\n");
  REQUIRE(clients.size() == 4);
  CHECK(clients[0].fd == 8);
  CHECK_FALSE(clients[0].pending_output);
  CHECK(clients[1].blocked);
  CHECK(clients[2].replica);
  CHECK(clients[2].pending_output);
  CHECK(clients[3].primary);
  CHECK(clients[3].pending_output);
}

TEST_CASE("a window is late when the lease ended in it, renewed since or not", "[module]") {
  core::RoutingTable table;
  table.lease_until = Instant{1'000};
  FenceWindow window;
  CHECK_FALSE(window.late(table, Instant{2'000}));  // nothing ran: only the filter fences

  window.served(table);
  CHECK_FALSE(window.late(table, Instant{999}));
  CHECK(window.late(table, Instant{1'000}));

  table.lapses = 1;
  table.lease_until = Instant{5'000};
  CHECK(window.late(table, Instant{1'500}));
  window.close();
  window.served(table);
  CHECK_FALSE(window.late(table, Instant{1'500}));
}
