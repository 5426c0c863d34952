#include "shard_log/register_state.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/mutation.hpp"
#include "shard_log/quorum.hpp"

namespace vswim::shard_log {

namespace {
contract::Revision contract_revision(Revision revision) { return {0, revision, {}}; }
}  // namespace

RegisterState::RegisterState(const Snapshot& snapshot)
    : revision_(snapshot.revision), chain_(snapshot.chain) {
  for (const auto& entry : snapshot.registers) {
    if (entry.value) registers_[entry.key] = {*entry.value, entry.revision.minor};
  }
  for (const auto& proposer : snapshot.proposers) proposers_[proposer.node] = proposer;
}

bool RegisterState::matches(const Batch& batch) const {
  return std::all_of(batch.begin(), batch.end(), [&](const contract::Write& write) {
    const auto found = registers_.find(write.key);
    if (found == registers_.end()) return !write.expected;
    return write.expected && write.expected->minor == found->second.revision;
  });
}

RegisterState::Applied RegisterState::apply(const Entry& entry) {
  VSWIM_ASSERT(entry.revision == revision_ + 1, "revisions are applied in order");
  Applied applied;
  applied.matched = matches(entry.batch);
  for (const auto& write : entry.batch) {
    if (!applied.matched) {
      if (VSWIM_RULE(batch_atomic)) break;
      if (!matches({write})) continue;
    }
    if (write.value) {
      registers_[write.key] = {*write.value, entry.revision};
    } else {
      registers_.erase(write.key);
    }
    applied.registers.push_back({write.key, write.value, contract_revision(entry.revision)});
  }
  if (!entry.proposer.is_nil()) remember(entry, applied.matched);
  if (entry.seal) forget_former_members(*entry.seal);
  revision_ = entry.revision;
  chain_ = entry.chain;
  return applied;
}

// Who is no member any more may be one again in the same life, and what it proposed before may still be on
// its way (invariant I8): the results of those who proposed last stay, alike everywhere.
void RegisterState::forget_former_members(const Configuration& configuration) {
  std::vector<std::pair<Revision, NodeId>> former;
  for (const auto& [node, proposer] : proposers_) {
    if (find_voter(configuration, node) == nullptr)
      former.emplace_back(proposer.results.empty() ? 0 : proposer.results.back().revision, node);
  }
  if (former.size() <= former_proposers_max) return;
  std::sort(former.begin(), former.end());
  former.resize(former.size() - former_proposers_max);
  for (const auto& [revision, node] : former) proposers_.erase(node);
}

void RegisterState::remember(const Entry& entry, bool matched) {
  auto& proposer = proposers_[entry.proposer];
  proposer.node = entry.proposer;
  if (proposer.start != entry.proposer_start) {
    proposer.start = entry.proposer_start;
    proposer.results.clear();
  }
  proposer.results.push_back({entry.sequence, matched, entry.revision});
  if (proposer.results.size() > proposals_in_flight_max) proposer.results.erase(proposer.results.begin());
}

std::vector<Register> RegisterState::registers() const {
  std::vector<Register> registers;
  registers.reserve(registers_.size());
  for (const auto& [key, value] : registers_)
    registers.push_back({key, value.value, contract_revision(value.revision)});
  return registers;
}

Snapshot RegisterState::snapshot() const {
  Snapshot snapshot{revision_, chain_, registers(), {}};
  for (const auto& [node, proposer] : proposers_) snapshot.proposers.push_back(proposer);
  return snapshot;
}

std::optional<ProposalResult> RegisterState::result(const NodeId& proposer, StartNonce start,
                                                    ProposalSequence sequence) const {
  const auto found = proposers_.find(proposer);
  if (found == proposers_.end() || found->second.start != start) return std::nullopt;
  for (const auto& result : found->second.results) {
    if (result.sequence == sequence) return result;
  }
  return std::nullopt;
}

std::map<NodeId, RegisterState::Newest> RegisterState::newest() const {
  std::map<NodeId, Newest> newest;
  for (const auto& [node, proposer] : proposers_) {
    if (!proposer.results.empty()) newest[node] = {proposer.start, proposer.results.back().sequence};
  }
  return newest;
}

}  // namespace vswim::shard_log
