#include <catch2/catch_test_macros.hpp>
#include <string_view>
#include <vector>

#include "module/command_keys.hpp"
#include "module/script_flags.hpp"
#include "module/transactions.hpp"

using namespace vswim::module;

namespace {
using Words = std::vector<std::string_view>;

Command named(const char* name, Special special, int first) {
  Command command;
  command.name = name;
  command.special = special;
  command.first = command.last = first;
  command.step = 1;
  return command;
}
}  // namespace

TEST_CASE("a script says of itself what it may do in its first line only") {
  CHECK_FALSE(traits_of_text("return 1").declares);
  CHECK(traits_of_text("return 1").several_slots);
  CHECK_FALSE(traits_of_text("-- #!lua flags=no-cluster\nreturn 1").no_cluster);
  const auto bare = traits_of_text("#!lua\nreturn 1");
  CHECK(bare.declares);
  CHECK_FALSE(bare.several_slots);
  CHECK_FALSE(bare.no_cluster);
  const auto both = traits_of_text("#!lua name=x flags=no-writes,allow-cross-slot-keys\r\nflags=no-cluster");
  CHECK(both.no_writes);
  CHECK(both.several_slots);
  CHECK_FALSE(both.no_cluster);
  CHECK(traits_of_text("#!lua flags=no-cluster").no_cluster);
  CHECK(traits_of_text("#!").declares);
}

TEST_CASE("XREAD waits only if it says so before its streams, BLPOP always, WAIT is not ours") {
  const Command xread = named("xread", Special::stream_read, 1);
  CHECK(asks_to_wait(xread, Words{"xread", "BLOCK", "0", "STREAMS", "s", "$"}));
  CHECK(asks_to_wait(xread, Words{"XREAD", "count", "1", "block", "5", "streams", "s", "0"}));
  CHECK_FALSE(asks_to_wait(xread, Words{"xread", "streams", "block", "0"}));
  CHECK_FALSE(asks_to_wait(xread, Words{"xread", "count", "1"}));
  CHECK(asks_to_wait(named("blpop", Special::none, 1), Words{"blpop", "q", "0"}));
  CHECK_FALSE(asks_to_wait(named("wait", Special::none, 0), Words{"wait", "1", "0"}));
}

TEST_CASE("what belongs to a connection is not queued, what only asks the server is") {
  for (const char* name : {"auth", "hello", "subscribe", "client|setname", "client|id", "client|pause"})
    CHECK(belongs_to_connection(name));
  for (const char* name : {"set", "client|list", "client|kill", "config|get", "ping", "publish"})
    CHECK_FALSE(belongs_to_connection(name));
}
