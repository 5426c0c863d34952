#include "swim/member_table.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace vswim::swim {

namespace {
constexpr std::size_t index_size_min = 16;
}

MemberTable::MemberTable(const MemberUpdate& self, Instant now) : index_(index_size_min, no_slot) {
  insert(self, now);
}

std::size_t MemberTable::bucket_of(const NodeId& id) const {
  const std::uint64_t mixed = static_cast<std::uint64_t>(id.hash()) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::size_t>(mixed >> 32) & (index_.size() - 1);
}

Slot MemberTable::find(const NodeId& id) const {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t bucket = bucket_of(id); index_[bucket] != no_slot; bucket = (bucket + 1) & mask) {
    if (record(index_[bucket]).id == id) return index_[bucket];
  }
  return no_slot;
}

void MemberTable::index(Slot slot) {
  const std::size_t mask = index_.size() - 1;
  std::size_t bucket = bucket_of(record(slot).id);
  while (index_[bucket] != no_slot) bucket = (bucket + 1) & mask;
  index_[bucket] = slot;
}

void MemberTable::grow_index() {
  index_.assign(index_.size() * 2, no_slot);
  for (const Slot slot : in_order_) index(slot);
}

Slot MemberTable::insert(const MemberUpdate& record, Instant now) {
  if (in_order_.size() >= members_max) return no_slot;
  Slot slot = slots_used_;
  if (free_.empty()) {
    if (slots_used_++ % chunk_members == 0)
      chunks_.push_back(std::make_unique<std::array<Member, chunk_members>>());
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  mark(slot) = Member{};
  mark(slot).record = record;
  mark(slot).changed_at = now;
  ++counts_[static_cast<std::size_t>(record.status)];
  if ((in_order_.size() + 1) * 2 > index_.size()) grow_index();
  index(slot);
  const auto by_id = [this](Slot a, const NodeId& id) { return at(a).record.id < id; };
  in_order_.insert(std::lower_bound(in_order_.begin(), in_order_.end(), record.id, by_id), slot);
  return slot;
}

void MemberTable::erase(Slot slot) {
  VSWIM_ASSERT(slot != self_slot, "a node cannot drop itself from its table");
  --counts_[static_cast<std::size_t>(at(slot).record.status)];
  in_order_.erase(std::find(in_order_.begin(), in_order_.end(), slot));
  free_.push_back(slot);
  index_.assign(index_.size(), no_slot);  // rare (a day after a leave): rebuilt rather than marked
  for (const Slot kept : in_order_) index(kept);
}

void MemberTable::set_record(Slot slot, const MemberUpdate& record, Instant now) {
  Member& member = mark(slot);
  VSWIM_ASSERT(member.record.id == record.id, "a slot keeps its member");
  if (member.record.status != record.status) {
    --counts_[static_cast<std::size_t>(member.record.status)];
    ++counts_[static_cast<std::size_t>(record.status)];
    member.changed_at = now;
  }
  member.record = record;
}

}  // namespace vswim::swim
