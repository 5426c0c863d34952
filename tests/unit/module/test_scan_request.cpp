#include <catch2/catch_test_macros.hpp>

#include "core/slot_tags.hpp"
#include "module/glob.hpp"
#include "module/scan_request.hpp"

using namespace vswim;
using namespace vswim::module;

namespace {

ScanRequest read(const std::vector<std::string_view>& options) {
  std::vector<std::string_view> words{"clusterscan"};
  words.insert(words.end(), options.begin(), options.end());
  return read_scan(words, "f1nger");
}

}  // namespace

TEST_CASE("every slot has a tag that hashes to it, the server's own", "[module]") {
  for (core::Slot slot = 0; slot < core::slot_count; ++slot)
    REQUIRE(core::key_slot("{" + core::slot_tag(slot) + "}") == slot);
  CHECK(core::slot_tag(0) == "06S");
  CHECK(core::slot_tag(1) == "Qi");
  CHECK(core::slot_tag(16383) == "6ZJ");
}

TEST_CASE("patterns match as the server's", "[module]") {
  CHECK(glob_matches("", ""));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK(glob_matches("a*b*c", "axxbyyc"));
  CHECK_FALSE(glob_matches("a*b*c", "axxbyy"));
  CHECK(glob_matches("h?llo", "hallo"));
  CHECK_FALSE(glob_matches("h?llo", "hllo"));
  CHECK(glob_matches("h[ae]llo", "hello"));
  CHECK(glob_matches("h[^e]llo", "hallo"));
  CHECK_FALSE(glob_matches("h[^e]llo", "hello"));
  CHECK(glob_matches("[a-c]x", "bx"));
  CHECK(glob_matches("[c-a]x", "bx"));
  CHECK(glob_matches("\\*", "*"));
  CHECK_FALSE(glob_matches("\\*", "a"));
  CHECK(glob_matches("[\\]]", "]"));
  CHECK(glob_matches("[abc", "b"));
  CHECK(glob_matches("***", ""));
}

TEST_CASE("only a pattern whose hash tag is plain has a slot", "[module]") {
  CHECK(glob_slot("{06S}-*") == 0);
  CHECK(glob_slot("plain") == core::key_slot("plain"));
  CHECK(glob_slot("*{06S}") == -1);
  CHECK(glob_slot("{06S") == core::key_slot("{06S"));
  CHECK(glob_slot("{06S*}") == -1);
  CHECK(glob_slot("{}*") == -1);
  CHECK(glob_slot("a\\b{06S}") == -1);
}

TEST_CASE("a cursor goes on where it says, on the node that gave it", "[module]") {
  CHECK(scan_cursor("f1nger", 1, 77) == "f1nger-{Qi}-77");
  const auto here = read({"f1nger-{Qi}-77"});
  CHECK((here.error.empty() && !here.cursor));
  CHECK(here.slot == 1);
  CHECK(here.position == 77);
  CHECK_FALSE(here.one_slot);
  CHECK(here.count == 10);
  CHECK(read({"0thers-{Qi}-77"}).position == 0);
  CHECK(read({"0-{Qi}-09393399393"}).position == 0);
  CHECK(read({"0-{Qi}-0", "SLOT", "1"}).one_slot);
}

TEST_CASE("a scan begins, skips and ends without a look at the keys", "[module]") {
  CHECK(read({"0"}).cursor == "0-{06S}-0");
  CHECK(read({"0", "SLOT", "1"}).cursor == "0-{Qi}-0");
  CHECK(read({"0", "MATCH", "{Qi}*"}).cursor == "0-{Qi}-0");
  CHECK(read({"0", "MATCH", "*"}).cursor == "0-{06S}-0");
  CHECK(read({"0", "SLOT", "0", "MATCH", "{Qi}*"}).cursor == "0");
  CHECK(read({"0-{06S}-0", "MATCH", "{Qi}*"}).cursor == "0-{Qi}-0");
  CHECK(read({"0-{Qi}-0", "MATCH", "{06S}*"}).cursor == "0");
  CHECK(read({"0-{06S}-0", "SLOT", "0", "MATCH", "{Qi}*"}).cursor == "0");
}

TEST_CASE("bad arguments are told as the server does", "[module]") {
  for (const std::string_view cursor : {"invalid", "abc-def-ghi", "0-", "0-{0}", "0-{0}-", "0-{0}-1x"})
    CHECK(read({cursor}).error == "ERR Invalid cursor");
  CHECK(read({"0", "NOSUCH"}).error == "ERR syntax error");
  CHECK(read({"0", "NOSUCH", "x"}).error == "ERR syntax error");
  CHECK(read({"0", "COUNT", "0"}).error == "ERR syntax error");
  CHECK(read({"0", "COUNT", "x"}).error == "ERR value is not an integer or out of range");
  CHECK(read({"0", "SLOT", "16384"}).error == "ERR Invalid or out of range slot");
  CHECK(read({"0", "SLOT", "-1"}).error == "ERR Invalid or out of range slot");
  CHECK(read({"0", "SLOT", "1", "SLOT", "1"}).error == "ERR SLOT option can only be specified once");
  CHECK(read({"0-{06S}-0", "SLOT", "1"}).error == "ERR Cursor slot mismatch with SLOT argument");
}
