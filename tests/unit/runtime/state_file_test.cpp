// Claims about the state file on disk.
#include "runtime/state_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "temporary_directory.hpp"
#include "wire/file_records.hpp"

using namespace vswim;
using namespace vswim::runtime;

namespace {

std::string record(std::uint8_t number) {
  wire::SeatDroppedRecord dropped;
  dropped.shard.bytes[0] = number;
  return wire::encode_record(dropped);
}

// Runs in another process; its exit code is what `body` returned.
template <class Body>
int in_child(Body body) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a second process on the same state file is refused with the holder's process id") {
  const TemporaryDirectory directory;
  std::string error;
  auto file = StateFile::open(directory.path(), "state", error);
  REQUIRE(file);
  const auto holder = "process " + std::to_string(::getpid());
  CHECK(in_child([&] {
          std::string refusal;
          if (StateFile::open(directory.path(), "state", refusal)) return 1;
          return refusal.find(holder) != std::string::npos && refusal.find("state.lock") != std::string::npos
                     ? 0
                     : 2;
        }) == 0);
  file.reset();
  CHECK(in_child([&] {
          std::string refusal;
          return StateFile::open(directory.path(), "state", refusal) ? 0 : 1;
        }) == 0);
}

TEST_CASE("two state files in one directory do not meet") {
  const TemporaryDirectory directory;
  std::string error;
  const auto file = StateFile::open(directory.path(), "one", error);
  REQUIRE(file);
  CHECK(in_child([&] {
          std::string refusal;
          return StateFile::open(directory.path(), "two", refusal) ? 0 : 1;
        }) == 0);
}

TEST_CASE("a forked child does not keep the lock of a server that died") {
  const TemporaryDirectory directory;
  int ready[2];
  int hold[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(hold) == 0);
  const auto server = ::fork();
  REQUIRE(server >= 0);
  if (server == 0) {
    ::close(hold[1]);
    std::string error;
    const auto file = StateFile::open(directory.path(), "state", error);
    if (::fork() == 0) {  // a background save that outlives the server
      char byte = 0;
      static_cast<void>(!::write(ready[1], "r", 1));
      static_cast<void>(!::read(hold[0], &byte, 1));
      ::_exit(0);
    }
    ::pause();
    ::_exit(0);
  }
  ::close(hold[0]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(::kill(server, SIGKILL) == 0);
  REQUIRE(::waitpid(server, nullptr, 0) == server);
  std::string error;
  CHECK(StateFile::open(directory.path(), "state", error));
  for (const int fd : {ready[0], ready[1], hold[1]}) ::close(fd);  // lets the save end
}

TEST_CASE("a torn last record is cut off the disk before anything is appended") {
  const TemporaryDirectory directory;
  const auto whole = wire::file_preamble() + record(1) + record(2);
  const auto torn = record(3);
  write_all(directory.file("state"), whole + torn.substr(0, torn.size() / 2));
  std::string error;
  const auto file = StateFile::open(directory.path(), "state", error);
  REQUIRE(file);
  CHECK(file->torn_bytes() == torn.size() / 2);
  CHECK(file->take_contents() == whole);
  CHECK(read_all(directory.file("state")) == whole);
  REQUIRE(file->append(record(4), error));
  const auto again = wire::read_file(read_all(directory.file("state")));
  CHECK(again.ok);
  CHECK_FALSE(again.torn);
  CHECK(again.records.size() == 3);
}

TEST_CASE("damage before the end is reported, nothing is changed") {
  const TemporaryDirectory directory;
  auto bytes = wire::file_preamble() + record(1) + record(2);
  bytes[wire::file_preamble().size() + record(1).size() / 2] ^= 0x20;
  write_all(directory.file("state"), bytes);
  std::string error;
  CHECK_FALSE(StateFile::open(directory.path(), "state", error));
  CHECK(error.find(directory.file("state")) != std::string::npos);
  CHECK(read_all(directory.file("state")) == bytes);
}

TEST_CASE("a rewrite replaces the file as a whole and appends go on behind it") {
  const TemporaryDirectory directory;
  std::string error;
  const auto file = StateFile::open(directory.path(), "state", error);
  REQUIRE(file);
  REQUIRE(file->append(wire::file_preamble() + record(1), error));
  REQUIRE(file->rewrite(wire::file_preamble() + record(2), error));
  REQUIRE(file->append(record(3), error));
  CHECK(read_all(directory.file("state")) == wire::file_preamble() + record(2) + record(3));
  CHECK_FALSE(std::filesystem::exists(directory.file("state.new")));
}

TEST_CASE("after a failed write nothing is ever written again") {
  const TemporaryDirectory directory;
  CHECK(in_child([&] {
          std::string error;
          const auto file = StateFile::open(directory.path(), "state", error);
          if (!file || !file->append(wire::file_preamble(), error)) return 1;
          ::signal(SIGXFSZ, SIG_IGN);
          const auto full = read_all(directory.file("state")).size();
          rlimit limit{full, RLIM_INFINITY};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
          if (file->append(record(1), error) || error.empty()) return 3;
          const auto first = error;
          limit.rlim_cur = RLIM_INFINITY;  // the disk has room again: too late
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 4;
          error.clear();
          if (file->append(record(1), error) || error != first) return 5;
          error.clear();
          if (file->rewrite(record(1), error) || error != first) return 6;
          return read_all(directory.file("state")).size() == full ? 0 : 7;
        }) == 0);
}

TEST_CASE("a missing directory and a name with a path are refused with a text") {
  const TemporaryDirectory directory;
  std::string error;
  CHECK_FALSE(StateFile::open(directory.path() + "/missing", "state", error));
  CHECK(error.find("/missing") != std::string::npos);
  CHECK_FALSE(StateFile::open(directory.path(), "../state", error));
  CHECK_FALSE(StateFile::open(directory.path(), "", error));
}
