// I14: an amnesiac never uses its old uuid. A seat whose disk had confirmed more than its file holds at the
// next start (a lost disk, a lost write, damage that was not noticed) is no longer the voter it was: neither
// its node nor anybody else may open, write or hold a seat under that uuid. And no uuid is ever given to a
// second seat. Fed with what disks confirmed, with what a starting node finds, and with the seats it then
// holds.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

class VoterMemory : public SeatFileReader {
 public:
  explicit VoterMemory(Violations& violations) : violations_(&violations) {}

  void on_opened(WorldTime now, NodeIndex node, const ShardId& shard, const VoterUuid& uuid) override {
    if (!opened_.insert(uuid).second)
      used(now, node, shard, "opens a seat under a uuid that was given before");
  }
  void on_written(WorldTime now, NodeIndex node, const ShardId& shard, const SeatFile& seat,
                  const std::vector<EntryPointer>&) override {
    if (forgot_.contains(seat.uuid))
      used(now, node, shard, "writes under the uuid of a voter that lost its memory");
  }
  void on_durable(WorldTime, NodeIndex node, const ShardId&, const SeatFile& seat) override {
    auto& known = confirmed_[node][seat.uuid];
    known.promised = std::max(known.promised, seat.promised);
    known.ttl = std::max(known.ttl, seat.ttl_max);
    known.log = std::max(known.log, log_of(seat));
  }
  void on_recovered(WorldTime, NodeIndex node, const std::map<ShardId, SeatFile>& seats) override {
    auto& confirmed = confirmed_[node];
    std::set<VoterUuid> present;
    for (const auto& [shard, seat] : seats) {
      present.insert(seat.uuid);
      opened_.insert(seat.uuid);
      const auto known = confirmed.find(seat.uuid);
      if (known == confirmed.end()) continue;
      const auto& before = known->second;
      if (seat.promised < before.promised || seat.ttl_max < before.ttl || log_of(seat) < before.log)
        forgot_.insert(seat.uuid);
    }
    for (auto seat = confirmed.begin(); seat != confirmed.end();) {
      if (present.contains(seat->first)) {
        ++seat;
        continue;
      }
      forgot_.insert(seat->first);
      seat = confirmed.erase(seat);
    }
  }
  // A node holds a seat, not an ended one, under this uuid.
  void on_held(WorldTime now, NodeIndex node, const ShardId& shard, const VoterUuid& uuid) {
    if (!forgot_.empty() && forgot_.contains(uuid))
      used(now, node, shard, "came back with less than its disk had confirmed, as the voter it was");
  }

 private:
  using Log = std::pair<std::pair<Epoch, shard_log::Ballot>, shard_log::Revision>;
  struct Confirmed {
    shard_log::Ballot promised;
    Duration ttl;
    Log log;
  };
  static Log log_of(const SeatFile& seat) { return {{seat.epoch, seat.accepted}, seat.last()}; }
  void used(WorldTime now, NodeIndex node, const ShardId& shard, const std::string& how) {
    violations_->add("I14", node_name(node), now, how + ": shard " + short_id(shard));
  }

  Violations* violations_;
  std::set<VoterUuid> opened_, forgot_;
  std::map<NodeIndex, std::map<VoterUuid, Confirmed>> confirmed_;
};

}  // namespace vswim::sim
