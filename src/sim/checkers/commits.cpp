#include "sim/checkers/commits.hpp"

#include <optional>
#include <set>

namespace vswim::sim {

namespace {
std::string printed(const std::optional<std::string>& value) {
  return value ? '"' + *value + '"' : "deleted";
}

// Keys whose vanishing is checked: nobody deletes these.
bool never_deleted(const std::string& key) { return key.starts_with("test:") || key == "primaryship"; }
}  // namespace

void Commits::note(WorldTime now, NodeIndex at, const ShardId& shard, History& history,
                   std::uint64_t revision, const std::string& key, const std::optional<std::string>& value) {
  const auto [known, first] = history.registers.try_emplace({key, revision}, value);
  if (!first && known->second != value) {
    violations_->add("I4", node_name(at), now,
                     "shard " + short_id(shard) + " " + key + " at revision " + std::to_string(revision) +
                         " was " + printed(known->second) + ", now " + printed(value));
  }
  auto& newest = history.newest[key];
  newest = std::max(newest, revision);
}

void Commits::compare(WorldTime now, NodeIndex at, const ShardId& shard, History& history,
                      std::uint64_t revision, const Values& values) {
  const auto [known, first] = history.batches.try_emplace(revision, values);
  if (first || known->second == values) return;
  violations_->add("I4", node_name(at), now,
                   "shard " + short_id(shard) + " revision " + std::to_string(revision) + " had " +
                       std::to_string(known->second.size()) + " registers, now others (" +
                       std::to_string(values.size()) + ")");
}

void Commits::on_shown(WorldTime now, NodeIndex at, const ShardId& shard,
                       const contract::ShardLogUpdated& update) {
  auto& history = histories_[shard];
  const std::uint64_t revision = update.revision.minor;
  const auto before = shown_.find(at);
  if (before != shown_.end() && revision < before->second) {
    violations_->add(
        "I4", node_name(at), now,
        "shown revision fell from " + std::to_string(before->second) + " to " + std::to_string(revision));
  }
  if (!update.snapshot && before != shown_.end() && revision != before->second + 1) {
    violations_->add("I6", node_name(at), now,
                     "shown " + std::to_string(revision) + " after " + std::to_string(before->second) +
                         ", not marked as a snapshot");
  }
  shown_[at] = revision;
  for (const auto& entry : update.registers)
    note(now, at, shard, history, entry.revision.minor, entry.key, entry.value);
  if (update.snapshot) {
    check_whole(now, at, shard, revision, update.registers);
    return;
  }
  Values values;
  for (const auto& entry : update.registers) values[entry.key] = entry.value;
  compare(now, at, shard, history, revision, values);
}

void Commits::on_acknowledged(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                              const contract::Batch& batch) {
  auto& history = histories_[shard];
  Values values;
  for (const auto& write : batch) {
    values[write.key] = write.value;
    note(now, at, shard, history, revision, write.key, write.value);
  }
  compare(now, at, shard, history, revision, values);
  for (const auto& write : batch) {  // I7: the newest write below this revision is the expected one
    std::uint64_t below = 0;
    bool live = false;
    for (auto entry = history.registers.lower_bound({write.key, 0});
         entry != history.registers.end() && entry->first.first == write.key &&
         entry->first.second < revision;
         ++entry) {
      below = entry->first.second;
      live = entry->second.has_value();
    }
    const std::uint64_t expected = write.expected ? write.expected->minor : 0;
    if (below > expected && (live || write.expected)) {
      violations_->add("I7", node_name(at), now,
                       write.key + " committed at " + std::to_string(revision) + " over " +
                           std::to_string(below) + ", expected " + std::to_string(expected));
    }
  }
}

void Commits::check_whole(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                          const std::vector<contract::Register>& registers) {
  std::map<std::string, std::uint64_t> held;
  for (const auto& entry : registers) held[entry.key] = entry.revision.minor;
  for (const auto& [key, newest] : histories_[shard].newest) {
    if (newest > revision) continue;  // newer than this view, not lost
    const auto found = held.find(key);
    if (found == held.end() ? !never_deleted(key) : found->second >= newest) continue;
    violations_->add("I4", node_name(at), now,
                     "shard " + short_id(shard) + " " + key + " was written at " + std::to_string(newest) +
                         ", the whole state at " + std::to_string(revision) + " has " +
                         (found == held.end() ? "nothing" : std::to_string(found->second)));
  }
}

void Commits::check_final(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t committed,
                          const std::vector<contract::Register>& registers) {
  auto& history = histories_[shard];
  for (const auto& entry : registers)
    note(now, at, shard, history, entry.revision.minor, entry.key, entry.value);
  check_whole(now, at, shard, committed, registers);
}

std::uint64_t Commits::revisions() const {
  std::uint64_t total = 0;
  for (const auto& [shard, history] : histories_) total += history.batches.size();
  return total;
}

}  // namespace vswim::sim
