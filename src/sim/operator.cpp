#include "sim/operator.hpp"

#include <algorithm>
#include <utility>

namespace vswim::sim {

namespace {
constexpr Duration patience = seconds(10);  // for an answer, before a node is given the next command
}

Operator::Operator(Cluster& cluster, const Formed& formed, Rng rng)
    : cluster_(&cluster), formed_(&formed), rng_(rng) {}

void Operator::start(Duration interval) {
  *running_ = false;  // an earlier pace ends
  running_ = std::make_shared<bool>(true);
  next_round(interval);
}

void Operator::next_round(Duration interval) {
  cluster_->scheduler().after(interval, [this, interval, running = running_] {
    if (!*running) return;
    round();
    next_round(interval);
  });
}

void Operator::round() {
  forget_lost();
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive() || busy(index)) continue;
    if (known_members(index) == 1) {
      bring_in(index);
    } else if (known_members(index) > 1 && !formed_shard(cluster_->shard_of(index))) {
      give_shard(index);
    }
  }
}

void Operator::forget_lost() {
  if (everybody_tells()) std::erase_if(lost_, [&](const NodeId& id) { return !is_listed(id); });
  for (const auto& id : lost_) {
    if (cluster_->find(id)) continue;  // not lost after all: its RESET has not happened
    const auto at = static_cast<NodeIndex>(rng_.below(cluster_->size()));
    if (!cluster_->node(at).alive() || busy(at) || known_members(at) < 2) continue;
    command(at, {"FORGET", id.hex()}, [this](const std::string& reply) {
      if (reply == "+OK") ++cluster_->oracle().coverage.forgets;
    });
  }
}

// A node that is alone is met by somebody who is not. What it holds is of a cluster that went on without it.
void Operator::bring_in(NodeIndex index) {
  const auto host = member_of_cluster();
  if (!host || *host == index || busy(*host)) return;
  auto& node = cluster_->node(index);
  if (!formed_shard(cluster_->shard_of(index))) node.flush_data();
  const auto& config = node.config();
  command(*host,
          {"MEET", config.bus.ip_text(), std::to_string(config.client_port), std::to_string(config.bus.port)},
          [this, index](const std::string& reply) {
            if (reply == "+OK") {
              ++cluster_->oracle().coverage.joins;
            } else if (cluster_->node(index).alive()) {
              cluster_->node(index).command({"FLUSHSLOTS"}, {});
            }
          });
  busy_until_[index] = cluster_->now() + patience;
}

void Operator::give_shard(NodeIndex index) {
  const auto& shard = formed_->ids[rng_.below(formed_->ids.size())];
  const auto primary = cluster_->primary_of(shard);
  if (!primary || *primary == index) return;
  command(index, {"REPLICATE", cluster_->node(*primary).id().hex()}, [this, index](const std::string& reply) {
    auto& node = cluster_->node(index);
    if (reply == "+OK") ++cluster_->oracle().coverage.moves;
    // Slots and keys that it was given while it was by itself.
    const bool burdened = reply.find("must be empty") != std::string::npos;
    if (!burdened || !node.alive() || formed_shard(cluster_->shard_of(index))) return;
    node.flush_data();
    node.command({"FLUSHSLOTS"}, {});
  });
}

void Operator::take_out(NodeIndex index) {
  if (busy(index) || known_members(index) < 2) return;
  const bool hard = rng_.chance(300'000);
  const auto id = cluster_->node(index).id();
  if (hard) lost_.insert(id);  // also if it dies before it answers
  command(index, {"RESET", hard ? "HARD" : "SOFT"}, [this](const std::string& reply) {
    if (reply == "+OK") ++cluster_->oracle().coverage.leaves;
  });
}

void Operator::add_machine() { cluster_->add_node(); }

void Operator::command(NodeIndex index, std::vector<std::string> arguments,
                       std::function<void(const std::string&)> answered) {
  busy_until_[index] = cluster_->now() + patience;
  const auto life = cluster_->node(index).life();
  cluster_->node(index).command(
      std::move(arguments), [this, index, life, answered = std::move(answered)](const core::Reply& reply) {
        if (cluster_->node(index).life() == life) busy_until_.erase(index);
        answered(text_of(reply));
      });
}

bool Operator::busy(NodeIndex index) const {
  const auto until = busy_until_.find(index);
  return until != busy_until_.end() && cluster_->now() < until->second;
}

std::size_t Operator::known_members(NodeIndex index) const {
  return cluster_->node(index).membership().members.size();
}

std::optional<NodeIndex> Operator::member_of_cluster() {
  std::size_t most = 0;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (cluster_->node(index).alive()) most = std::max(most, known_members(index));
  }
  std::vector<NodeIndex> members;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (cluster_->node(index).alive() && known_members(index) * 2 > most && known_members(index) > 1)
      members.push_back(index);
  }
  if (members.empty()) return std::nullopt;
  return members[rng_.below(members.size())];
}

bool Operator::formed_shard(const ShardId& shard) const {
  return std::ranges::find(formed_->ids, shard) != formed_->ids.end();
}

bool Operator::everybody_tells() const {
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive() || known_members(index) == 0) return false;
  }
  return true;
}

bool Operator::is_listed(const NodeId& id) const {
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive()) continue;
    for (const auto& member : cluster_->node(index).membership().members) {
      if (member.id == id) return true;
    }
  }
  return false;
}

// What keeps the shards from being whole: changes under way, voters whose seat is gone, seats left behind.
std::string Operator::odd_seats() {
  std::set<VoterUuid> present;
  std::map<ShardId, shard_log::Configuration> newest;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    for (const auto& status : cluster_->node(index).provider().seat_statuses()) {
      if (status.ended) continue;
      present.insert(status.uuid);
      auto& known = newest[status.shard];
      if (status.configuration.epoch > known.epoch) known = status.configuration;
    }
  }
  std::string text;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    for (const auto& status : cluster_->node(index).provider().seat_statuses()) {
      if (status.ended || !formed_shard(status.shard)) continue;
      const auto where = node_name(index) + "'s seat in " + short_id(status.shard);
      const auto& voters = newest[status.shard].voters;
      if (status.sealed) text += where + " knows a Seal; ";
      if (std::ranges::none_of(voters, [&](const auto& voter) { return voter.uuid == status.uuid; }))
        text += where + " of epoch " + std::to_string(status.configuration.epoch.value) + " is of nobody; ";
    }
  }
  for (const auto& [shard, configuration] : newest) {
    for (const auto& voter : configuration.voters) {
      if (formed_shard(shard) && !present.contains(voter.uuid))
        text += "voter " + voter.node.hex().substr(0, 8) + " of " + short_id(shard) + " has no seat; ";
    }
  }
  return text;
}

bool Operator::whole() {
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    const auto& node = cluster_->node(index);
    if (!node.alive() || known_members(index) != cluster_->size() || !formed_shard(cluster_->shard_of(index)))
      return false;
    if (busy(index)) return false;  // on its way out, perhaps
  }
  const bool all_gone = std::ranges::none_of(lost_, [&](const NodeId& id) { return !cluster_->find(id); });
  return all_gone && odd_seats().empty();
}

std::string Operator::unfinished() {
  std::string text;
  for (const auto& id : lost_) text += id.hex().substr(0, 8) + " is still listed; ";
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    const auto& node = cluster_->node(index);
    if (!node.alive()) {
      text += node_name(index) + " is dead; ";
    } else if (known_members(index) != cluster_->size()) {
      text += node_name(index) + " knows " + std::to_string(known_members(index)) + " members; ";
    } else if (!formed_shard(cluster_->shard_of(index))) {
      text += node_name(index) + " is in no shard with slots; ";
    }
  }
  if (text.empty()) text += odd_seats();
  return text;
}

}  // namespace vswim::sim
