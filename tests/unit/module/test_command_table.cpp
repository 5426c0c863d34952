#include <catch2/catch_test_macros.hpp>

#include "module/command_keys.hpp"
#include "module/command_table.hpp"
#include "module/refusals.hpp"

using namespace vswim::module;

namespace {

using Words = std::vector<std::string_view>;

Command plain(std::string name, int first, int last, int step) {
  Command command;
  command.name = std::move(name);
  command.first = first;
  command.last = last;
  command.step = step;
  return command;
}

KeySpec keynum_at(int index) {
  KeySpec spec;
  spec.index = index;
  spec.find = KeySpec::Find::keynum;
  spec.first_key = 1;
  return spec;
}

KeySpec after_keyword(std::string keyword, int start_from, int last, int limit) {
  KeySpec spec;
  spec.begin = KeySpec::Begin::keyword;
  spec.keyword = std::move(keyword);
  spec.start_from = start_from;
  spec.last = last;
  spec.limit = limit;
  return spec;
}

// The keys, or {"?"} when the command has to be shown to the server.
std::vector<std::string> keys_of(const Command& command, const Words& words) {
  std::vector<std::string> keys;
  struct View {
    const Words& words;
    std::size_t size() const { return words.size(); }
    std::string_view operator[](int i) const { return words[static_cast<std::size_t>(i)]; }
  } view{words};
  if (!visit_keys(command, view, [&](int i) { keys.emplace_back(view[i]); })) return {"?"};
  return keys;
}

std::string_view refused(Special special, const Words& words) {
  struct View {
    const Words& words;
    std::size_t size() const { return words.size(); }
    std::string_view operator[](int i) const { return words[static_cast<std::size_t>(i)]; }
  };
  return refusal(special, View{words});
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("commands are found in any case, subcommands below their container", "[module]") {
  CommandTable table;
  table.add(plain("GET", 1, 1, 1));
  table.add(plain("xgroup|create", 2, 2, 1));
  CHECK(table.find("get"));
  CHECK(table.find("GeT"));
  CHECK_FALSE(table.find("ge"));
  CHECK_FALSE(table.find("gett"));
  CHECK(table.find("XGROUP", "Create"));
  CHECK_FALSE(table.find("XGROUP", "Destroy"));
  CHECK_FALSE(table.find(std::string(500, 'x')));
  CHECK_FALSE(table.find(std::string(40, 'x'), std::string(40, 'y')));
}

TEST_CASE("hundreds of commands share the table without losing one", "[module]") {
  CommandTable table;
  for (int i = 0; i < 600; ++i) table.add(plain("command" + std::to_string(i), 1, 1, 1));
  for (int i = 0; i < 600; ++i) REQUIRE(table.find("command" + std::to_string(i)));
  CHECK_FALSE(table.find("command600"));
}

TEST_CASE("first, last and step give the keys; a negative last counts from the end", "[module]") {
  CHECK(keys_of(plain("get", 1, 1, 1), {"GET", "a"}) == Keys{"a"});
  CHECK(keys_of(plain("mset", 1, -1, 2), {"MSET", "a", "1", "b", "2"}) == Keys{"a", "b"});
  CHECK(keys_of(plain("blpop", 1, -2, 1), {"BLPOP", "a", "b", "0"}) == Keys{"a", "b"});
  CHECK(keys_of(plain("ping", 0, 0, 0), {"PING"}).empty());
  CHECK(keys_of(plain("get", 1, 1, 1), {"GET"}) == Keys{"?"});
}

TEST_CASE("a count of keys is read from the arguments and never believed beyond them", "[module]") {
  Command eval = plain("eval", 0, 0, 0);
  eval.specs = {keynum_at(2)};
  CHECK(keys_of(eval, {"EVAL", "s", "2", "a", "b", "x"}) == Keys{"a", "b"});
  CHECK(keys_of(eval, {"EVAL", "s", "0", "x"}).empty());
  CHECK(keys_of(eval, {"EVAL", "s", "3", "a", "b"}) == Keys{"?"});
  CHECK(keys_of(eval, {"EVAL", "s", "-1", "a"}) == Keys{"?"});
  CHECK(keys_of(eval, {"EVAL", "s", "99999999999999999999", "a"}) == Keys{"?"});
  CHECK(keys_of(eval, {"EVAL", "s", "2x", "a", "b"}) == Keys{"?"});
  CHECK(keys_of(eval, {"EVAL", "s"}) == Keys{"?"});
}

TEST_CASE("keys behind a keyword: half of what follows STREAMS, one behind STORE", "[module]") {
  Command xread = plain("xread", 0, 0, 0);
  xread.specs = {after_keyword("STREAMS", 1, -1, 2)};
  CHECK(keys_of(xread, {"XREAD", "COUNT", "2", "streams", "a", "b", "0", "0"}) == Keys{"a", "b"});
  CHECK(keys_of(xread, {"XREAD", "COUNT", "2"}).empty());

  Command store = plain("georadius", 0, 0, 0);
  KeySpec source;
  source.index = 1;
  store.specs = {source, after_keyword("STORE", 6, 0, 0)};
  CHECK(keys_of(store, {"GEORADIUS", "g", "1", "1", "1", "m", "STORE", "d"}) == Keys{"g", "d"});
  CHECK(keys_of(store, {"GEORADIUS", "g", "1", "1", "1", "m"}) == Keys{"g"});
}

TEST_CASE("what only the server can parse is shown to the server", "[module]") {
  Command migrate = plain("migrate", 3, 3, 1);
  migrate.ask_server = true;
  CHECK(migrate.has_keys());
  CHECK(keys_of(migrate, {"MIGRATE", "h", "1", "k", "0", "5"}) == Keys{"?"});
}

TEST_CASE("scripts, publishes and PFCOUNT may write although COMMAND does not say so", "[module]") {
  for (const char* name : {"eval", "evalsha", "fcall", "publish", "spublish", "pfcount"}) {
    Command command = plain(name, 1, 1, 1);
    classify(command);
    CHECK(command.may_write);
  }
  Command get = plain("get", 1, 1, 1);
  classify(get);
  CHECK_FALSE(get.may_write);
}

TEST_CASE("databases and roles are refused with the words of cluster mode", "[module]") {
  CHECK(refused(Special::select, {"SELECT", "1"}) == "ERR SELECT is not allowed in cluster mode");
  CHECK(refused(Special::select, {"SELECT", "0"}).empty());
  CHECK_FALSE(refused(Special::swapdb, {"SWAPDB", "0", "1"}).empty());
  CHECK_FALSE(refused(Special::move, {"MOVE", "a", "1"}).empty());
  CHECK(refused(Special::copy, {"COPY", "a", "b"}).empty());
  CHECK(refused(Special::copy, {"COPY", "a", "b", "DB", "0", "REPLACE"}).empty());
  CHECK(refused(Special::copy, {"COPY", "a", "b", "REPLACE", "db", "2"}) == "ERR DB index is out of range");
  CHECK(refused(Special::replicaof, {"SLAVEOF", "NO", "ONE"}) ==
        "ERR REPLICAOF not allowed in cluster mode.");
  CHECK_FALSE(refused(Special::failover, {"FAILOVER"}).empty());
  CHECK(refused(Special::none, {"GET", "a"}).empty());
}
