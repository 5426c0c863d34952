#include "sim/checkers/coverage.hpp"

namespace vswim::sim {

const Coverage::Fields& Coverage::fields() {
  static const Fields all{
      {"elections", &Coverage::elections},
      {"seals", &Coverage::seals},
      {"witness_changes", &Coverage::witness_changes},
      {"member_changes", &Coverage::member_changes},
      {"crashes", &Coverage::crashes},
      {"restarts", &Coverage::restarts},
      {"power_losses", &Coverage::power_losses},
      {"partitions", &Coverage::partitions},
      {"pauses", &Coverage::pauses},
      {"disk_stalls", &Coverage::disk_stalls},
      {"lease_losses", &Coverage::lease_losses},
      {"failovers", &Coverage::failovers},
      {"settled", &Coverage::settled},
      {"snapshots_shown", &Coverage::snapshots_shown},
      {"torn_tails", &Coverage::torn_tails},
      {"cas_ok", &Coverage::cas_ok},
      {"cas_stale", &Coverage::cas_stale},
      {"cas_failed", &Coverage::cas_failed},
      {"cas_unknown", &Coverage::cas_unknown},
      {"gossip_writes", &Coverage::gossip_writes},
      {"client_writes", &Coverage::client_writes},
      {"client_refusals", &Coverage::client_refusals},
      {"commands", &Coverage::commands},
      {"full_syncs", &Coverage::full_syncs},
      {"partial_syncs", &Coverage::partial_syncs},
      {"wiped_replicas", &Coverage::wiped_replicas},
      {"peers_failed", &Coverage::peers_failed},
  };
  return all;
}

void Coverage::add(const Coverage& other) {
  for (const auto& [name, field] : fields()) this->*field += other.*field;
}

}  // namespace vswim::sim
