#include "swim/member_table.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/rng.hpp"
#include "swim/precedence.hpp"

namespace vswim::swim {

namespace {
constexpr std::size_t index_size_min = 16;
constexpr std::size_t told_kept = 64;  // entries from which old ones are looked for

Description description_of(const MemberUpdate& record) {
  return {record.id, record.life, record.address, record.shard, record.shard_epoch};
}

// Mixed, so that ids that differ little do not cancel out.
std::uint64_t share_of(const NodeId& id, const Life& life, Status status) {
  if (status == Status::left || status == Status::forgotten) return 0;
  Rng mixer(static_cast<std::uint64_t>(id.hash()));
  const std::uint64_t up = mixer.next(), dead = mixer.next();
  Rng joins((status == Status::dead ? dead : up) ^ life.join.value);
  return Rng(joins.next() ^ life.generation.value).next();
}
}  // namespace

void MemberTable::add(const NodeId& id, const Life& life, Status status) {
  ++counts_[static_cast<std::size_t>(status)];
  digest_ += share_of(id, life, status);
}

void MemberTable::subtract(const NodeId& id, const Life& life, Status status) {
  --counts_[static_cast<std::size_t>(status)];
  digest_ -= share_of(id, life, status);
}

MemberTable::MemberTable(const MemberUpdate& self, Instant now, std::shared_ptr<Descriptions> shared)
    : descriptions_(shared ? std::move(shared) : std::make_shared<Descriptions>()),
      index_(index_size_min, no_slot) {
  insert(self, now);
}

MemberTable::~MemberTable() {
  for (const Slot slot : in_order_) descriptions_->let_go(entry(slot).description);
}

std::size_t MemberTable::bucket_of(const NodeId& id) const {
  const std::uint64_t mixed = static_cast<std::uint64_t>(id.hash()) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::size_t>(mixed >> 32) & (index_.size() - 1);
}

Slot MemberTable::find(const NodeId& node) const {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t bucket = bucket_of(node); index_[bucket] != no_slot; bucket = (bucket + 1) & mask) {
    if (id(index_[bucket]) == node) return index_[bucket];
  }
  return no_slot;
}

void MemberTable::index(Slot slot) {
  const std::size_t mask = index_.size() - 1;
  std::size_t bucket = bucket_of(id(slot));
  while (index_[bucket] != no_slot) bucket = (bucket + 1) & mask;
  index_[bucket] = slot;
}

void MemberTable::set_index_size(std::size_t size) {
  index_.assign(size, no_slot);
  for (const Slot slot : in_order_) index(slot);
}

void MemberTable::reserve(std::size_t members) {
  members = std::min(members, members_max);
  if (members <= in_order_.capacity()) return;
  in_order_.reserve(members);
  std::size_t wanted = index_.size();
  while (members * 2 > wanted) wanted *= 2;
  if (wanted != index_.size()) set_index_size(wanted);
}

MemberUpdate MemberTable::record(Slot slot) const {
  const Entry& one = entry(slot);
  const Description& said = descriptions_->at(one.description);
  MemberUpdate record{said.id, said.life, one.status, said.address, said.shard, said.shard_epoch, 0};
  if (one.status == Status::suspect) {
    const auto observed = observers_.find(slot);
    if (observed != observers_.end()) record.observers = observed->second;
  }
  return record;
}

void MemberTable::set_observers(Slot slot, const MemberUpdate& record) {
  if (record.status == Status::suspect) {
    observers_[slot] = record.observers;
  } else if (!observers_.empty()) {
    observers_.erase(slot);
  }
}

Slot MemberTable::insert(const MemberUpdate& record, Instant now) {
  if (in_order_.size() >= members_max) return no_slot;
  Slot slot = slots_used_;
  if (free_.empty()) {
    if (slots_used_++ % chunk_members == 0)
      chunks_.push_back(std::make_unique<std::array<Entry, chunk_members>>());
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  entry(slot) =
      Entry{now, Instant::long_ago(), descriptions_->hold(description_of(record)), record.status, false};
  set_observers(slot, record);
  if (slot == self_slot) self_ = record;
  add(record.id, record.life, record.status);
  if ((in_order_.size() + 1) * 2 > index_.size()) set_index_size(index_.size() * 2);
  index(slot);
  const auto by_id = [this](Slot a, const NodeId& wanted) { return id(a) < wanted; };
  const bool last = in_order_.empty() || id(in_order_.back()) < record.id;  // snapshots come in order
  in_order_.insert(
      last ? in_order_.end() : std::lower_bound(in_order_.begin(), in_order_.end(), record.id, by_id), slot);
  return slot;
}

void MemberTable::erase(Slot slot) {
  VSWIM_ASSERT(slot != self_slot, "a node cannot drop itself from its table");
  subtract(id(slot), life(slot), status(slot));
  observers_.erase(slot);
  told_.erase(slot);
  descriptions_->let_go(entry(slot).description);
  in_order_.erase(std::find(in_order_.begin(), in_order_.end(), slot));
  free_.push_back(slot);
  set_index_size(index_.size());  // rare (a day after a leave): rebuilt rather than marked
}

void MemberTable::set_record(Slot slot, const MemberUpdate& record, Instant now) {
  Entry& one = entry(slot);
  VSWIM_ASSERT(id(slot) == record.id, "a slot keeps its member");
  if (one.status != record.status || !same_start(life(slot), record.life)) {
    subtract(record.id, life(slot), one.status);
    add(record.id, record.life, record.status);
  }
  if (one.status != record.status) {
    one.status = record.status;
    one.changed_at = now;
  }
  const Description said = description_of(record);
  if (!(said == descriptions_->at(one.description))) {
    const auto before = one.description;
    one.description = descriptions_->hold(said);
    descriptions_->let_go(before);
  }
  set_observers(slot, record);
  if (slot == self_slot) self_ = record;
}

bool MemberTable::told_within(Slot slot, Instant now, Duration period) const {
  const auto told = told_.find(slot);
  return told != told_.end() && now - told->second < period;
}

void MemberTable::set_told(Slot slot, Instant now, Duration period) {
  if (told_.size() >= told_kept)
    std::erase_if(told_, [&](const auto& told) { return now - told.second >= period; });
  told_[slot] = now;
}

}  // namespace vswim::swim
