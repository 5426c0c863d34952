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
constexpr std::uint32_t forced_ppm = 200'000;  // of manual failovers
constexpr std::uint32_t lossy_ppm = 500'000;   // of the others
constexpr int losses = 4;
constexpr std::uint64_t losses_spread_ns = 20'000'000, loss_ns_max = 2'000'000;
constexpr int failover_writes = 100;
constexpr std::uint64_t failover_writes_spread_ns = 40'000'000;
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

void Workload::client_write() { write_at(any_node()); }

void Workload::write_at(NodeIndex node) {
  const std::string key = "key:" + std::to_string(rng_.below(client_keys));
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
  switch (rng_.below(16)) {
    case 0: command(node, {"DELSLOTS", std::to_string(rng_.below(core::slot_count))}); break;
    case 1: command(node, {"ADDSLOTS", std::to_string(rng_.below(core::slot_count))}); break;
    case 2:
    case 3: fail_over(node); break;
    case 4:
    case 5: move_replica(); break;
    case 6:
    case 7:
    case 8: contest_slot(); break;
    case 9:
    case 10:
    case 11: migrate_slots(); break;
    case 12: open_slot(); break;
    case 13:
    case 14: move_slot(); break;
    default: command(node, {"NODES"});
  }
}

// A manual failover at any node (primaries refuse), while its shard's clients write: what is acknowledged in
// the last moment is what could be lost.
void Workload::fail_over(NodeIndex node) {
  if (rng_.chance(forced_ppm)) return command(node, {"FAILOVER", "FORCE"});
  command(node, {"FAILOVER"});
  const auto asked = cluster_->primary_of(cluster_->shard_of(node));
  if (asked && *asked != node && rng_.chance(lossy_ppm)) lose_some(*asked, node);
  for (int i = 0; i < failover_writes; ++i) {
    const Duration later{static_cast<std::int64_t>(rng_.below(failover_writes_spread_ns))};
    cluster_->scheduler().after(later, [this, node, running = running_] {
      const auto primary = *running ? cluster_->primary_of(cluster_->shard_of(node)) : std::nullopt;
      if (primary) write_at(*primary);
    });
  }
}

// What goes one way is lost, a few times for a moment: the replication stream's last writes among it.
void Workload::lose_some(NodeIndex from, NodeIndex to) {
  for (int i = 0; i < losses; ++i) {
    const Duration begins{static_cast<std::int64_t>(rng_.below(losses_spread_ns))};
    const Duration ends = begins + Duration{static_cast<std::int64_t>(rng_.below(loss_ns_max))};
    cluster_->scheduler().after(begins, [this, from, to, still = running_] {
      if (*still) cluster_->cut_one_way(from, to);
    });
    cluster_->scheduler().after(ends, [this, from, to] { cluster_->mend(from, to); });
  }
}

// Seal-copy-start under whatever else goes on: a replica moves to another shard (a primary's own is refused).
void Workload::move_replica() {
  if (!rates_.moves) return;
  std::vector<NodeIndex> replicas;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    // An administrator does not take the replica of a primary that is gone: it may be the last copy.
    const bool covered = cluster_->primary_of(cluster_->shard_of(index)).has_value();
    if (cluster_->node(index).alive() && !cluster_->serves(index) && covered) replicas.push_back(index);
  }
  if (replicas.empty()) return;
  const auto index = replicas[rng_.below(replicas.size())];
  const auto target = cluster_->primary_of(formed_->ids[rng_.below(formed_->ids.size())]);
  if (!target || cluster_->shard_of(*target) == cluster_->shard_of(index)) return;
  cluster_->set_leaving(index, true);
  command(index, {"REPLICATE", cluster_->node(*target).id().hex()}, [this, index](const std::string& reply) {
    cluster_->set_leaving(index, false);
    if (reply == "+OK") ++cluster_->oracle().coverage.moves;
  });
}

// A range that holds clients' keys goes to another shard, whole (an atomic migration); now and then the
// administrator changes his mind.
void Workload::migrate_slots() {
  const auto& ids = formed_->ids;
  const auto from = rng_.below(ids.size());
  const auto to = (from + 1 + rng_.below(ids.size() - 1)) % ids.size();
  const auto source = cluster_->primary_of(ids[from]);
  const auto target = cluster_->primary_of(ids[to]);
  if (!source || !target) return;
  if (rng_.chance(100'000)) return command(*source, {"CANCELSLOTMIGRATIONS"});
  const auto& table = cluster_->node(*source).core().routing();
  const auto first = core::key_slot("key:" + std::to_string(rng_.below(client_keys)));
  if (!table.served[first]) return;
  auto last = first;
  const auto most = first + rng_.below(400);
  while (last < most && last + 1U < core::slot_count && table.served[last + 1U]) ++last;
  command(*source, {"MIGRATESLOTS", "SLOTSRANGE", std::to_string(first), std::to_string(last), "NODE",
                    cluster_->node(*target).id().hex()});
}

std::vector<std::string> Workload::setslot(core::Slot slot, const char* what, NodeIndex other) const {
  std::vector<std::string> words{"SETSLOT", std::to_string(slot), what};
  if (words.back() != "STABLE") words.push_back(cluster_->node(other).id().hex());
  return words;
}

// Any of SETSLOT's words about any slot to anybody: whatever half of a migration is asked for, nothing is
// served twice.
void Workload::open_slot() {
  const auto slot = core::key_slot("key:" + std::to_string(rng_.below(client_keys)));
  const char* const words[] = {"MIGRATING", "IMPORTING", "NODE", "STABLE"};
  const auto* word = words[rng_.below(4)];
  auto primary = cluster_->primary_of(formed_->ids[rng_.below(formed_->ids.size())]);
  if (!primary) return;
  const auto other = cluster_->primary_of(formed_->ids[rng_.below(formed_->ids.size())]);
  command(*primary, setslot(slot, word, other.value_or(any_node())));
}

// In valkey-cli's order, an empty slot as often as one that clients write to; the owner may have changed
// meanwhile, and any step may be refused.
void Workload::move_slot() {
  const auto& ids = formed_->ids;
  const bool written = rng_.chance(300'000);
  const auto slot = written ? core::key_slot("key:" + std::to_string(rng_.below(client_keys)))
                            : static_cast<core::Slot>(rng_.below(core::slot_count));
  std::optional<std::size_t> from;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto primary = cluster_->primary_of(ids[i]);
    if (primary && cluster_->node(*primary).core().routing().served[slot]) from = i;
  }
  if (!from || ids.size() < 2) return;
  const auto to = (*from + 1 + rng_.below(ids.size() - 1)) % ids.size();
  struct Step {
    const char* word;
    std::size_t whom;
    std::size_t other;
  };
  const Step steps[] = {
      {"IMPORTING", to, *from}, {"MIGRATING", *from, to}, {"NODE", to, to}, {"NODE", *from, to}};
  Duration at{};
  for (const auto& step : steps) {
    cluster_->scheduler().after(at, [this, slot, step, running = running_] {
      const auto whom = cluster_->primary_of(formed_->ids[step.whom]);
      const auto other = cluster_->primary_of(formed_->ids[step.other]);
      if (!*running || !whom || !other) return;
      const bool takes = step.whom == step.other;
      command(*whom, setslot(slot, step.word, *other), [this, takes](const std::string& reply) {
        if (takes && reply == "+OK") ++cluster_->oracle().coverage.slots_taken;
      });
    });
    at = at + milliseconds(50 + static_cast<std::int64_t>(rng_.below(400)));
  }
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
