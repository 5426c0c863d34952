#include "swim/precedence.hpp"

#include <tuple>

namespace vswim::swim {

namespace {

auto attributes(const MemberUpdate& update) {
  return std::tie(update.shard_epoch, update.shard, update.address);
}

void fill_open_attributes(MemberUpdate& record, const MemberUpdate& from) {
  if (!record.address.has_ip()) record.address = from.address;
  if (record.shard.is_nil()) {
    record.shard = from.shard;
    record.shard_epoch = from.shard_epoch;
  }
}

bool leaves_open(const MemberUpdate& update) { return !update.address.has_ip() || update.shard.is_nil(); }

}  // namespace

bool is_acceptable(const MemberUpdate& update) {
  return !update.id.is_nil() && update.status <= Status::forgotten && update.life.join.value < counter_max &&
         update.life.generation.value < counter_max && update.life.incarnation.value < counter_max &&
         update.shard_epoch.value < counter_max;
}

bool same_start(const Life& a, const Life& b) { return a.join == b.join && a.generation == b.generation; }

Verdict judge(const MemberUpdate& have, const MemberUpdate& news) {
  const bool have_tombstone = have.status == Status::forgotten,
             news_tombstone = news.status == Status::forgotten;
  if (have_tombstone) {
    if (news.life.join > have.life.join) return Verdict::newer;
    return news_tombstone && news.life.join == have.life.join ? Verdict::same : Verdict::older;
  }
  if (news_tombstone) return news.life.join >= have.life.join ? Verdict::newer : Verdict::older;
  if (const auto order = news.life <=> have.life; order != 0)
    return order > 0 ? Verdict::newer : Verdict::older;
  if (news.status == have.status) return Verdict::same;
  return news.status > have.status ? Verdict::newer : Verdict::older;
}

MemberUpdate merged(const MemberUpdate& have, const MemberUpdate& news, Verdict verdict) {
  if (verdict == Verdict::older) return have;
  MemberUpdate record = verdict == Verdict::newer ? news : have;
  const bool one_life = have.life == news.life && have.status != Status::forgotten;
  if (record.status == Status::suspect) {
    const bool both_suspect = one_life && have.status == Status::suspect && news.status == Status::suspect;
    record.observers = both_suspect ? have.observers | news.observers : news.observers;
  } else {
    record.observers = 0;
  }
  // Within one life two sets of attributes are a peer's mistake; the larger is taken, so that all agree.
  if (one_life) {
    const bool keep = leaves_open(news) || (!leaves_open(have) && attributes(have) > attributes(news));
    const MemberUpdate& word = keep ? have : news;
    record.address = word.address;
    record.shard = word.shard;
    record.shard_epoch = word.shard_epoch;
  }
  fill_open_attributes(record, news);
  fill_open_attributes(record, have);
  return record;
}

}  // namespace vswim::swim
