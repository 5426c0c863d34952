#include "central_provider.hpp"

#include <algorithm>

namespace vswim::core::testing {

using contract::Outcome;

void CentralProvider::at(Instant when, std::function<void(Instant)> run) {
  queue_.push({when, ++order_, std::move(run)});
}

void CentralProvider::tell(Instant when, std::size_t node, contract::Event event) {
  const auto life = nodes_[node].life;
  at(when, [this, node, life, event = std::move(event)](Instant) {
    if (!reachable(node) || nodes_[node].life != life) return;
    if (const auto* completed = std::get_if<contract::Completed>(&event)) {
      if (nodes_[node].open.erase(completed->ticket) == 0) return;
    }
    deliver_(node, event);
  });
}

void CentralProvider::done(Instant now, std::size_t node, Ticket ticket, Outcome outcome,
                           const std::string& text) {
  tell(now, node, contract::Completed{ticket, outcome, text, std::nullopt});
}

std::optional<std::size_t> CentralProvider::find(const NodeId& id) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].id == id) return i;
  }
  return std::nullopt;
}

std::set<std::size_t> CentralProvider::members(const ShardId& shard) const {
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].shard == shard) found.insert(i);
  }
  return found;
}

std::size_t CentralProvider::add_node(Instant now, std::uint16_t bus_port) {
  Node node;
  node.id = rng_.id<NodeId>();
  node.shard = rng_.id<ShardId>();
  node.cluster = ++next_cluster_;
  node.address = Address::v4(127, 0, 0, 1, bus_port);
  nodes_.push_back(node);
  shards_[node.shard].number = ++next_number_;
  start(now, nodes_.size() - 1);
  return nodes_.size() - 1;
}

void CentralProvider::start(Instant now, std::size_t node) {
  auto& n = nodes_[node];
  n.alive = true;
  n.cut = false;
  ++n.life;
  n.open.clear();
  n.shown = 0;
  n.released = false;
  n.lease_until = Instant::long_ago();
  n.health = contract::Health::ok;
  push_membership(now, n.cluster);
  replay_global(now, node, false);
  replay_shard(now, node, false);
}

void CentralProvider::crash(Instant, std::size_t node) {
  nodes_[node].alive = false;
  ++nodes_[node].life;
}

void CentralProvider::replay_shard(Instant now, std::size_t node, bool reset) {
  const auto& n = nodes_[node];
  const auto& shard = shards_[n.shard];
  if (reset) tell(now, node, contract::Reset{contract::Namespace::shard, shard.number, n.id, n.shard});
  contract::ShardLogUpdated snapshot{shard.number, {1, shard.revision, {}}, true, {}};
  for (const auto& [key, reg] : shard.log) snapshot.registers.push_back(reg);
  tell(now + delays_.message, node, snapshot);
  contract::GossipUpdated gossip{contract::Scope::shard, {}};
  for (const auto& [key, reg] : shard.gossip) gossip.registers.push_back(reg);
  tell(now + delays_.message, node, gossip);
  tell(now + delays_.message, node, contract::Settled{shard.number, {1, shard.settled, {}}});
}

void CentralProvider::replay_global(Instant now, std::size_t node, bool reset) {
  const auto& n = nodes_[node];
  if (reset) tell(now, node, contract::Reset{contract::Namespace::global, 0, n.id, n.shard});
  contract::GossipUpdated update{contract::Scope::global, {}};
  for (const auto& [key, reg] : global_[n.cluster]) update.registers.push_back(reg);
  tell(now, node, update);
}

void CentralProvider::push_membership(Instant now, std::size_t cluster) {
  contract::MembershipChanged view;
  for (const auto& node : nodes_) {
    if (node.cluster != cluster) continue;
    contract::Member member{node.id, node.shard, node.address, node.health, {}, now};
    if (node.health != contract::Health::ok) member.suspected_at = now;
    view.members.push_back(member);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].cluster != cluster) continue;
    view.self = nodes_[i].id;
    view.own_shard = nodes_[i].shard;
    tell(now, i, view);
  }
}

// A lease only for a node that has shown everything settled (rule L4).
void CentralProvider::grant(Instant now) {
  next_grant_ = now + delays_.grant;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto& node = nodes_[i];
    const auto& shard = shards_[node.shard];
    if (!reachable(i) || node.released || node.shown < std::max(shard.settled, shard.revision)) continue;
    node.lease_until = now + delays_.lease;
    tell(now, i, contract::Settled{shard.number, {1, shard.settled, {}}});
    tell(now, i, contract::Heartbeat{node.lease_until});
  }
}

void CentralProvider::update_health(Instant now) {
  std::set<std::size_t> changed;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto& node = nodes_[i];
    auto health = contract::Health::ok;
    if (!reachable(i)) {
      const bool proven = now >= node.lease_until + delays_.fail_after_lease;
      health = proven ? contract::Health::fail : contract::Health::pfail;
    }
    if (health == node.health) continue;
    node.health = health;
    changed.insert(node.cluster);
  }
  for (const auto cluster : changed) push_membership(now, cluster);
}

void CentralProvider::settle(Instant now) {
  for (auto& [id, shard] : shards_) {
    std::uint64_t settled = shard.revision;
    for (const auto i : members(id)) {
      if (now < nodes_[i].lease_until) settled = std::min(settled, nodes_[i].shown);
    }
    if (settled <= shard.settled) continue;
    shard.settled = settled;
    for (const auto i : members(id))
      tell(now + delays_.message, i, contract::Settled{shard.number, {1, settled, {}}});
    auto& waiting = shard.waiting;
    for (const auto& commit : waiting) {
      if (commit.revision > settled || nodes_[commit.proposer].life != commit.life) continue;
      tell(now + delays_.message, commit.proposer,
           contract::Completed{commit.ticket, Outcome::ok, "", contract::Revision{1, commit.revision, {}}});
    }
    waiting.erase(std::remove_if(waiting.begin(), waiting.end(),
                                 [&](const Commit& c) { return c.revision <= settled; }),
                  waiting.end());
  }
}

void CentralProvider::step(Instant now) {
  while (!queue_.empty() && queue_.top().at <= now) {
    auto event = queue_.top();
    queue_.pop();
    event.run(now);
  }
  settle(now);
  update_health(now);
  if (now >= next_grant_) grant(now);
}

Instant CentralProvider::next_deadline() const {
  return queue_.empty() ? next_grant_ : std::min(queue_.top().at, next_grant_);
}

void CentralProvider::cut(Instant now, std::size_t node, bool cut) {
  auto& n = nodes_[node];
  n.cut = cut;
  if (cut) return;
  replay_shard(now, node, false);
  replay_global(now, node, false);
  push_membership(now, n.cluster);
  for (const auto& ticket : n.open) done(now, node, ticket, Outcome::unknown, "cut off");
}

void CentralProvider::submit(Instant now, std::size_t node, const contract::Operation& operation) {
  std::visit(
      [&](const auto& op) {
        using Op = std::decay_t<decltype(op)>;
        if constexpr (requires { op.ticket; } && !std::is_same_v<Op, contract::JoinVerdict>) {
          nodes_[node].open.insert(op.ticket);
        }
      },
      operation);
  if (!reachable(node)) return;
  std::visit([&](const auto& op) { on(now, node, op); }, operation);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::JoinCluster& op) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].address.port != op.endpoints.front().port || !reachable(i)) continue;
    if (nodes_[i].cluster == nodes_[node].cluster) return done(now, node, op.ticket, Outcome::ok);
    const auto size_of = [&](std::size_t cluster) {
      return std::count_if(nodes_.begin(), nodes_.end(), [&](const Node& n) { return n.cluster == cluster; });
    };
    // A node alone joins the other's cluster, whoever got the command.
    std::size_t joiner = node, host = i;
    if (size_of(nodes_[node].cluster) > 1) std::swap(joiner, host);
    if (size_of(nodes_[joiner].cluster) > 1) {
      return done(now, node, op.ticket, Outcome::failed, "two clusters of several nodes cannot be joined");
    }
    if (joiner != node)
      return done(now, node, op.ticket, Outcome::failed, "not supported by the central provider");
    joins_[op.ticket] = {joiner, nodes_[host].cluster};
    contract::JoinReview review{op.ticket, {}, {}};
    for (const auto& [key, reg] : global_[nodes_[host].cluster]) review.registers.push_back(reg);
    for (const auto& n : nodes_) {
      if (n.cluster == nodes_[host].cluster)
        review.members.push_back({n.id, n.shard, n.address, n.health, {}, {}});
    }
    return tell(now + delays_.message, joiner, review);
  }
  done(now, node, op.ticket, Outcome::failed, "no answer from " + op.endpoints.front().text());
}

void CentralProvider::on(Instant now, std::size_t node, const contract::JoinVerdict& op) {
  const auto join = joins_.find(op.ticket);
  if (join == joins_.end()) return;
  const auto cluster = join->second.second;
  joins_.erase(join);
  if (!op.accept) return done(now, node, op.ticket, Outcome::failed, op.reason);
  nodes_[node].cluster = cluster;
  replay_global(now, node, true);
  push_membership(now, cluster);
  done(now + delays_.message, node, op.ticket, Outcome::ok);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::RemoveFromCluster& op) {
  const auto victim = find(op.node);
  if (!victim || nodes_[*victim].cluster != nodes_[node].cluster) {
    return done(now, node, op.ticket, Outcome::failed, "unknown node");
  }
  if (op.victim_owns_slots && nodes_[*victim].health != contract::Health::fail && *victim != node) {
    return done(now, node, op.ticket, Outcome::failed, "the node is alive and owns slots");
  }
  const auto old = nodes_[*victim].cluster;
  nodes_[*victim].cluster = ++next_cluster_;
  if (op.new_node_id) nodes_[*victim].id = rng_.id<NodeId>();
  push_membership(now, old);
  move_to_shard(now, *victim, rng_.id<ShardId>());
  replay_global(now, *victim, true);
  push_membership(now, nodes_[*victim].cluster);
  done(now + delays_.message, node, op.ticket, Outcome::ok);
}

void CentralProvider::move_to_shard(Instant now, std::size_t node, const ShardId& shard) {
  auto& n = nodes_[node];
  n.shard = shard;
  n.shown = 0;
  n.lease_until = Instant::long_ago();
  if (shards_[shard].number == 0) shards_[shard].number = ++next_number_;
  replay_shard(now, node, true);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::JoinShard& op) {
  if (members(op.shard).empty()) return done(now, node, op.ticket, Outcome::failed, "unknown shard");
  move_to_shard(now, node, op.shard);
  push_membership(now, nodes_[node].cluster);
  done(now + delays_.message, node, op.ticket, Outcome::ok);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::RemoveFromShard& op) {
  move_to_shard(now, node, rng_.id<ShardId>());
  push_membership(now, nodes_[node].cluster);
  done(now + delays_.message, node, op.ticket, Outcome::ok);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::UpdateGossip& op) {
  const auto& n = nodes_[node];
  const bool global = op.scope == contract::Scope::global;
  auto& store = global ? global_[n.cluster] : shards_[n.shard].gossip;
  contract::GossipUpdated update{op.scope, {}};
  for (const auto& write : op.batch) {
    const auto present = store.find(write.key);
    const bool live = present != store.end() && present->second.value;
    const auto expected = live ? std::optional(present->second.revision) : std::nullopt;
    if (write.expected != expected) return done(now, node, op.ticket, Outcome::stale, "stale: " + write.key);
    const auto counter = present == store.end() ? 1 : present->second.revision.major + 1;
    update.registers.push_back({write.key, write.value, {counter, 0, n.id}});
  }
  for (const auto& reg : update.registers) store[reg.key] = reg;
  tell(now, node, update);
  done(now, node, op.ticket, Outcome::ok);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const bool reads = global ? nodes_[i].cluster == n.cluster : nodes_[i].shard == n.shard;
    if (i != node && reads) tell(now + delays_.gossip, i, update);
  }
}

void CentralProvider::on(Instant now, std::size_t node, const contract::UpdateShardLog& op) {
  const auto life = nodes_[node].life;
  const auto shard_id = nodes_[node].shard;
  at(now + delays_.commit, [=, this](Instant when) {
    auto& shard = shards_[shard_id];
    if (!reachable(node) || nodes_[node].life != life || nodes_[node].shard != shard_id) return;
    for (const auto& write : op.batch) {
      const auto present = shard.log.find(write.key);
      const auto revision =
          present == shard.log.end() ? std::nullopt : std::optional(present->second.revision);
      if (write.expected != revision)
        return done(when, node, op.ticket, Outcome::stale, "stale: " + write.key);
    }
    ++shard.revision;
    contract::ShardLogUpdated update{shard.number, {1, shard.revision, {}}, false, {}};
    for (const auto& write : op.batch) {
      const contract::Register reg{write.key, write.value, update.revision};
      update.registers.push_back(reg);
      if (write.value)
        shard.log[write.key] = reg;
      else
        shard.log.erase(write.key);
    }
    for (const auto i : members(shard_id)) tell(when + delays_.message, i, update);
    shard.waiting.push_back({node, life, op.ticket, shard.revision});
  });
}

void CentralProvider::on(Instant now, std::size_t node, const contract::Shown& op) {
  if (op.namespace_number != shards_[nodes_[node].shard].number) return;
  nodes_[node].shown = std::max(nodes_[node].shown, op.revision.minor);
  settle(now);
}

void CentralProvider::on(Instant now, std::size_t node, const contract::ReleaseLease& op) {
  nodes_[node].lease_until = Instant::long_ago();
  nodes_[node].released = true;
  done(now, node, op.ticket, Outcome::ok);
}

void CentralProvider::on(Instant, std::size_t node, const contract::ResumeLease&) {
  nodes_[node].released = false;
}

void CentralProvider::on(Instant now, std::size_t node, const contract::SendToCore& op) {
  const auto to = find(op.to);
  if (to) tell(now + delays_.message, *to, contract::ReceivedFromCore{nodes_[node].id, op.bytes});
}

}  // namespace vswim::core::testing
