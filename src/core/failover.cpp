#include "core/failover.hpp"

#include <algorithm>

namespace vswim::core {

bool stands_before(const Candidate& a, const Candidate& b) {
  if (a.synced != b.synced) return a.synced;
  return a.offset != b.offset ? a.offset > b.offset : a.node < b.node;
}

std::uint32_t rank_of(const Candidate& self, const std::vector<Candidate>& others) {
  return static_cast<std::uint32_t>(std::count_if(others.begin(), others.end(), [&](const Candidate& other) {
    return other.node != self.node && stands_before(other, self);
  }));
}

EngineReport as_loaded(EngineReport report) {
  if (report.loaded_offset > 0 && report.keys > 0 && !report.sync_in_progress) report.completed_sync = true;
  return report;
}

std::string why_not_stand(const EngineReport& engine, const Settings& settings) {
  if (engine.loading) return "the data set is still being loaded";
  if (engine.sync_in_progress) return "a full sync is in progress";
  if (!engine.completed_sync) return "no sync of this shard's history was ever completed";
  if (settings.replica_no_failover) return "cluster-replica-no-failover is set";
  // Native arithmetic: the time without a link, less one node timeout, against ping period + timeout *
  // factor.
  std::int64_t age_ms = engine.link_up ? 0 : static_cast<std::int64_t>(engine.down_since_ms);
  if (age_ms > settings.node_timeout.ms()) age_ms -= settings.node_timeout.ms();
  const auto limit_ms =
      settings.repl_ping_period.ms() + settings.node_timeout.ms() * settings.replica_validity_factor;
  if (settings.replica_validity_factor > 0 && engine.is_replica && age_ms > limit_ms) {
    return "disconnected from the primary for longer than cluster-replica-validity-factor allows";
  }
  return "";
}

}  // namespace vswim::core
