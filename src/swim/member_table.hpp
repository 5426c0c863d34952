// Everybody this node has heard of, itself first (slot 0), tombstones included. Slots are stable while a
// member is in the table; look-up is by hash, walks are in id order. About 40 bytes a member besides its
// description (descriptions.hpp). Invariant: counts by status always match the entries; no more than
// `members_max` entries, whatever peers say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "swim/descriptions.hpp"
#include "swim/messages.hpp"
#include "swim/probe_order.hpp"

namespace vswim::swim {

// Six times the largest cluster we speak of: keeps a peer that invents members from eating the memory.
constexpr std::size_t members_max = 65'536;

class MemberTable {
 public:
  // `shared`: of the nodes simulated in one process; nullptr for a pool of its own.
  MemberTable(const MemberUpdate& self, Instant now, std::shared_ptr<Descriptions> shared = nullptr);
  ~MemberTable();
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

  static constexpr Slot self_slot = 0;

  Slot find(const NodeId& id) const;  // no_slot when unknown
  // no_slot when the table is full. The id must not be there.
  Slot insert(const MemberUpdate& record, Instant now);
  void erase(Slot slot);
  // Replaces the record (same id), keeps counts and changed_at right.
  void set_record(Slot slot, const MemberUpdate& record, Instant now);
  void reserve(std::size_t members);

  const MemberUpdate& self() const { return self_; }
  MemberUpdate record(Slot slot) const;
  const NodeId& id(Slot slot) const { return description(slot).id; }
  const Life& life(Slot slot) const { return description(slot).life; }
  const ShardId& shard(Slot slot) const { return description(slot).shard; }
  const Address& address(Slot slot) const { return description(slot).address; }
  Status status(Slot slot) const { return entry(slot).status; }
  Instant changed_at(Slot slot) const { return entry(slot).changed_at; }  // when the status last changed here
  Instant heard_at(Slot slot) const { return entry(slot).heard_at; }      // last proof of life
  void set_heard(Slot slot, Instant now) { entry(slot).heard_at = now; }
  // It spoke to us in this life, so it has our record.
  bool knows_us(Slot slot) const { return entry(slot).knows_us; }
  void set_knows_us(Slot slot, bool knows) { entry(slot).knows_us = knows; }
  // When it was last told what is held of it, to tell it at most once a `period`.
  bool told_within(Slot slot, Instant now, Duration period) const;
  void set_told(Slot slot, Instant now, Duration period);

  // The sum over all members that are not gone (left, forgotten) of something of their ids, their starts and
  // whether they are dead.
  std::uint64_t digest() const { return digest_; }
  std::size_t count(Status status) const { return counts_[static_cast<std::size_t>(status)]; }
  // Alive or suspect, this node among them: the N of every formula.
  std::size_t cluster_size() const { return count(Status::alive) + count(Status::suspect); }
  std::size_t size() const { return in_order_.size(); }
  const std::vector<Slot>& in_id_order() const { return in_order_; }

 private:
  struct Entry {
    Instant changed_at{};
    Instant heard_at = Instant::long_ago();
    Descriptions::Number description = 0;
    Status status = Status::alive;
    bool knows_us = false;
  };

  const Entry& entry(Slot slot) const { return (*chunks_[slot / chunk_members])[slot % chunk_members]; }
  Entry& entry(Slot slot) { return (*chunks_[slot / chunk_members])[slot % chunk_members]; }
  const Description& description(Slot slot) const { return descriptions_->at(entry(slot).description); }
  std::size_t bucket_of(const NodeId& id) const;
  void set_index_size(std::size_t size);
  void index(Slot slot);
  void set_observers(Slot slot, const MemberUpdate& record);
  void add(const NodeId& id, const Life& life, Status status);
  void subtract(const NodeId& id, const Life& life, Status status);

  // Chunks: stable references, and no spare capacity beyond the last one.
  static constexpr std::size_t chunk_members = 32;
  std::shared_ptr<Descriptions> descriptions_;
  MemberUpdate self_;
  std::vector<std::unique_ptr<std::array<Entry, chunk_members>>> chunks_;
  Slot slots_used_ = 0;
  std::vector<Slot> free_;
  std::vector<Slot> index_;                            // open addressing, power of two, at most half full
  std::vector<Slot> in_order_;                         // by id
  std::unordered_map<Slot, std::uint32_t> observers_;  // of suspects
  std::unordered_map<Slot, Instant> told_;             // a handful: what is older than a period goes
  std::array<std::size_t, 5> counts_{};
  std::uint64_t digest_ = 0;
};

}  // namespace vswim::swim
