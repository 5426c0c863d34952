// Everybody this node has heard of, itself first (slot 0), tombstones included. Slots are stable while a
// member is in the table; look-up is by hash, walks are in id order. About 150 bytes a member. Invariant:
// counts by status always match the entries; no more than `members_max` entries, whatever peers say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.hpp"
#include "swim/messages.hpp"
#include "swim/probe_order.hpp"

namespace vswim::swim {

// Six times the largest cluster we speak of: keeps a peer that invents members from eating the memory.
constexpr std::size_t members_max = 65'536;

struct Member {
  MemberUpdate record;
  Instant changed_at{};                    // when the status last changed here
  Instant heard_at = Instant::long_ago();  // last proof of life
  // When it was last told what is held of it, to tell it at most once a probe period. `long_ago` and never
  // told differ in nothing.
  Instant told_at = Instant::long_ago();
  bool knows_us = false;  // spoke to us in this life, so it has our record
};

class MemberTable {
 public:
  explicit MemberTable(const MemberUpdate& self, Instant now);

  static constexpr Slot self_slot = 0;

  Slot find(const NodeId& id) const;  // no_slot when unknown
  // no_slot when the table is full. The id must not be there.
  Slot insert(const MemberUpdate& record, Instant now);
  void erase(Slot slot);
  // Replaces the record (same id), keeps counts and changed_at right.
  void set_record(Slot slot, const MemberUpdate& record, Instant now);

  const Member& at(Slot slot) const { return (*chunks_[slot / chunk_members])[slot % chunk_members]; }
  const MemberUpdate& record(Slot slot) const { return at(slot).record; }
  // Everything but the record, which only set_record changes.
  Member& mark(Slot slot) { return (*chunks_[slot / chunk_members])[slot % chunk_members]; }

  std::size_t count(Status status) const { return counts_[static_cast<std::size_t>(status)]; }
  // Alive or suspect, this node among them: the N of every formula.
  std::size_t cluster_size() const { return count(Status::alive) + count(Status::suspect); }
  std::size_t size() const { return in_order_.size(); }
  const std::vector<Slot>& in_id_order() const { return in_order_; }

 private:
  std::size_t bucket_of(const NodeId& id) const;
  void grow_index();
  void index(Slot slot);

  // Chunks: stable references, and no spare capacity beyond the last one.
  static constexpr std::size_t chunk_members = 32;
  std::vector<std::unique_ptr<std::array<Member, chunk_members>>> chunks_;
  Slot slots_used_ = 0;
  std::vector<Slot> free_;
  std::vector<Slot> index_;     // open addressing, power of two, at most half full
  std::vector<Slot> in_order_;  // by id
  std::array<std::size_t, 5> counts_{};
};

}  // namespace vswim::swim
