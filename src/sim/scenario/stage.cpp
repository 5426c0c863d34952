#include "sim/scenario/stage.hpp"

#include <algorithm>

namespace vswim::sim::scenario {

std::optional<NodeIndex> Stage::primary(const ShardId& shard) const { return cluster.primary_of(shard); }

bool Stage::leads(NodeIndex node) const {
  if (!alive(node)) return false;
  const auto* seat = cluster.node(node).provider().own_seat();
  if (seat == nullptr) return false;
  const auto status = seat->status();
  return status.leader_active && status.leader_deadline > cluster.node(node).clock_now();
}

std::optional<NodeIndex> Stage::leader(const ShardId& shard) const {
  for (NodeIndex node = 0; node < cast.size(); ++node) {
    if (cluster.shard_of(node) == shard && leads(node)) return node;
  }
  return std::nullopt;
}

std::optional<shard_log::Configuration> Stage::configuration(const ShardId& shard) const {
  const auto node = leader(shard);
  if (!node) return std::nullopt;
  return cluster.node(*node).provider().own_seat()->status().configuration;
}

std::uint64_t Stage::epoch(const ShardId& shard) const {
  const auto now = configuration(shard);
  const auto first = first_epochs.find(shard);
  if (!now || first == first_epochs.end()) return 0;
  return now->epoch.value - first->second;
}

std::optional<contract::Register> Stage::shown(const ShardId& shard, const std::string& key) const {
  std::optional<contract::Register> newest;
  for (NodeIndex node = 0; node < cast.size(); ++node) {
    if (!alive(node) || cluster.shard_of(node) != shard) continue;
    const auto& registers = cluster.node(node).shard_registers();
    const auto found = registers.find(key);
    if (found == registers.end()) continue;
    if (!newest || newest->revision < found->second.revision) newest = found->second;
  }
  return newest;
}

bool Stage::follows(NodeIndex node) const {
  if (!alive(node)) return false;
  const auto report = cluster.node(node).engine().report(cluster.now());
  return report.is_replica && report.link_up;
}

std::optional<contract::Health> Stage::health(NodeIndex of, NodeIndex seen_by) const {
  if (!alive(seen_by)) return std::nullopt;
  for (const auto& member : cluster.node(seen_by).membership().members) {
    if (member.id == cluster.node(of).id()) return member.health;
  }
  return std::nullopt;
}

std::string Stage::name(const NodeId& id) const {
  for (NodeIndex node = 0; node < cast.size(); ++node) {
    if (cluster.node(node).id() == id) return cast.name(node);
  }
  const auto former = former_names.find(id);
  return former == former_names.end() ? "somebody unknown" : "the former " + former->second;
}

std::string Stage::voters_text(const shard_log::Configuration& configuration) const {
  std::vector<std::string> data, others;
  for (const auto& voter : configuration.voters) {
    switch (voter.role) {
      case shard_log::Role::data: data.push_back(name(voter.node)); break;
      case shard_log::Role::witness: others.push_back("witness " + name(voter.node)); break;
      case shard_log::Role::learner: others.push_back("learner " + name(voter.node)); break;
    }
  }
  std::ranges::sort(data);  // the configuration is in the order of ids, which mean nothing
  std::ranges::sort(others);
  std::string text;
  for (const auto& one : data) text += (text.empty() ? "" : " ") + one;
  for (const auto& one : others) text += ", " + one;
  return text;
}

std::string Stage::with_names(std::string text) const {
  const auto replace = [&](const NodeId& id, const std::string& by) {
    const auto hex = id.hex();
    for (auto at = text.find(hex); at != std::string::npos; at = text.find(hex, at + by.size()))
      text.replace(at, hex.size(), by);
  };
  for (NodeIndex node = 0; node < cast.size(); ++node) replace(cluster.node(node).id(), cast.name(node));
  for (const auto& [id, former] : former_names) replace(id, "former-" + former);
  return text;
}

}  // namespace vswim::sim::scenario
