#include "sim/workload.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "core/slots.hpp"

namespace vswim::sim {

namespace {
constexpr std::uint64_t cas_keys = 4;
constexpr std::uint64_t gossip_families = 4;
constexpr std::uint32_t gossip_deletes_ppm = 150'000;
constexpr std::uint64_t client_keys = 400;
}  // namespace

Workload::Workload(Cluster& cluster, const Formed& formed, const WorkloadRates& rates, Rng rng)
    : cluster_(&cluster), formed_(&formed), rates_(rates), rng_(rng) {}

void Workload::start() {
  *running_ = true;
  every(rates_.client, &Workload::client_write);
  every(rates_.cas, &Workload::cas);
  every(rates_.gossip, &Workload::gossip);
  every(rates_.admin, &Workload::admin);
}

void Workload::every(Duration mean, void (Workload::*work)()) {
  const Duration next{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(mean.ns) * 2))};
  cluster_->scheduler().after(next, [this, mean, work, running = running_] {
    if (!*running) return;
    (this->*work)();
    every(mean, work);
  });
}

void Workload::client_write() {
  const std::string key = "key:" + std::to_string(rng_.below(client_keys));
  const auto node = any_node();
  cluster_->node(node).write_key(key, "v" + std::to_string(++unique_), [this](core::Decision decision) {
    auto& coverage = cluster_->oracle().coverage;
    ++(decision == core::Decision::serve ? coverage.client_writes : coverage.client_refusals);
  });
}

void Workload::cas() { propose_somewhere(any_node()); }

void Workload::propose_somewhere(NodeIndex index) {
  auto& node = cluster_->node(index);
  if (!node.alive()) return;
  contract::Batch batch;
  const std::string value = "c" + std::to_string(++unique_);
  const auto writes = 1 + rng_.below(2);
  for (std::uint64_t i = 0; i < writes; ++i) {
    contract::Write write;
    write.key = "test:cas:" + std::to_string((unique_ + i) % cas_keys);
    write.value = value;
    const auto known = node.shard_registers().find(write.key);
    if (known != node.shard_registers().end() && known->second.value) write.expected = known->second.revision;
    batch.push_back(std::move(write));
  }
  node.propose(std::move(batch), value,
               [this, shard = node.seen().shard](const contract::Completed& completed) {
                 auto& coverage = cluster_->oracle().coverage;
                 switch (completed.outcome) {
                   case contract::Outcome::ok:
                     ++coverage.cas_ok;
                     ++commits_[shard];
                     break;
                   case contract::Outcome::stale: ++coverage.cas_stale; break;
                   case contract::Outcome::failed: ++coverage.cas_failed; break;
                   case contract::Outcome::unknown: ++coverage.cas_unknown; break;
                 }
               });
}

// A whole family of keys in one batch, with one value, now and then deleted: half of it would show (I19).
void Workload::gossip() {
  auto& node = cluster_->node(any_node());
  if (!node.alive()) return;
  const auto family = rng_.below(gossip_families);
  std::optional<std::string> value = "g" + std::to_string(++unique_);
  if (rng_.chance(gossip_deletes_ppm)) value.reset();
  contract::Batch batch;
  for (std::uint64_t member = 0; member < gossip_family_keys; ++member) {
    contract::Write write{gossip_family_key(family, member), value, {}};
    const auto known = node.global_registers().find(write.key);
    if (known != node.global_registers().end() && known->second.value)
      write.expected = known->second.revision;
    batch.push_back(std::move(write));
  }
  node.gossip(contract::Scope::global, std::move(batch), {});
  ++cluster_->oracle().coverage.gossip_writes;
}

void Workload::admin() {
  const auto node = any_node();
  switch (rng_.below(9)) {
    case 0: command(node, {"DELSLOTS", std::to_string(rng_.below(core::slot_count))}); break;
    case 1: command(node, {"ADDSLOTS", std::to_string(rng_.below(core::slot_count))}); break;
    case 2: command(node, {"FAILOVER"}); break;
    case 3:
    case 4: move_replica(node); break;
    case 5:
    case 6:
    case 7: contest_slot(); break;
    default: command(node, {"NODES"});
  }
}

// Seal-copy-start under whatever else goes on: a replica moves to another shard (a primary's own is refused).
void Workload::move_replica(NodeIndex index) {
  const auto target = cluster_->primary_of(formed_->ids[rng_.below(formed_->ids.size())]);
  // An administrator does not take the replica of a primary that is gone: it may be the last copy.
  const bool covered = cluster_->primary_of(cluster_->shard_of(index)).has_value();
  if (!rates_.moves || !target || *target == index || cluster_->serves(index) || !covered) return;
  command(index, {"REPLICATE", cluster_->node(*target).id().hex()});
}

// A slot that nobody owns is given to two shards: both logs may say yes before either has heard of the other.
void Workload::contest_slot() {
  const auto& ids = formed_->ids;
  // One that holds a client's key, against the shard that has it: keys that go too early are what it is
  // about.
  const auto contested = core::key_slot("key:" + std::to_string(rng_.below(client_keys)));
  const auto slot = std::to_string(contested);
  auto two = rng_.below(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto primary = cluster_->primary_of(ids[i]);
    if (!primary) continue;
    if (cluster_->node(*primary).core().routing().served[contested]) two = i;
    command(*primary, {"DELSLOTS", slot});
  }
  const auto one = (two + 1 + rng_.below(ids.size() - 1)) % ids.size();
  const bool apart = rng_.chance(500'000);
  cluster_->scheduler().after(seconds(2), [this, slot, one, two, apart, running = running_] {
    if (!*running) return;
    if (apart) return contest_apart(slot, formed_->ids[one], formed_->ids[two]);
    const auto holders = std::make_shared<int>(0);
    claim_slot(formed_->ids[one], slot, holders);
    const Duration head_start{static_cast<std::int64_t>(rng_.below(3'000'000))};
    cluster_->scheduler().after(head_start, [this, slot, two, holders, still = running_] {
      if (*still) claim_slot(formed_->ids[two], slot, holders);
    });
  });
}

// One of the two cannot hear that the other took the slot, gave it back and took it again: its claim is
// lower.
void Workload::contest_apart(const std::string& slot, const ShardId& deaf, const ShardId& busy) {
  std::vector<NodeIndex> inside, outside;
  for (NodeIndex index = 0; index < cluster_->size(); ++index)
    (cluster_->shard_of(index) == deaf ? inside : outside).push_back(index);
  cluster_->split(inside, outside);
  const auto holders = std::make_shared<int>(0);
  const auto later = [this](Duration delay, std::function<void()> act) {
    cluster_->scheduler().after(delay, [act = std::move(act), still = running_] {
      if (*still) act();
    });
  };
  for (int round = 0; round < 2; ++round) {
    later(milliseconds(200 * round), [this, busy, slot, holders, last = round == 1] {
      claim_slot(busy, slot, last ? holders : std::make_shared<int>(0));
    });
    if (round == 0) {
      later(milliseconds(100), [this, busy, slot] {
        if (const auto primary = cluster_->primary_of(busy)) command(*primary, {"DELSLOTS", slot});
      });
    }
  }
  later(milliseconds(300), [this, deaf, slot, holders] { claim_slot(deaf, slot, holders); });
  later(milliseconds(600), [this] { cluster_->heal(); });
}

void Workload::claim_slot(const ShardId& shard, const std::string& slot,
                          const std::shared_ptr<int>& holders) {
  const auto primary = cluster_->primary_of(shard);
  if (!primary) return;
  command(*primary, {"ADDSLOTS", slot}, [this, holders](const std::string& reply) {
    if (reply == "+OK" && ++*holders == 2) ++cluster_->oracle().coverage.claim_conflicts;
  });
}

void Workload::command(NodeIndex index, std::vector<std::string> arguments,
                       std::function<void(const std::string&)> answered) {
  auto& node = cluster_->node(index);
  if (!node.alive()) return;
  const auto number = ++asked_;
  commands_[number] = {index, node.life(), arguments[0]};
  node.command(std::move(arguments),
               [this, number, answered = std::move(answered)](const core::Reply& reply) {
                 commands_.erase(number);
                 if (answered) answered(text_of(reply));
               });
}

std::uint64_t Workload::commits_of(const ShardId& shard) const {
  const auto found = commits_.find(shard);
  return found == commits_.end() ? 0 : found->second;
}

std::string Workload::unanswered() const {
  std::string text;
  for (const auto& [number, asked] : commands_) {
    const auto& node = cluster_->node(asked.node);
    if (node.alive() && node.life() == asked.life) text += node_name(asked.node) + " " + asked.text + "; ";
  }
  return text;
}

}  // namespace vswim::sim
