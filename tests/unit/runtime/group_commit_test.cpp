// Claims about what goes under one sync.
#include "runtime/group_commit.hpp"

#include <catch2/catch_test_macros.hpp>

#include "runtime/state_file.hpp"
#include "temporary_directory.hpp"

using namespace vswim::runtime;
using vswim::provider::DiskWrite;

namespace {

using Sequences = std::vector<std::uint64_t>;

DiskWrite append(std::uint64_t sequence, std::string bytes) { return {sequence, false, std::move(bytes)}; }
DiskWrite rewrite(std::uint64_t sequence, std::string bytes) { return {sequence, true, std::move(bytes)}; }

}  // namespace

TEST_CASE("appends that wait together are one write, in order") {
  const auto groups = group_writes({append(1, "a"), append(2, "b"), append(3, "c")});
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].bytes == "abc");
  CHECK(groups[0].sequences == Sequences{1, 2, 3});
  CHECK_FALSE(groups[0].rewrite);
}

TEST_CASE("a rewrite stands alone between the appends before and after it") {
  const auto groups =
      group_writes({append(1, "a"), rewrite(2, "R"), append(3, "c"), append(4, "d"), rewrite(5, "S")});
  REQUIRE(groups.size() == 4);
  CHECK(groups[1].rewrite);
  CHECK(groups[1].sequences == Sequences{2});
  CHECK(groups[2].bytes == "cd");
  CHECK(groups[2].sequences == Sequences{3, 4});
  CHECK(groups[3].rewrite);
}

TEST_CASE("what is reported durable is on disk, in the order it was handed over") {
  const TemporaryDirectory directory;
  std::string error;
  const auto file = StateFile::open(directory.path(), "state", error);
  REQUIRE(file);
  const auto result = commit(*file, {append(1, "a"), append(2, "b"), rewrite(3, "R"), append(4, "c")});
  CHECK(result.error.empty());
  CHECK(result.durable == Sequences{1, 2, 3, 4});
  CHECK(result.syncs == 3);
  CHECK(read_all(directory.file("state")) == "Rc");
}

TEST_CASE("behind a failure nothing is durable and nothing is written") {
  const TemporaryDirectory directory;
  std::string error;
  const auto file = StateFile::open(directory.path(), "state", error);
  REQUIRE(file);
  std::filesystem::create_directory(directory.file("state.new"));  // in the way of a rewrite
  const auto result = commit(*file, {append(1, "a"), rewrite(2, "R"), append(3, "c")});
  CHECK(result.durable == Sequences{1});
  CHECK_FALSE(result.error.empty());
  CHECK(read_all(directory.file("state")) == "a");
  const auto later = commit(*file, {append(4, "d")});
  CHECK(later.durable.empty());
  CHECK(later.error == result.error);
}
