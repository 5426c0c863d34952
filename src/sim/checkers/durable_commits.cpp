#include "sim/checkers/durable_commits.hpp"

#include <algorithm>
#include <functional>

namespace vswim::sim {

namespace {
using shard_log::Revision;

// The revision that a majority of the voters has reached, counted here and not by the code under test.
Revision majority_reached(const shard_log::Configuration& configuration,
                          const std::map<VoterUuid, Revision>& reached) {
  std::vector<Revision> all;
  for (const auto& voter : configuration.voters) {
    if (voter.role == shard_log::Role::learner) continue;
    const auto found = reached.find(voter.uuid);
    all.push_back(found == reached.end() ? 0 : found->second);
  }
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end(), std::greater<>());
  return all[all.size() / 2];
}
}  // namespace

void DurableCommits::changed(WorldTime now, NodeIndex node, const ShardId& id, Revision revision,
                             const std::string& how) {
  violations_->add("I4", node_name(node), now,
                   how + ": shard " + short_id(id) + " revision " + std::to_string(revision));
}

void DurableCommits::on_configuration(WorldTime now, NodeIndex node, const ShardId& id,
                                      const shard_log::Configuration& configuration) {
  auto& shard = shards_[id];
  const auto [known, first] = shard.configurations.try_emplace(configuration.epoch, configuration);
  if (!first && known->second != configuration)
    changed(now, node, id, configuration.epoch.value, "two configurations of one epoch");
}

void DurableCommits::on_accepted(WorldTime now, NodeIndex node, const Accepted& accepted) {
  auto& shard = shards_[accepted.shard];
  const Rank rank{accepted.epoch, accepted.ballot};
  auto& log = shard.logs[rank];
  auto& reached = log.reached[accepted.uuid];
  reached = std::max(reached, accepted.last);
  for (const auto& entry : accepted.entries) {
    const auto [known, first] = log.entries.try_emplace(entry->revision, entry);
    if (first || known->second->chain == entry->chain) continue;
    violations_->add("I3", node_name(node), now,
                     "two logs under round " + std::to_string(accepted.ballot.round) + ": shard " +
                         short_id(accepted.shard) + " revision " + std::to_string(entry->revision));
  }
  const auto configuration = shard.configurations.find(accepted.epoch);
  if (configuration == shard.configurations.end()) return;
  const auto upto = majority_reached(configuration->second, log.reached);
  if (upto > log.committed) commit(now, node, accepted.shard, shard, rank, log, upto);
}

void DurableCommits::commit(WorldTime now, NodeIndex node, const ShardId& id, Shard& shard, const Rank& rank,
                            Log& log, Revision upto) {
  for (auto entry = log.entries.upper_bound(log.committed);
       entry != log.entries.end() && entry->first <= upto; ++entry) {
    const auto revision = entry->first;
    if (revision > shard.committed.size() + 1) return;  // its beginning is not known to be durable yet
    if (revision <= shard.committed.size()) {
      if (shard.committed[static_cast<std::size_t>(revision - 1)].entry->chain != entry->second->chain)
        changed(now, node, id, revision, "what was committed was committed otherwise");
      for (auto* reader : readers_) reader->on_committed_again(now, node, id, rank.first, revision);
    } else {
      shard.committed.push_back({entry->second, rank.first, rank.second});
      for (auto* reader : readers_) reader->on_committed(now, node, id, shard.committed.back());
    }
    log.committed = revision;
  }
}

void DurableCommits::on_written(WorldTime now, NodeIndex node, const ShardId& id, const SeatFile& seat,
                                const std::vector<EntryPointer>&) {
  if (seat.base == 0) return;
  const auto& committed = of(id);
  if (seat.base > committed.size()) {
    changed(now, node, id, seat.base, "a snapshot of what no majority has");
  } else if (committed[static_cast<std::size_t>(seat.base - 1)].entry->chain != seat.base_chain) {
    changed(now, node, id, seat.base, "a snapshot of another log than the committed one");
  }
}

void DurableCommits::on_claim(WorldTime now, NodeIndex node, const ShardId& id, Revision revision) {
  const auto& committed = of(id);
  if (revision > committed.size())
    changed(now, node, id, revision,
            "called committed while a majority has only " + std::to_string(committed.size()));
}

const std::vector<Committed>& DurableCommits::of(const ShardId& id) const {
  static const std::vector<Committed> nothing;
  const auto found = shards_.find(id);
  return found == shards_.end() ? nothing : found->second.committed;
}

}  // namespace vswim::sim
