#include "sim/recovery.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.hpp"
#include "core/slots.hpp"

namespace vswim::sim {

namespace {
constexpr std::int64_t leader_limit_ttls = 10;  // I17
constexpr std::int64_t answer_limit_ttls = 10;
constexpr std::int64_t change_limit_ttls = 2;  // a finisher that cannot start the next epoch gives up
// cluster-replica-validity-factor, 10 by default, and the nominal node timeout of 15 s: a replica without a
// link for longer does not stand.
constexpr Duration validity_limit = seconds(150);
constexpr std::uint32_t left_broken_ppm = 400'000;  // of the nodes that nobody needs
constexpr std::uint32_t left_cut_ppm = 300'000;     // of the links that nobody needs
}  // namespace

Recovery::Recovery(Cluster& cluster, const Formed& formed, Workload& workload, Operator& administrator,
                   Rng rng, Pass pass)
    : cluster_(&cluster),
      formed_(&formed),
      workload_(&workload),
      operator_(&administrator),
      rng_(rng),
      pass_(std::move(pass)) {}

void Recovery::check() {
  heal_majority();
  check_majority();
  heal_all();
  check_all();
}

// ---- a majority of every shard, and nothing else ----

void Recovery::heal_majority() {
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    cluster_->node(index).resume();
    if (!cluster_->node(index).alive() || cluster_->node(index).doomed()) cluster_->restart(index);
  }
  cluster_->heal();
  healthy_ = choose_healthy();
  const auto needed = links_needed(healthy_);
  for (const auto a : healthy_) {
    for (const auto b : healthy_) {
      if (a != b && !needed.contains({std::min(a, b), std::max(a, b)}) && rng_.chance(left_cut_ppm))
        cluster_->cut_one_way(a, b);
    }
  }
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!healthy_.contains(index)) leave_broken(index);
  }
}

void Recovery::leave_broken(NodeIndex index) {
  const auto how = rng_.below(3);
  if (how == 0) return cluster_->crash(index);
  for (NodeIndex other = 0; other < cluster_->size(); ++other) {
    if (other == index) continue;
    cluster_->cut_one_way(index, other);
    if (how == 1) cluster_->cut_one_way(other, index);  // else it goes on hearing, and nobody hears it
  }
}

// Random nodes are given up as long as every shard keeps a majority of its voters, and its data.
Recovery::Nodes Recovery::choose_healthy() {
  Nodes healthy;
  std::vector<NodeIndex> order;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    healthy.insert(index);
    order.push_back(index);
  }
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng_.below(i)]);
  for (const auto index : order) {
    if (!rng_.chance(left_broken_ppm)) continue;
    healthy.erase(index);
    if (!without_majority(healthy).empty() || !data_in(healthy)) healthy.insert(index);
  }
  return healthy;
}

namespace {
// Whether `seats` hold a majority of the configuration's votes, one of them able to lead.
bool majority_of(const shard_log::Configuration& configuration, const std::set<VoterUuid>& seats) {
  std::size_t voters = 0, reached = 0, leaders = 0;
  for (const auto& voter : configuration.voters) {
    const bool here = seats.contains(voter.uuid);
    leaders += here && voter.role == shard_log::Role::data ? 1 : 0;
    if (voter.role == shard_log::Role::learner) continue;
    ++voters;
    reached += here ? 1 : 0;
  }
  return voters == 0 || (reached >= voters / 2 + 1 && leaders > 0);
}

bool leads_among(const shard_log::Configuration& configuration, const std::set<VoterUuid>& seats) {
  return std::ranges::any_of(configuration.voters, [&](const auto& voter) {
    return voter.role == shard_log::Role::data && seats.contains(voter.uuid);
  });
}
}  // namespace

// The newest configuration that anybody has needs a majority, and somebody who can bring it about: a data
// voter that was installed in it, or a majority of the one before that still is in that one. What is sealed
// needs a majority too.
std::set<ShardId> Recovery::without_majority(const Nodes& nodes) {
  struct Shard {
    std::map<std::uint64_t, shard_log::Configuration> configurations;
    std::map<std::uint64_t, std::set<VoterUuid>> at;  // healthy seats by their epoch
    std::set<VoterUuid> present;
    std::vector<shard_log::Configuration> sealed;
  };
  std::map<ShardId, Shard> shards;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive()) continue;
    for (const auto& status : cluster_->node(index).provider().seat_statuses()) {
      if (!operator_->formed_shard(status.shard)) continue;
      auto& shard = shards[status.shard];
      const auto epoch = status.configuration.epoch.value;
      if (!status.configuration.voters.empty()) shard.configurations[epoch] = status.configuration;
      if (status.sealed) shard.sealed.push_back(*status.sealed);
      // Who has left the cluster, or was forgotten, may have a seat still and knows nobody to vote with.
      const bool apart = cluster_->node(index).membership().members.size() < 2;
      if (status.ended || apart || !nodes.contains(index)) continue;
      shard.present.insert(status.uuid);
      shard.at[epoch].insert(status.uuid);
    }
  }
  std::set<ShardId> without;
  for (auto& [id, shard] : shards) {
    if (shard.configurations.empty()) continue;
    const auto& [epoch, newest] = *shard.configurations.rbegin();
    const auto before = shard.configurations.find(epoch - 1);
    const bool finished = leads_among(newest, shard.at[epoch]);
    const bool finishable =
        before != shard.configurations.end() && majority_of(before->second, shard.at[epoch - 1]);
    const bool sealed_too = std::ranges::all_of(shard.sealed, [&](const auto& sealed) {
      return sealed.epoch.value <= epoch || majority_of(sealed, shard.present);
    });
    if (!majority_of(newest, shard.present) || (!finished && !finishable) || !sealed_too) without.insert(id);
  }
  return without;
}

// Somebody who may become primary.
bool Recovery::holds_data(const Nodes& nodes, const ShardId& shard) {
  return std::ranges::any_of(nodes, [&](NodeIndex index) {
    const auto& node = cluster_->node(index);
    if (!node.alive() || node.provider().shard_id() != shard) return false;
    const auto report = node.engine().report(cluster_->now());
    const bool barred = report.down_since_ms > static_cast<std::uint64_t>(validity_limit.ms());
    return report.completed_sync && report.keys > 0 && !barred;
  });
}

bool Recovery::data_in(const Nodes& nodes) {
  return std::ranges::all_of(formed_->ids, [&](const ShardId& shard) { return holds_data(nodes, shard); });
}

std::set<std::pair<NodeIndex, NodeIndex>> Recovery::links_needed(const Nodes& nodes) {
  std::map<ShardId, Nodes> seats;
  for (const auto index : nodes) {
    for (const auto& status : cluster_->node(index).provider().seat_statuses())
      seats[status.shard].insert(index);
    seats[cluster_->node(index).provider().shard_id()].insert(index);
  }
  std::set<std::pair<NodeIndex, NodeIndex>> links;
  for (const auto& [shard, members] : seats) {
    for (const auto a : members) {
      for (const auto b : members) {
        if (a < b) links.insert({a, b});
      }
    }
  }
  return links;
}

std::optional<NodeIndex> Recovery::leader_of(const ShardId& shard) {
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive()) continue;
    for (const auto& status : cluster_->node(index).provider().seat_statuses()) {
      const bool in_time = cluster_->node(index).clock_now() < status.leader_deadline;
      if (status.shard == shard && status.leader_active && in_time) return index;
    }
  }
  return std::nullopt;
}

void Recovery::check_majority() {
  const auto ttl = cluster_->longest_ttl();
  const auto generous = seconds(60) + ttl * 40;
  const auto began = cluster_->now();
  // A change that was under way, by a leader that had just heard from those who are broken now, may rest on
  // them. Later ones may not.
  pass_for(ttl * change_limit_ttls);
  const auto overtaken = without_majority(healthy_);
  auto& coverage = cluster_->oracle().coverage;
  coverage.majority_checks += formed_->ids.size();
  coverage.overtaken += overtaken.size();
  for (const auto& shard : formed_->ids) {
    if (overtaken.contains(shard)) continue;
    demand(
        "I17", [&] { return leader_of(shard).has_value(); },
        began + ttl * leader_limit_ttls - cluster_->now(),
        [&] { return "no leader within 10 T: " + describe_shard(shard); });
  }
  demand(
      "I17", [&] { return cluster_->oracle().answers.open_count() == 0; }, ttl * answer_limit_ttls,
      [&] {
        return "proposals stay unanswered: " + cluster_->oracle().answers.oldest_open(cluster_->now());
      });
  for (const auto& shard : formed_->ids) {
    // Who has meanwhile been told to follow a broken node and has not synced with it must not serve.
    const auto serves = [&] { return cluster_->primary_of(shard).has_value(); };
    if (overtaken.contains(shard) || wait(serves, generous) || !holds_data(healthy_, shard)) continue;
    cluster_->oracle().violations.add("liveness", "all", cluster_->now(),
                                      "a shard with a majority does not serve: " + describe_shard(shard));
  }
}

// ---- everything ----

void Recovery::heal_all() {
  cluster_->heal();
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive()) cluster_->restart(index);
  }
  operator_->start(seconds(1));
}

void Recovery::check_all() {
  auto& oracle = cluster_->oracle();
  const auto limit = seconds(60) + cluster_->longest_ttl() * 40;
  for (const auto& shard : formed_->ids) {
    demand(
        "liveness", [&] { return cluster_->primary_of(shard).has_value(); }, limit,
        [&] { return "a shard never serves again: " + describe_shard(shard); });
  }
  demand(
      "liveness", [&] { return operator_->whole(); }, limit * 2,
      [&] { return "the administrator cannot repair the cluster: " + operator_->unfinished(); });
  operator_->stop();
  demand(
      "liveness", [&] { return workload_->unanswered().empty(); }, limit,
      [&] { return "commands stay unanswered: " + workload_->unanswered(); });
  for (const auto& shard : formed_->ids) {
    const auto before = workload_->commits_of(shard);
    const auto commits = [&] {
      if (const auto primary = cluster_->primary_of(shard)) workload_->propose_somewhere(*primary);
      return workload_->commits_of(shard) > before;
    };
    demand("liveness", commits, limit, [&] { return "a shard commits nothing: " + describe_shard(shard); });
  }
  demand(
      "liveness", [&] { return replicas_follow(*cluster_, *formed_); }, limit,
      [] { return std::string("a replica never follows again"); });
  demand(
      "I19", [&] { return gossip_agrees(); }, limit, [] { return std::string("gossip never converges"); });
  demand(
      "I19", [&] { return unwell().empty(); }, limit,
      [&] { return "a live member stays dead: " + unwell(); });
  demand(
      "I20", [&] { return slots_disjoint(); }, limit,
      [] { return std::string("a slot stays served by two shards"); });
  demand(
      "I21", [&] { return left_keys().empty(); }, limit, [&] { return left_keys(); });
  demand(
      "I17", [&] { return oracle.answers.open_count() == 0; }, cluster_->longest_ttl() * answer_limit_ttls,
      [&] { return "proposals stay unanswered: " + oracle.answers.oldest_open(cluster_->now()); });
}

bool Recovery::gossip_agrees() {
  std::set<Hash128> roots;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (cluster_->node(index).alive()) roots.insert(cluster_->node(index).provider().global_gossip().root());
  }
  return roots.size() <= 1;
}

std::string Recovery::left_keys() {
  std::string text;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->serves(index)) continue;
    const auto& node = cluster_->node(index);
    const auto& keys = node.engine().counts().keys;
    for (std::size_t n = 0; n < core::slot_count; ++n) {
      const auto slot = static_cast<core::Slot>(n);
      if (keys[slot] == 0 || !cluster_->oracle().lost(node.provider().shard_id(), slot)) continue;
      text += node_name(index) + " keeps " + std::to_string(keys[slot]) + " keys of slot " +
              std::to_string(slot) + ", which its log calls another shard's; ";
    }
  }
  return text;
}

bool Recovery::slots_disjoint() {
  std::vector<bool> served(core::slot_count);
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->serves(index)) continue;
    const auto& table = cluster_->node(index).core().routing();
    for (std::size_t slot = 0; slot < core::slot_count; ++slot) {
      if (!table.served[slot]) continue;
      if (served[slot]) return false;
      served[slot] = true;
    }
  }
  return true;
}

std::string Recovery::unwell() {
  std::string text;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (!cluster_->node(index).alive()) continue;
    const auto& view = cluster_->node(index).membership();
    if (view.members.size() != cluster_->size()) {
      text += node_name(index) + " knows " + std::to_string(view.members.size()) + " members; ";
    }
    for (const auto& member : view.members) {
      if (member.health == contract::Health::ok) continue;
      text += node_name(index) + " takes " + member.id.hex().substr(0, 8) + " for " +
              (member.health == contract::Health::fail ? "failed; " : "suspect; ");
    }
  }
  return text;
}

// ---- waiting and telling ----

void Recovery::pass_for(Duration duration) {
  wait([] { return false; }, duration);
}

bool Recovery::wait(const std::function<bool()>& condition, Duration limit) {
  const WorldTime end = cluster_->now() + limit;
  while (!condition()) {
    if (cluster_->now() >= end || !pass_(milliseconds(100))) return false;
  }
  return true;
}

void Recovery::demand(const char* invariant, const std::function<bool()>& condition, Duration limit,
                      const std::function<std::string()>& reason) {
  if (!wait(condition, limit)) cluster_->oracle().violations.add(invariant, "all", cluster_->now(), reason());
}

std::string Recovery::voters_text(const shard_log::Configuration& configuration) {
  std::string text = "(";
  for (const auto& voter : configuration.voters) {
    const auto index = cluster_->find(voter.node);
    text += (text.size() > 1 ? " " : "") + (index ? node_name(*index) : "gone");
    if (voter.role != shard_log::Role::data)
      text += voter.role == shard_log::Role::witness ? " witness" : " learner";
  }
  return text + ")";
}

std::string Recovery::describe_shard(const ShardId& shard) {
  std::string text = "shard " + short_id(shard) + ": ";
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    auto& node = cluster_->node(index);
    if (!node.alive()) continue;
    for (const auto& status : node.provider().seat_statuses()) {
      if (status.shard != shard) continue;
      const auto report = node.engine().report(cluster_->now());
      text +=
          node_name(index) + (healthy_.contains(index) ? "" : " (broken)") +
          (node.provider().shard_id() == shard ? "" : " elsewhere") +
          (node.core().routing().primary_here ? " primary" : "") + (report.is_replica ? " replica" : "") +
          (report.completed_sync ? " synced" : " never-synced") + " offset " + std::to_string(report.offset) +
          (node.seen().leased(cluster_->now()) ? " leased" : "") + (status.ended ? " ended" : "") +
          (status.leading ? " leads" : "") + (status.leader_active ? " active" : "") + " epoch " +
          std::to_string(status.configuration.epoch.value) + " voters " + voters_text(status.configuration) +
          (status.sealed ? " sealed" : "") + " committed " + std::to_string(status.committed) + " settled " +
          std::to_string(status.settled) + " shown " + std::to_string(status.shown) + "; ";
    }
  }
  return text;
}

}  // namespace vswim::sim
