#include "gossip/register_map.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/assert.hpp"
#include "base/mutation.hpp"
#include "gossip/conflict.hpp"

namespace vswim::gossip {

namespace {

void append_number(std::string& bytes, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
}

// A tombstone is told from the empty value of the same revision by the other half of the hash.
std::uint64_t share_of(const Register& entry) {
  const Hash128 hash = digest(entry);
  if (!entry.value) return VSWIM_RULE(repair_tombstones) ? hash.high : 0;
  return hash.low;
}

}  // namespace

Hash128 digest(const Register& entry) {
  std::string bytes;
  bytes.reserve(48 + entry.key.size() + (entry.value ? entry.value->size() : 0));
  append_number(bytes, entry.key.size());
  append_number(bytes, entry.revision.major);
  bytes.append(entry.revision.writer.bytes.begin(), entry.revision.writer.bytes.end());
  bytes.append(entry.key);
  if (entry.value) bytes.append(*entry.value);
  return hash128(bytes);
}

const Register* RegisterMap::find(const std::string& key) const {
  const auto found = registers_.find(key);
  return found == registers_.end() ? nullptr : &found->second;
}

bool RegisterMap::is_news(const Register& entry) const {
  if (const Register* here = find(entry.key)) return supersedes(entry, *here);
  return entry.value || entry.revision.major > expired_counter_;
}

bool RegisterMap::has_room_for(const std::vector<Register>& entries) const {
  if (live_count_ + entries.size() <= settings_.registers_max) return true;
  std::set<std::string_view> added;
  for (const auto& entry : entries) {
    const Register* here = find(entry.key);
    if (entry.value && (here == nullptr || !here->value)) added.insert(entry.key);
  }
  return live_count_ + added.size() <= settings_.registers_max;
}

void RegisterMap::apply(Instant now, const Register& entry) {
  const auto [at, is_new] = registers_.try_emplace(entry.key);
  Register& here = at->second;
  VSWIM_ASSERT(is_new || supersedes(entry, here), "a register's revision never falls (I19)");
  if (here.value) {
    root_ -= digest(here);
    --live_count_;
  }
  here = entry;
  counter_ = std::max(counter_, entry.revision.major);
  if (here.value) {
    root_ += digest(here);
    ++live_count_;
    return;
  }
  tombstones_.push_back({now, here.key, here.revision});
  if (!VSWIM_RULE(tombstone_horizon)) remove(tombstones_.back());
  // Bounded: the oldest tombstone gives way.
  while (tombstones_.size() > settings_.registers_max) {
    remove(tombstones_.front());
    tombstones_.pop_front();
  }
}

void RegisterMap::remove(const Tombstone& tombstone) {
  const auto found = registers_.find(tombstone.key);
  if (found == registers_.end() || found->second.value || found->second.revision != tombstone.revision)
    return;
  expired_counter_ = std::max(expired_counter_, tombstone.revision.major);
  registers_.erase(found);
}

void RegisterMap::expire(Instant now) {
  while (next_expiry() <= now) {
    remove(tombstones_.front());
    tombstones_.pop_front();
  }
}

Instant RegisterMap::next_expiry() const {
  return tombstones_.empty() ? Instant::never() : tombstones_.front().seen + settings_.tombstone_horizon;
}

void RegisterMap::clear() {
  registers_.clear();
  tombstones_.clear();
  expired_counter_ = 0;
  live_count_ = 0;
  root_ = {};
}

std::vector<Register> RegisterMap::all() const {
  std::vector<Register> registers;
  registers.reserve(registers_.size());
  for (const auto& [key, entry] : registers_) registers.push_back(entry);
  return registers;
}

BucketDigests RegisterMap::digests(std::size_t buckets) const {
  BucketDigests digests(buckets);
  for (const auto& [key, entry] : registers_) digests.add(key, share_of(entry));
  return digests;
}

std::vector<Register> RegisterMap::differing(const BucketDigests& theirs) const {
  const BucketDigests ours = digests(theirs.size());
  std::vector<Register> registers;
  for (const auto& [key, entry] : registers_) {
    if (!ours.is_same_at(key, theirs)) registers.push_back(entry);
  }
  return registers;
}

std::vector<Register> RegisterMap::live() const {
  std::vector<Register> registers;
  registers.reserve(live_count_);
  for (const auto& [key, entry] : registers_) {
    if (entry.value) registers.push_back(entry);
  }
  return registers;
}

}  // namespace vswim::gossip
