// Claims about the C ABI's values: versions, namespaces, revisions.
#include "runtime/abi_values.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace vswim;
using namespace vswim::runtime::abi;

namespace {

vswim_bytes bytes(const char* text) { return {text, std::strlen(text)}; }
vswim_write write(const char* key, const char* value, const vswim_revision* expected) {
  return {sizeof(vswim_write), bytes(key), bytes(value), expected, 0};
}

}  // namespace

TEST_CASE("an older host's shorter struct is read with the rest zero, a nonsense size is refused") {
  vswim_write w = write("key", "value", nullptr);
  w.deletes = 1;
  w.struct_bytes = offsetof(vswim_write, deletes);  // a version without that member
  const auto read = read_struct(&w);
  REQUIRE(read);
  CHECK(read->deletes == 0);
  CHECK(read->value.size == 5);
  w.struct_bytes = 0;
  CHECK_FALSE(read_struct(&w));
  CHECK_FALSE(read_struct<vswim_write>(nullptr));
}

TEST_CASE("an array is stepped through by the size that its elements name") {
  struct Newer {
    vswim_write known;
    std::uint64_t added = 7;
  };
  Newer writes[2] = {{write("a", "1", nullptr)}, {write("b", "2", nullptr)}};
  for (auto& w : writes) w.known.struct_bytes = sizeof(Newer);
  const auto read = read_batch(&writes[0].known, 2, Channel::global_gossip, {});
  REQUIRE(read.status == VSWIM_ACCEPTED);
  CHECK(read.batch[1].key == "b");
  writes[1].known.struct_bytes = sizeof(vswim_write);
  CHECK(read_batch(&writes[0].known, 2, Channel::global_gossip, {}).status == VSWIM_EINVAL);
}

TEST_CASE("a revision of another namespace is refused, one from before a reset is stale") {
  const vswim_revision log{{1, 5, {}}, Channel::shard_log, 2};
  const auto w = write("key", "value", &log);
  CHECK(read_batch(&w, 1, Channel::shard_gossip, {0, 2}).status == VSWIM_ENAMESPACE);
  CHECK(read_batch(&w, 1, Channel::global_gossip, {2, 2}).status == VSWIM_ENAMESPACE);
  const auto same_era = read_batch(&w, 1, Channel::shard_log, {0, 2});
  CHECK(same_era.status == VSWIM_ACCEPTED);
  CHECK_FALSE(same_era.stale);
  CHECK(same_era.batch[0].expected->minor == 5);
  CHECK(read_batch(&w, 1, Channel::shard_log, {0, 3}).stale);
}

TEST_CASE("keys may not be empty, values may, and a batch holds something") {
  auto w = write("", "value", nullptr);
  CHECK(read_batch(&w, 1, Channel::shard_log, {}).status == VSWIM_EINVAL);
  w = write("key", "", nullptr);
  CHECK(read_batch(&w, 1, Channel::shard_log, {}).batch[0].value == "");
  w.deletes = 1;
  CHECK_FALSE(read_batch(&w, 1, Channel::shard_log, {}).batch[0].value);
  w.value = {nullptr, 3};
  CHECK(read_batch(&w, 1, Channel::shard_log, {}).status == VSWIM_EINVAL);
  CHECK(read_batch(&w, 0, Channel::shard_log, {}).status == VSWIM_EINVAL);
}

TEST_CASE("revisions are compared, copied and printed by their own operations") {
  const vswim_revision older{{9, 4, {}}, Channel::shard_log, 0};
  const vswim_revision newer{{1, 5, {}}, Channel::shard_log, 0};
  CHECK(revision_ops.compare(&older, &newer) < 0);
  CHECK(revision_ops.compare(&newer, &older) > 0);
  CHECK(revision_ops.compare(nullptr, &older) < 0);
  CHECK(revision_ops.compare(nullptr, nullptr) == 0);
  auto* copy = revision_ops.copy(&newer);
  CHECK(revision_ops.compare(copy, &newer) == 0);
  char text[4];
  CHECK(revision_ops.print(copy, text, sizeof text) == 3);
  CHECK(std::string(text) == "1.5");
  char small[2];
  CHECK(revision_ops.print(copy, small, sizeof small) == 3);
  CHECK(std::string(small) == "1");
  revision_ops.release(copy);
  revision_ops.release(nullptr);
  CHECK(revision_ops.copy(nullptr) == nullptr);
}

TEST_CASE("members are grouped by shard, in the order of their ids") {
  std::vector<contract::Member> members(3);
  members[0].id.bytes[0] = 3;
  members[0].shard.bytes[0] = 2;
  members[0].health = contract::Health::fail;
  members[1].id.bytes[0] = 2;
  members[1].shard.bytes[0] = 1;
  members[1].address = Address::v4(10, 0, 0, 1, 7000);
  members[2].id.bytes[0] = 1;
  members[2].shard.bytes[0] = 2;
  const ShardArray shards(members);
  REQUIRE(shards.size() == 2);
  CHECK(shards.data()[0].node_count == 1);
  CHECK(std::string(shards.data()[0].nodes[0].ip) == "10.0.0.1");
  REQUIRE(shards.data()[1].node_count == 2);
  CHECK(shards.data()[1].nodes[0].node_id[1] == '1');
  CHECK(shards.data()[1].nodes[1].state == VSWIM_NODE_FAIL);
}
