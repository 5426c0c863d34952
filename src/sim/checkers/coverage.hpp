// What a run has exercised: a checker that is green where nothing happened proves nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/persistence_points.hpp"

namespace vswim::sim {

struct Coverage {
  std::uint64_t group_ms = 0;  // time of every shard under drawn faults: forming and healing do not count
  std::uint64_t elections = 0, seals = 0, witness_changes = 0, member_changes = 0;
  std::uint64_t crashes = 0, restarts = 0, power_losses = 0, partitions = 0, pauses = 0, disk_stalls = 0;
  std::uint64_t lease_losses = 0, failovers = 0, settled = 0, snapshots_shown = 0, torn_tails = 0;
  std::uint64_t majority_checks = 0,
                overtaken = 0;  // shards whose recovery was demanded; excused (sim/recovery.cpp)
  std::uint64_t cas_ok = 0, cas_stale = 0, cas_failed = 0, cas_unknown = 0;
  std::uint64_t gossip_writes = 0, client_writes = 0, client_refusals = 0, commands = 0;
  std::uint64_t full_syncs = 0, partial_syncs = 0, wiped_replicas = 0, peers_failed = 0;
  std::uint64_t claim_conflicts = 0, clogs = 0, lost_disks = 0, bad_sectors = 0;
  std::uint64_t manual_failovers = 0, held_writes = 0;
  std::uint64_t joins = 0, leaves = 0, forgets = 0, moves = 0, slot_migrations = 0, slots_taken = 0;
  std::array<std::uint64_t, persistence_points> persistence_crashes{};  // by point_index()

  using Fields = std::vector<std::pair<std::string, std::uint64_t Coverage::*>>;
  static const Fields& fields();
  void add(const Coverage& other);
};

}  // namespace vswim::sim
