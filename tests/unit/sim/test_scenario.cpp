// Claims about the scenario language: what is wrong with a script is told with its place, and a scenario can
// be red.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "sim/scenario/play.hpp"
#include "sim/scenario/script.hpp"
#include "sim/scenario/trace_difference.hpp"

using namespace vswim::sim::scenario;

namespace {
std::string complaint_of(const std::string& text) {
  try {
    play(parse_script("story.txt", text), {});
  } catch (const ScriptError& error) {
    return error.what();
  }
  return "";
}
}  // namespace

TEST_CASE("a script that tells no story is refused") {
  CHECK(complaint_of("cluster 1\n").starts_with("story.txt:1: "));
}

TEST_CASE("what a script says wrong is told with file and line") {
  CHECK(complaint_of("# x\ncluster 1\nfly A1\n").starts_with("story.txt:3: nothing is done by"));
  CHECK(complaint_of("# x\ncluster 1\ncrash B7\n").starts_with("story.txt:3: no node is called B7"));
  CHECK(complaint_of("# x\ncluster 1\nexpect A1 flies\n").starts_with("story.txt:3: no condition reads"));
  CHECK(complaint_of("# x\ncluster 1\nrun 2 hours\n").starts_with("story.txt:3: "));
  CHECK(complaint_of("# x\ncluster 1\ndrop Pigeon\n").starts_with("story.txt:3: no message is called"));
  CHECK(complaint_of("# x\ncrash A1\n").starts_with("story.txt:2: "));
  CHECK(complaint_of("# x\n# red under: l4b\ncluster 1\n").starts_with("story.txt:2: "));
}

TEST_CASE("an expectation that is not met is a complaint and ends the story") {
  const auto played =
      play(parse_script("story.txt", "# x\ncluster 1\nexpect not A1 serves\nwrite a1 at A1\n"), {});
  REQUIRE(played.complaints.size() == 1);
  CHECK(played.complaints[0].checker == "expect");
  CHECK(played.complaints[0].text.starts_with("story.txt:3: "));
  CHECK(played.trace.empty());
}

TEST_CASE("what has to stay true is looked at while time passes") {
  const auto played =
      play(parse_script("story.txt", "# x\ncluster 1\nalways A1 serves\ncrash A1\nrun 1s\n"), {});
  REQUIRE(played.complaints.size() == 1);
  CHECK(played.complaints[0].text.starts_with("story.txt:4: it did not stay true"));
}

TEST_CASE("the same script tells the same trace, and its golden trace stands behind the dashes") {
  const auto script = parse_script("story.txt", "# x\ncluster 2 2\nrun 1s\ncrash A1\nrun 3s\n----\nold\n");
  CHECK(script.golden == std::vector<std::string>{"old"});
  const auto first = play(script, {});
  CHECK(first.complaints.empty());
  CHECK_FALSE(first.trace.empty());
  CHECK(play(script, {}).trace == first.trace);
  CHECK(parse_script("story.txt", with_golden(script, first.trace)).golden == first.trace);
}

TEST_CASE("the difference of two traces names what is gone and what is new, in order") {
  CHECK(difference({"a", "b", "c"}, {"a", "x", "c", "d"}) == "    a\n  - b\n  + x\n    c\n  + d\n");
}
