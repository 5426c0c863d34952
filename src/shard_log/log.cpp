#include "shard_log/log.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace vswim::shard_log {

namespace {

constexpr std::size_t write_bytes_overhead = 64;

struct Serial {
  std::string bytes;
  void number(std::uint64_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(const std::string& value) {
    number(value.size());
    bytes += value;
  }
  template <class IdType>
  void id(const IdType& value) {
    bytes.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }
};

void add(Serial& out, const contract::Write& write) {
  out.text(write.key);
  out.number(write.value ? 1 : 0);
  if (write.value) out.text(*write.value);
  out.number(write.expected ? 1 : 0);
  if (write.expected) out.number(write.expected->minor);
}

void add(Serial& out, const Configuration& configuration) {
  out.number(configuration.epoch.value);
  for (const auto& voter : configuration.voters) {
    out.id(voter.node);
    out.id(voter.uuid);
    out.number(static_cast<std::uint64_t>(voter.role));
  }
}

}  // namespace

Hash128 chain_after(const Hash128& previous, const Entry& entry) {
  Serial out;
  out.number(previous.low);
  out.number(previous.high);
  out.number(entry.revision);
  out.number(entry.ballot.round);
  out.id(entry.ballot.node);
  out.number(entry.ballot.seat);
  out.id(entry.proposer);
  out.number(entry.proposer_start.value);
  out.number(entry.sequence.value);
  out.number(entry.batch.size());
  for (const auto& write : entry.batch) add(out, write);
  if (entry.seal) add(out, *entry.seal);
  return hash128(out.bytes);
}

std::size_t bytes_of(const Batch& batch) {
  std::size_t bytes = write_bytes_overhead;
  for (const auto& write : batch) {
    bytes += write_bytes_overhead + write.key.size() + (write.value ? write.value->size() : 0);
  }
  return bytes;
}

std::optional<Hash128> Log::chain_at(Revision revision) const {
  if (revision == base_) return base_chain_;
  if (revision == snapshot_.revision) return snapshot_.chain;
  const auto* entry = at(revision);
  return entry == nullptr ? std::nullopt : std::optional(entry->chain);
}

const Entry* Log::at(Revision revision) const {
  return revision > base_ && revision <= last() ? &entries_[static_cast<std::size_t>(revision - base_ - 1)]
                                                : nullptr;
}

std::vector<Entry> Log::after(Revision base, std::size_t entries_max, std::size_t bytes_max) const {
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (Revision revision = base + 1; revision <= last() && entries.size() < entries_max; ++revision) {
    const auto* entry = at(revision);
    bytes += bytes_of(entry->batch);
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(*entry);
  }
  return entries;
}

const Configuration* Log::seal_of(Epoch epoch) const {
  const auto* entry = at(last());
  return entry != nullptr && entry->seal && entry->seal->epoch == epoch.next() ? &*entry->seal : nullptr;
}

bool Log::links(const Hash128& base_chain, Revision base, const std::vector<Entry>& entries) {
  auto chain = base_chain;
  for (const auto& entry : entries) {
    if (entry.revision != ++base || entry.chain != chain_after(chain, entry)) return false;
    chain = entry.chain;
  }
  return true;
}

bool Log::links(Revision base, const std::vector<Entry>& entries) const {
  const auto chain = chain_at(base);
  return chain && links(*chain, base, entries);
}

void Log::restore(const Snapshot& snapshot, const std::vector<Entry>& tail, const Ballot& accepted) {
  snapshot_ = snapshot;
  base_ = snapshot.revision;
  base_chain_ = snapshot.chain;
  entries_.assign(tail.begin(), tail.end());
  accepted_ = accepted;
  bytes_ = 0;
  for (const auto& entry : entries_) bytes_ += bytes_of(entry.batch);
}

void Log::replace(Revision base, const std::vector<Entry>& entries, const Ballot& accepted) {
  VSWIM_ASSERT(base >= snapshot_.revision && base <= last(), "entries are replaced behind a known base");
  while (last() > base) {
    bytes_ -= std::min(bytes_, bytes_of(entries_.back().batch));
    entries_.pop_back();
  }
  for (const auto& entry : entries) {
    entries_.push_back(entry);
    bytes_ += bytes_of(entry.batch);
  }
  accepted_ = accepted;
}

Entry& Log::append(Entry entry) {
  entry.revision = last() + 1;
  entry.chain = chain_after(entries_.empty() ? base_chain_ : entries_.back().chain, entry);
  bytes_ += bytes_of(entry.batch);
  entries_.push_back(std::move(entry));
  return entries_.back();
}

void Log::compact(const Snapshot& snapshot, std::size_t keep) {
  VSWIM_ASSERT(snapshot.revision >= snapshot_.revision && snapshot.revision <= last(),
               "a snapshot moves up in the log");
  snapshot_ = snapshot;
  while (base_ + keep < snapshot.revision) {
    base_chain_ = entries_.front().chain;
    entries_.pop_front();
    ++base_;
  }
  bytes_ = 0;
  for (Revision revision = snapshot.revision + 1; revision <= last(); ++revision)
    bytes_ += bytes_of(at(revision)->batch);
}

void Log::mark(PersistSequence sequence) { marks_.push_back({sequence, accepted_, last()}); }

void Log::on_persisted(PersistSequence upto) {
  while (!marks_.empty() && marks_.front().sequence <= upto) {
    durable_ = marks_.front();
    marks_.pop_front();
  }
}

Revision Log::durable(const Ballot& ballot) const { return durable_.accepted == ballot ? durable_.last : 0; }

}  // namespace vswim::shard_log
