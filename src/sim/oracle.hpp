// The oracle of one run: it sees every node in true time, hands what it sees to the checkers, counts coverage
// and folds everything that happens into one hash. It is told; it never touches the code under test.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/types.hpp"
#include "sim/checkers/acknowledged.hpp"
#include "sim/checkers/answered_in_time.hpp"
#include "sim/checkers/answers.hpp"
#include "sim/checkers/bounded.hpp"
#include "sim/checkers/chains.hpp"
#include "sim/checkers/commits.hpp"
#include "sim/checkers/complete_leaders.hpp"
#include "sim/checkers/core_leases.hpp"
#include "sim/checkers/coverage.hpp"
#include "sim/checkers/dropped_slots.hpp"
#include "sim/checkers/durable_commits.hpp"
#include "sim/checkers/failed_peers.hpp"
#include "sim/checkers/gossip_reads.hpp"
#include "sim/checkers/history.hpp"
#include "sim/checkers/leader_leases.hpp"
#include "sim/checkers/moved_slots.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/one_leader.hpp"
#include "sim/checkers/one_primary.hpp"
#include "sim/checkers/planned_handovers.hpp"
#include "sim/checkers/promises.hpp"
#include "sim/checkers/restarted_primaries.hpp"
#include "sim/checkers/sealed_epochs.hpp"
#include "sim/checkers/seat_files.hpp"
#include "sim/checkers/silence.hpp"
#include "sim/checkers/slot_overlap.hpp"
#include "sim/checkers/sync_sources.hpp"
#include "sim/checkers/violations.hpp"
#include "sim/checkers/voter_memory.hpp"
#include "sim/checkers/witnesses.hpp"
#include "sim/clock.hpp"

namespace vswim::sim {

class Oracle {
 public:
  Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  // Whether two nodes reach each other both ways.
  void connect(const std::function<bool(NodeIndex, NodeIndex)>& connected);

  // ---- told by the node's own thread, in this order within one turn of its loop
  void on_start(WorldTime now, NodeIndex node, std::uint64_t life, Instant reading, Duration ttl,
                std::string_view file);
  void on_turn(WorldTime now, NodeIndex node, Instant reading);
  void on_operation(NodeIndex node, const contract::Operation& operation);
  void on_durable(WorldTime now, NodeIndex node, std::uint64_t sequence);
  void on_disk_write(WorldTime now, NodeIndex node, std::uint64_t sequence, bool rewrite,
                     std::string_view bytes);
  // An event leaves the provider; `shard` is the provider's own at this moment.
  void on_provider_event(WorldTime now, NodeIndex node, const ShardId& shard, const contract::Event& event);
  void on_sent(WorldTime now, NodeIndex node, std::string_view bytes) { silence_.on_sent(now, node, bytes); }
  void on_seats(WorldTime now, NodeIndex node, const NodeId& id, std::uint64_t life, const NodeClock& clock,
                std::vector<shard_log::Status> statuses);
  void on_crash(WorldTime now, NodeIndex node);

  // ---- told by the main thread
  // The event, as it left the provider, reaches Core.
  void on_handed(WorldTime now, NodeIndex node, const contract::Event& event);
  void on_namespace_shown(NodeIndex node);
  void on_shown(WorldTime now, NodeIndex node, const ShardId& shard, const contract::ShardLogUpdated& update);
  // Core has worked; `core.shown` and `core.shard` are what it was told.
  void on_core(WorldTime now, const CoreSeen& core, const core::RoutingTable& routing,
               const core::EngineReport& report);
  void on_sync_given(WorldTime now, const CoreSeen& source, NodeIndex to) {
    sync_sources_.on_sync_given(now, source, to);
  }
  void on_adopt(WorldTime now, NodeIndex node, const std::vector<core::Slot>& slots, const DataSet& data,
                const std::vector<SourceSeen>& sources) {
    ++coverage.slot_migrations;
    moved_slots_.on_adopt(now, node, slots, data, sources);
  }
  void on_drop(WorldTime now, NodeIndex node, const ShardId& shard, core::Slot slot, std::uint64_t keys) {
    dropped_slots_.on_drop(now, node, shard, slot, keys);
    planned_handovers_.on_removed(node, slot);
  }
  bool lost(const ShardId& shard, core::Slot slot) const { return dropped_slots_.lost(shard, slot); }
  // ---- and by the engine and its clients
  void on_acknowledged_write(NodeIndex node, const std::string& key, const std::string& value) {
    planned_handovers_.on_acknowledged(node, key, value);
  }
  void on_failover_asked(NodeIndex node, bool forced) { planned_handovers_.on_failover_asked(node, forced); }
  void on_emptied(NodeIndex node) { planned_handovers_.on_emptied(node); }
  void on_primary_proposed(NodeIndex node, const ShardId& shard, const NodeId* over_the_fence_of) {
    planned_handovers_.on_proposed(node, shard, over_the_fence_of);
  }
  void on_promoted(WorldTime now, const CoreSeen& core, const DataSet& data) {
    if (planned_handovers_.on_promoted(now, core, data)) ++coverage.manual_failovers;
  }
  void on_gossip(WorldTime now, NodeIndex node, std::size_t registers) {
    bounded_.on_gossip(now, node, registers);
  }

  // ---- told by proposers
  void on_proposed(WorldTime now, NodeIndex node, std::uint64_t ticket, const ShardId& shard,
                   const std::string& unique_value, const contract::Batch& batch);
  void on_completed(WorldTime now, NodeIndex node, const ShardId& shard, const std::string& unique_value,
                    const contract::Batch& batch, const contract::Completed& completed);

  void mix(std::uint64_t value);

  Violations violations;
  Coverage coverage;
  Commits commits{violations};
  Answers answers{violations};

  const CoresSeen& cores() const { return cores_; }
  std::uint64_t hash() const { return hash_; }

 private:
  struct ConfigurationSeen {
    std::uint64_t epoch = 0;
    std::set<NodeId> witnesses, members;
  };
  void count_configuration(const ShardId& shard, const shard_log::Configuration& configuration);

  OneLeader one_leader_{violations};
  LeaderLeases leader_leases_{violations};
  OnePrimary one_primary_{violations};
  Witnesses witnesses_{violations};
  Acknowledged acknowledged_{violations};
  FailedPeers failed_peers_{violations};
  CoreLeases core_leases_{violations};
  AnsweredInTime answered_in_time_{violations};
  SeatFiles seat_files_{violations};
  Promises promises_{violations};
  Chains chains_{violations};
  DurableCommits durable_commits_{violations};
  CompleteLeaders complete_leaders_{violations, durable_commits_};
  SealedEpochs sealed_epochs_{violations};
  History history_{violations};
  VoterMemory voter_memory_{violations};
  Silence silence_{violations};
  Bounded bounded_{violations};
  GossipReads gossip_reads_{violations};
  Primaryships primaryships_;
  SyncSources sync_sources_{violations, primaryships_};
  RestartedPrimaries restarted_primaries_{violations, primaryships_};
  SlotOverlap slot_overlap_{violations};
  DroppedSlots dropped_slots_{violations};
  MovedSlots moved_slots_{violations};
  PlannedHandovers planned_handovers_{violations};
  CoresSeen cores_;
  std::vector<Duration> ttls_;  // T of every node, which an administrator may change
  Duration longest_ttl_;        // that any node ever had
  std::map<ShardId, ConfigurationSeen> configurations_;
  std::map<ShardId, NodeId> primaries_;
  std::map<std::pair<NodeIndex, ShardId>, WorldTime> leads_until_;  // D of rule L2
  std::uint64_t hash_ = 0x9e3779b97f4a7c15ULL;
};

}  // namespace vswim::sim
