#include <catch2/catch_test_macros.hpp>
#include <string>

#include "module/publish.hpp"
#include "module/shard_subscribers.hpp"

using namespace vswim;
using namespace vswim::module;

namespace {

NodeId node(int n) { return *NodeId::parse(std::string(39, '0') + static_cast<char>('0' + n)); }
ShardId shard(char c) { return *ShardId::parse(std::string(40, c)); }

// Shards a = {1, 2}, b = {3, 4}, c = {5}; primaries 1, 3, 5.
struct World {
  contract::MembershipChanged members;
  core::RoutingTable table;

  explicit World(int self) {
    members.self = node(self);
    members.own_shard = shard(self <= 2 ? 'a' : self <= 4 ? 'b' : 'c');
    for (int n = 1; n <= 5; ++n) {
      contract::Member member;
      member.id = node(n);
      member.shard = shard(n <= 2 ? 'a' : n <= 4 ? 'b' : 'c');
      members.members.push_back(member);
    }
    for (const auto& [name, primary] : {std::pair{'a', 1}, {'b', 3}, {'c', 5}}) {
      core::Route route;
      route.shard = shard(name);
      route.primary = node(primary);
      route.known = true;
      table.routes.push_back(route);
    }
  }

  std::string copies(bool shard_channel, bool streams) const {
    Audience audience;
    audience.set(members);
    std::string text;
    for (const auto& copy : audience.copies(table, shard_channel, streams))
      text += copy.to.hex().back() + std::string(copy.replicate ? "r " : " ");
    return text;
  }
};

}  // namespace

TEST_CASE("a primary sends one copy to each other shard, whose primary's stream carries it on") {
  CHECK(World(1).copies(false, true) == "3r 5r ");
}

TEST_CASE("a replica also reaches the rest of its own shard, node by node, so that nobody hears it twice") {
  CHECK(World(2).copies(false, false) == "1 3r 5r ");
}

TEST_CASE("shard channels stay in the shard") {
  CHECK(World(1).copies(true, true).empty());
  CHECK(World(2).copies(true, false) == "1 ");
}

TEST_CASE("a shard without a live primary is reached node by node") {
  World failed(1);
  failed.members.members[2].health = contract::Health::fail;  // 3, primary of b
  CHECK(failed.copies(false, true) == "4 5r ");
  World unknown(1);
  unknown.table.routes[1].known = false;
  CHECK(unknown.copies(false, true) == "3 4 5r ");
}

TEST_CASE("a copy is read back as it was written, whatever bytes it carries") {
  const std::string binary("a b\0\r\n", 6);
  for (const auto& published :
       {Published{false, true, "news", "hello"}, Published{true, false, binary, binary}, Published{}}) {
    const auto read = decode_published(encode_published(published));
    REQUIRE(read);
    CHECK(*read == published);
  }
}

TEST_CASE("damaged copies are told apart from other messages and dropped") {
  CHECK_FALSE(is_published("vc1 offset?"));
  for (const char* bytes : {"vp1 ", "vp1 0", "vp1 2 0 ", "vp1 00", "vp1 00 x", "vp1 00 5 abc", "vp1 00 -1 a",
                            "vp1 00 99999999999999999999 a", "vp1 00 3abc"}) {
    CHECK(is_published(bytes));
    CHECK_FALSE(decode_published(bytes));
  }
}

TEST_CASE("a subscriber is lost when one of its channels' slots is not this shard's any more") {
  core::RoutingTable table;
  table.own_route = 0;
  table.owner.fill(0);
  ShardSubscribers subscribers;
  subscribers.subscribed(7, "one");
  subscribers.subscribed(7, "two");
  subscribers.subscribed(8, "two");
  CHECK(subscribers.take_lost(table).empty());
  table.owner[core::key_slot("one")] = 1;
  CHECK(subscribers.take_lost(table) == std::vector<std::uint64_t>{7});
  CHECK(subscribers.take_lost(table).empty());
  table.owner[core::key_slot("two")] = core::RoutingTable::unowned;
  subscribers.unsubscribed(8, "two");
  CHECK(subscribers.empty());
  subscribers.subscribed(9, "two");
  CHECK(subscribers.take_lost(table) == std::vector<std::uint64_t>{9});
}
