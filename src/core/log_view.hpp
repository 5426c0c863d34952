// This shard's log as Core's main thread has applied it, and the rights it gives: primaryship and slots. Rule
// L4b lives here: a right is lost as soon as it is shown to be taken away, and taken up only when the
// revision of the register that gives it is settled; a snapshot or a lapse of the lease makes every right
// count as new.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "contract/types.hpp"
#include "core/migration_messages.hpp"
#include "core/slot_table.hpp"

namespace vswim::core {

struct Primaryship {
  NodeId node;
  // A planned hand-over: still this node's right and nobody else's, but it must not acknowledge a write.
  bool fenced = false;
  contract::Revision revision;
};

template <class Value>
struct Logged {  // a register that is understood
  Value value;
  contract::Revision revision;
};

std::string primaryship_text(const NodeId& node, bool fenced);
std::string slots_key(std::uint16_t bucket);

class LogView {
 public:
  void reset(std::uint64_t namespace_number);
  // Whether `update`, applied now, may change primaryship or slots; most updates are of other registers.
  bool concerns_rights(const contract::ShardLogUpdated& update) const;
  // Returns false for a register whose text this version does not understand: that register counts as not
  // given.
  bool apply(const contract::ShardLogUpdated& update);
  void settle(const contract::Settled& settled);
  // Rights count as new: the lease ended, whether or not it was renewed since.
  void lapse();
  // Takes up whatever is given and settled; true when slots were. To be called with a live lease only.
  bool take_up(const NodeId& self);
  // A right to be primary is exercised only while this holds; `self` is asked anew since ids change at RESET
  // HARD.
  bool primary_right() const { return primary_taken_; }
  bool slot_right(Slot slot) const { return slots_taken_[slot]; }

  const std::optional<Primaryship>& primaryship() const { return primaryship_; }
  const SlotTable& slots() const { return slots_; }
  bool empty() const { return registers_.empty(); }
  bool seen() const { return seen_; }  // some update or settled revision of this namespace arrived
  std::uint64_t namespace_number() const { return namespace_number_; }
  const contract::Revision& shown() const { return shown_; }
  std::uint64_t settled() const { return settled_; }
  ClaimNumber claim_seen(Slot slot) const { return claims_seen_[slot]; }  // highest in this namespace, ever
  // To which shard the slot went that left last, as far as that was shown; absent when it was just given up.
  const std::optional<ShardId>& last_taker() const { return last_taker_; }
  // Of slots on their way (migration_messages.hpp), as shown; act on what is settled.
  const std::map<JobId, Logged<ExportRegister>>& exports() const { return exports_; }
  const std::map<JobId, Logged<ImportRegister>>& imports() const { return imports_; }
  bool is_settled(const contract::Revision& revision) const;
  // What a write of this register must expect; absent when it does not exist.
  std::optional<contract::Revision> revision(const std::string& key) const;

 private:
  bool apply_register(const contract::Register& reg);
  bool apply_primaryship(const contract::Register& reg);
  bool apply_bucket(std::uint16_t bucket, const contract::Register& reg);
  void note_takers(std::uint16_t bucket, const std::optional<Bucket>& entries);
  bool take_up_bucket(std::uint16_t bucket);
  void follow_namespace(std::uint64_t number);

  std::uint64_t namespace_number_ = 0;
  bool seen_ = false;
  contract::Revision shown_;
  std::uint64_t settled_ = 0;
  std::map<std::string, contract::Revision> registers_;
  std::map<JobId, Logged<ExportRegister>> exports_;
  std::map<JobId, Logged<ImportRegister>> imports_;
  std::optional<Primaryship> primaryship_;
  SlotTable slots_;
  std::optional<ShardId> last_taker_;
  std::array<contract::Revision, bucket_count> bucket_revision_{};
  bool primary_taken_ = false;
  SlotSet slots_taken_;
  std::vector<ClaimNumber> claims_seen_ = std::vector<ClaimNumber>(slot_count);
  std::optional<NodeId> taken_by_;   // whose id the taken right names
  bool waiting_ = true;              // something may be taken up that was not yet
  std::bitset<bucket_count> fresh_;  // buckets whose slots were not taken up since they were shown
};

}  // namespace vswim::core
