#include "sim/formation.hpp"

#include <algorithm>

#include "core/slots.hpp"

namespace vswim::sim {

namespace {
constexpr int tries_max = 40;

Duration patience(Cluster& cluster) { return seconds(30) + cluster.settings().lease_ttl * 20; }

// Users repeat a command that was refused because the others do not know yet.
bool insist(Cluster& cluster, NodeIndex node, const std::vector<std::string>& command, std::string& stage) {
  for (int attempt = 0; attempt < tries_max; ++attempt) {
    const auto reply = cluster.call(node, command, patience(cluster));
    stage = node_name(node) + " " + command[0] + ": " + reply.value_or("no reply");
    if (reply == "+OK") return true;
    if (!reply) return false;
    cluster.run_for(milliseconds(500));
  }
  return false;
}

bool everyone_knows_everyone(Cluster& cluster) {
  for (NodeIndex index = 0; index < cluster.size(); ++index) {
    if (cluster.node(index).membership().members.size() != cluster.size()) return false;
  }
  return true;
}

bool assign_slots(Cluster& cluster, const Formed& formed, std::string& stage) {
  const auto shards = static_cast<std::uint32_t>(formed.shards.size());
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    const auto first = core::slot_count * shard / shards;
    const auto last = core::slot_count * (shard + 1) / shards - 1;
    if (!insist(cluster, formed.shards[shard][0],
                {"ADDSLOTSRANGE", std::to_string(first), std::to_string(last)}, stage)) {
      return false;
    }
  }
  return true;
}

bool meet(Cluster& cluster, std::string& stage) {
  for (NodeIndex other = 1; other < cluster.size(); ++other) {
    const auto& config = cluster.node(other).config();
    if (!insist(cluster, 0,
                {"MEET", config.bus.ip_text(), std::to_string(config.client_port),
                 std::to_string(config.bus.port)},
                stage)) {
      return false;
    }
  }
  stage = "waiting until everybody knows everybody";
  return cluster.wait_until([&] { return everyone_knows_everyone(cluster); }, patience(cluster));
}

std::size_t voters_wanted(std::size_t data_nodes, std::size_t all_nodes) {
  if (data_nodes == 2) return all_nodes > 2 ? 3 : 2;
  return data_nodes;  // voters and learners
}

bool voters_complete(Cluster& cluster, const Formed& formed) {
  for (const auto& shard : formed.shards) {
    const auto* seat = cluster.node(shard[0]).provider().own_seat();
    if (seat == nullptr ||
        seat->status().configuration.voters.size() != voters_wanted(shard.size(), cluster.size())) {
      return false;
    }
  }
  return true;
}
}  // namespace

bool all_serve(Cluster& cluster, const Formed& formed) {
  return std::ranges::all_of(formed.ids,
                             [&](const ShardId& id) { return cluster.primary_of(id).has_value(); });
}

bool replicas_follow(Cluster& cluster, const Formed& formed) {
  for (NodeIndex index = 0; index < cluster.size(); ++index) {
    if (!cluster.node(index).alive()) return false;
    if (cluster.serves(index)) continue;  // perhaps alone, where a move that could not be finished left it
    if (std::ranges::find(formed.ids, cluster.shard_of(index)) == formed.ids.end()) return false;
    const auto report = cluster.node(index).engine().report(cluster.now());
    if (!report.is_replica || !report.link_up) return false;
  }
  return true;
}

Formed form(Cluster& cluster, const Shape& shape) {
  Formed formed;
  const auto first = static_cast<NodeIndex>(cluster.size());
  for (const auto count : shape.data_nodes) {
    auto& shard = formed.shards.emplace_back();
    for (std::uint32_t i = 0; i < count; ++i) shard.push_back(cluster.add_node());
  }
  for (std::uint32_t i = 0; i < shape.arbiters; ++i) formed.arbiters.push_back(cluster.add_node());
  formed.machines = cluster.size();
  formed.stage = "waiting until every node serves alone";
  const auto everyone_serves = [&] {
    for (NodeIndex index = first; index < cluster.size(); ++index) {
      if (!cluster.serves(index)) return false;
    }
    return true;
  };
  if (!cluster.wait_until(everyone_serves, patience(cluster))) return formed;
  for (const auto& shard : formed.shards) formed.ids.push_back(cluster.shard_of(shard[0]));
  if (!assign_slots(cluster, formed, formed.stage) || !meet(cluster, formed.stage)) return formed;
  for (const auto& shard : formed.shards) {
    for (std::size_t i = 1; i < shard.size(); ++i) {
      if (!insist(cluster, shard[i], {"REPLICATE", cluster.node(shard[0]).id().hex()}, formed.stage))
        return formed;
    }
  }
  formed.stage = "waiting until every shard serves";
  if (!cluster.wait_until([&] { return all_serve(cluster, formed); }, patience(cluster))) return formed;
  formed.stage = "waiting until every replica follows";
  if (!cluster.wait_until([&] { return replicas_follow(cluster, formed); }, patience(cluster))) return formed;
  formed.stage = "waiting for the voters that every shard should have";
  if (!cluster.wait_until([&] { return voters_complete(cluster, formed); }, patience(cluster) + seconds(60)))
    return formed;
  formed.ok = true;
  formed.stage = "formed";
  return formed;
}

}  // namespace vswim::sim
