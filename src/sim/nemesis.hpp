// What goes wrong: crashes, power losses, cuts of every shape, pauses of either thread, slow disks, bad
// weather, and traps that spring at the worst moment. Drawn from the seed: some seeds are gentle, some
// brutal.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "sim/formation.hpp"
#include "sim/operator.hpp"

namespace vswim::sim {

struct Profile {
  Duration interval;  // mean time between faults
  Duration scale;     // faults last up to a few of these; about the lease's length
  Weather weather;
  Traps traps;
  DiskPace disk;
  std::uint32_t weak_disks_ppm = 0;  // restarts without data, restarts with an older dump
  bool crashes = true, cuts = true, pauses = true, disks = true;
  std::uint32_t strikes_at_seal_ppm = 0;  // of all changes of voters
  bool changes = false;                   // machines are lost for good, taken out and added
  bool uneven_ttl = false;                // nodes come back with another T
  std::string name;
};

Profile draw_profile(Rng& rng, Duration lease_ttl);

class Nemesis {
 public:
  Nemesis(Cluster& cluster, const Formed& formed, Operator& administrator, const Profile& profile, Rng rng);
  void start();
  void stop();  // nothing new will happen; what is broken stays broken, the weather is fine

 private:
  void next_fault();
  void strike();
  void crash_one();
  void crash_many();
  void cut_some();
  void pause_one();
  void clog_some();
  void disturb();
  void isolate_leased(NodeIndex primary);
  void strike_at_seal(NodeIndex leader);
  void strike_at_install(NodeIndex node, const ShardId& shard, Epoch epoch);
  void change_machines();
  void lose_machine(NodeIndex node);
  Duration other_ttl();
  void bring_back(NodeIndex node, Duration after);
  std::vector<Address> others(NodeIndex index) const;
  void heal_after(Duration after);
  void set_conditions(bool calm);
  bool may_lose_data(NodeIndex node);
  bool log_survives_without(NodeIndex index);
  // The node where a fault hurts most, most of the time: a serving primary or a log's leader.
  NodeIndex victim();
  std::vector<NodeIndex> shard_of_victim();
  Duration length(std::int64_t scale_percent_max);

  Cluster* cluster_;
  const Formed* formed_;
  Operator* operator_;
  Profile profile_;
  Rng rng_;
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);
  std::map<ShardId, Epoch> installed_;  // newest epoch that anybody was installed in
  std::uint64_t cuts_ = 0;
};

}  // namespace vswim::sim
