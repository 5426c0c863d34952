#include "swim/precedence.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "base/rng.hpp"

using namespace vswim;
using namespace vswim::swim;

namespace {

MemberUpdate record(std::uint64_t join, std::uint64_t generation, std::uint64_t incarnation, Status status) {
  MemberUpdate update;
  update.id.bytes[0] = 1;
  update.life = {{join}, {generation}, {incarnation}};
  update.status = status;
  update.address = Address::v4(10, 0, 0, 1, 7000);
  update.shard.bytes[0] = 5;
  update.shard_epoch = Epoch{1};
  return update;
}

}  // namespace

TEST_CASE("within one life dead outranks suspect outranks alive, and left outranks them all") {
  const Status order[] = {Status::alive, Status::suspect, Status::dead, Status::left};
  for (const Status have : order) {
    for (const Status news : order) {
      const Verdict expected = news > have ? Verdict::newer : news == have ? Verdict::same : Verdict::older;
      CHECK(judge(record(1, 1, 3, have), record(1, 1, 3, news)) == expected);
    }
  }
}

TEST_CASE("a refutation outranks whatever is said of the lower incarnation") {
  for (const Status status : {Status::suspect, Status::dead, Status::left}) {
    CHECK(judge(record(1, 1, 3, status), record(1, 1, 4, Status::alive)) == Verdict::newer);
    CHECK(judge(record(1, 1, 4, Status::alive), record(1, 1, 3, status)) == Verdict::older);
  }
}

TEST_CASE("a death of an earlier life says nothing about a later one") {
  CHECK(judge(record(1, 2, 0, Status::alive), record(1, 1, 99, Status::dead)) == Verdict::older);
  CHECK(judge(record(1, 1, 99, Status::dead), record(1, 2, 0, Status::alive)) == Verdict::newer);
  CHECK(judge(record(2, 1, 0, Status::alive), record(1, 9, 9, Status::left)) == Verdict::older);
}

TEST_CASE("a tombstone outranks every life up to its join number and none above") {
  const auto tombstone = record(2, 1, 0, Status::forgotten);
  CHECK(judge(tombstone, record(2, 7, 7, Status::alive)) == Verdict::older);
  CHECK(judge(tombstone, record(3, 1, 0, Status::alive)) == Verdict::newer);
  CHECK(judge(record(2, 7, 7, Status::alive), tombstone) == Verdict::newer);
  CHECK(judge(record(3, 1, 0, Status::dead), tombstone) == Verdict::older);
  CHECK(judge(tombstone, record(3, 1, 0, Status::forgotten)) == Verdict::newer);
  CHECK(judge(tombstone, record(1, 1, 0, Status::forgotten)) == Verdict::older);
}

TEST_CASE("the same records in any order make the same record") {
  Rng rng(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<MemberUpdate> news;
    for (int i = 0; i < 6; ++i) {
      auto update =
          record(1 + rng.below(2), 1 + rng.below(2), rng.below(2), static_cast<Status>(rng.below(5)));
      update.observers = update.status == Status::suspect ? 1u << rng.below(4) : 0;
      update.address.port = static_cast<std::uint16_t>(7000 + rng.below(2));
      update.shard_epoch = Epoch{1 + rng.below(2)};
      news.push_back(update);
    }
    std::vector<MemberUpdate> results;
    for (int order = 0; order < 4; ++order) {
      for (std::size_t i = news.size() - 1; i > 0; --i) std::swap(news[i], news[rng.below(i + 1)]);
      MemberUpdate have = news[0];
      for (const auto& update : news) have = merged(have, update, judge(have, update));
      results.push_back(have);
    }
    for (const auto& result : results) {
      CHECK(result.life.join == results[0].life.join);
      CHECK(result.status == results[0].status);
      if (result.status != Status::forgotten) {
        CHECK(result.life == results[0].life);
        CHECK(result.observers == results[0].observers);
      }
    }
  }
}

TEST_CASE("attributes that a record leaves open stay as they were") {
  auto news = record(1, 1, 4, Status::suspect);
  news.address = {};
  news.shard = {};
  const auto have = record(1, 1, 3, Status::alive);
  const auto result = merged(have, news, judge(have, news));
  CHECK(result.status == Status::suspect);
  CHECK(result.address == have.address);
  CHECK(result.shard == have.shard);
  CHECK(result.shard_epoch == have.shard_epoch);
}

TEST_CASE("a later life brings its own shard, whatever the epoch of the earlier shard was") {
  auto have = record(1, 1, 3, Status::alive);
  have.shard_epoch = Epoch{9};
  auto news = record(1, 1, 4, Status::alive);
  news.shard.bytes[0] = 6;
  news.shard_epoch = Epoch{1};
  CHECK(merged(have, news, judge(have, news)).shard == news.shard);
}

TEST_CASE("within one life the newer shard epoch wins") {
  auto have = record(1, 1, 3, Status::alive);
  auto news = have;
  news.shard.bytes[0] = 2;
  news.shard_epoch = Epoch{2};
  CHECK(merged(have, news, judge(have, news)).shard == news.shard);
  CHECK(merged(news, have, judge(news, have)).shard == news.shard);
}

TEST_CASE("what no honest node says is not accepted") {
  auto update = record(1, 1, 1, Status::alive);
  CHECK(is_acceptable(update));
  update.life.incarnation.value = counter_max;
  CHECK_FALSE(is_acceptable(update));
  update = record(1, 1, 1, Status::alive);
  update.id = {};
  CHECK_FALSE(is_acceptable(update));
  update = record(1, 1, 1, static_cast<Status>(9));
  CHECK_FALSE(is_acceptable(update));
}
