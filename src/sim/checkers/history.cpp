#include "sim/checkers/history.hpp"

#include <algorithm>

namespace vswim::sim {

void History::add(WorldTime now, NodeIndex node, const ShardId& id, const std::string& what) {
  violations_->add("history", node_name(node), now, what + " (shard " + short_id(id) + ")");
}

bool History::matches(const Shard& shard, const contract::Batch& batch) {
  return std::all_of(batch.begin(), batch.end(), [&](const contract::Write& write) {
    const auto found = shard.registers.find(write.key);
    const bool live = found != shard.registers.end() && found->second.value;
    return write.expected ? live && found->second.revision == write.expected->minor : !live;
  });
}

void History::on_committed(WorldTime now, NodeIndex node, const ShardId& id, const Committed& made) {
  auto& shard = shards_[id];
  const auto& entry = *made.entry;
  Placed placed;
  placed.matched = matches(shard, entry.batch);
  if (placed.matched) {
    for (const auto& write : entry.batch) {
      shard.registers[write.key] = {entry.revision, write.value};
      placed.writes[write.key] = write.value;
    }
  }
  const bool matched = placed.matched;
  shard.placed.push_back(std::move(placed));
  if (entry.batch.empty() || !entry.batch.front().value) return;
  const auto found = proposals_.find(*entry.batch.front().value);
  if (found == proposals_.end()) return;
  auto& proposal = found->second;
  if (proposal.batch != entry.batch)
    add(now, node, id, "a proposal was committed with another batch: " + found->first);
  if (!proposal.revisions.empty()) add(now, node, id, "a proposal was committed twice: " + found->first);
  proposal.placed_in = id;
  proposal.revisions.push_back(entry.revision);
  if (!matched) return;
  proposal.matched = entry.revision;
  if (proposal.refused) add(now, node, id, "refused, yet committed: " + found->first);
  if (proposal.shard == id && entry.revision <= proposal.floor)
    add(now, node, id,
        found->first + " has revision " + std::to_string(entry.revision) + ", proposed after " +
            std::to_string(proposal.floor) + " was acknowledged");
}

void History::on_proposed(const std::string& unique_value, const ShardId& shard,
                          const contract::Batch& batch) {
  Proposal proposal;
  proposal.shard = shard;
  proposal.batch = batch;
  proposal.floor = shards_[shard].acknowledged;
  proposals_[unique_value] = std::move(proposal);
}

void History::on_completed(WorldTime now, NodeIndex node, const ShardId& id, const std::string& unique_value,
                           contract::Outcome outcome, std::uint64_t revision) {
  const auto found = proposals_.find(unique_value);
  if (found == proposals_.end()) return;
  auto& proposal = found->second;
  switch (outcome) {
    case contract::Outcome::ok: judge_ok(now, node, id, unique_value, proposal, revision); break;
    case contract::Outcome::stale:
      proposal.refused = true;
      if (proposal.matched) add(now, node, id, "told stale, yet committed: " + unique_value);
      if (proposal.revisions.empty())
        add(now, node, id, "told stale, yet nothing was decided: " + unique_value);
      break;
    case contract::Outcome::failed:
      proposal.refused = true;
      if (proposal.matched) add(now, node, id, "told failed, yet committed: " + unique_value);
      break;
    case contract::Outcome::unknown: break;
  }
}

void History::judge_ok(WorldTime now, NodeIndex node, const ShardId& id, const std::string& value,
                       const Proposal& proposal, std::uint64_t revision) {
  auto& shard = shards_[id];
  shard.acknowledged = std::max(shard.acknowledged, revision);
  if (proposal.placed_in != id || proposal.matched != revision) {
    add(now, node, id,
        "told ok at revision " + std::to_string(revision) + ", where " + value +
            " is not committed or did not match");
    return;
  }
  for (const auto& write : proposal.batch) {
    const std::uint64_t over = write.expected ? write.expected->minor : 0;
    if (over == 0) continue;  // a register may have been deleted and made again
    const auto [other, first] = shard.overwritten.try_emplace({write.key, over}, value);
    if (!first && other->second != value)
      add(now, node, id,
          "two ok over revision " + std::to_string(over) + " of " + write.key + ": " + other->second +
              " and " + value);
  }
}

void History::on_shown(WorldTime now, NodeIndex node, const ShardId& id,
                       const contract::ShardLogUpdated& update) {
  if (update.snapshot) return;  // commits.hpp compares whole states
  const auto& placed = shards_[id].placed;
  const auto revision = update.revision.minor;
  if (revision == 0 || revision > placed.size()) {
    add(now, node, id, "shown revision " + std::to_string(revision) + ", which no majority has");
    return;
  }
  Writes writes;
  for (const auto& entry : update.registers) writes[entry.key] = entry.value;
  if (writes != placed[static_cast<std::size_t>(revision - 1)].writes) {
    violations_->add(
        "I7", node_name(node), now,
        "shard " + short_id(id) + " revision " + std::to_string(revision) + " wrote " +
            std::to_string(writes.size()) + " registers, its batch " +
            (placed[static_cast<std::size_t>(revision - 1)].matched ? "matched: " : "did not match: ") +
            std::to_string(placed[static_cast<std::size_t>(revision - 1)].writes.size()) + " should change");
  }
}

}  // namespace vswim::sim
