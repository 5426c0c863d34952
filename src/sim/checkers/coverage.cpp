#include "sim/checkers/coverage.hpp"

namespace vswim::sim {

const Coverage::Fields& Coverage::fields() {
  static const Fields all{
      {"group_ms", &Coverage::group_ms},
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
      {"majority_checks", &Coverage::majority_checks},
      {"overtaken", &Coverage::overtaken},
      {"gossip_writes", &Coverage::gossip_writes},
      {"client_writes", &Coverage::client_writes},
      {"client_refusals", &Coverage::client_refusals},
      {"commands", &Coverage::commands},
      {"full_syncs", &Coverage::full_syncs},
      {"partial_syncs", &Coverage::partial_syncs},
      {"wiped_replicas", &Coverage::wiped_replicas},
      {"peers_failed", &Coverage::peers_failed},
      {"claim_conflicts", &Coverage::claim_conflicts},
      {"clogs", &Coverage::clogs},
      {"lost_disks", &Coverage::lost_disks},
      {"bad_sectors", &Coverage::bad_sectors},
      {"manual_failovers", &Coverage::manual_failovers},
      {"held_writes", &Coverage::held_writes},
      {"joins", &Coverage::joins},
      {"leaves", &Coverage::leaves},
      {"forgets", &Coverage::forgets},
      {"moves", &Coverage::moves},
      {"slot_migrations", &Coverage::slot_migrations},
      {"slots_taken", &Coverage::slots_taken},
  };
  return all;
}

void Coverage::add(const Coverage& other) {
  for (const auto& [name, field] : fields()) this->*field += other.*field;
  for (std::size_t i = 0; i < persistence_points; ++i) persistence_crashes[i] += other.persistence_crashes[i];
}

}  // namespace vswim::sim
