// The simulated world and its vocabulary: nodes on one network under one scheduler, watched by one oracle.
// Scenarios speak it directly; the nemesis and the workload of `simulate` speak it too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "sim/network.hpp"
#include "sim/node.hpp"
#include "sim/oracle.hpp"
#include "sim/scheduler.hpp"

namespace vswim::sim {

struct ClusterSettings {
  std::uint64_t seed = 1;
  Duration lease_ttl = seconds(1);
  std::uint32_t extreme_clock_ppm = 700'000;  // how often a clock is as wrong as it may be
  std::int64_t clock_error_ppm = 10'000;      // the protocol assumes no more than 1 % of every clock
};

class Cluster {
 public:
  using Tracer = std::function<void(WorldTime, NodeIndex, std::string_view)>;

  explicit Cluster(const ClusterSettings& settings, Tracer tracer = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // ---- nodes
  NodeIndex add_node();  // a fresh one, started
  void crash(NodeIndex node);
  void restart(NodeIndex node, StartOptions options = {});         // its clock error is drawn anew
  void wipe_disk(NodeIndex node) { nodes_[node]->disk().wipe(); }  // of a dead node
  bool rot_disk(NodeIndex node) { return nodes_[node]->disk().rot(); }
  void fix_clock(NodeIndex node, std::int64_t rate_error_ppm);  // from its next start on, instead of drawing
  void move_address(NodeIndex node, std::vector<Address> seeds = {});  // of a dead node, for its next start
  void change_ttl(NodeIndex node, Duration lease_ttl);                 // of a dead node, for its next start
  Duration longest_ttl() const { return longest_ttl_; }                // that any node ever had
  void pause_main(NodeIndex node, Duration duration);
  void pause_node_thread(NodeIndex node, Duration duration);
  void stop(NodeIndex node, Duration duration);  // SIGSTOP: both threads
  Node& node(NodeIndex index) { return *nodes_[index]; }
  std::size_t size() const { return nodes_.size(); }
  std::optional<NodeIndex> find(const NodeId& id) const;

  // ---- network
  void cut(NodeIndex a, NodeIndex b);  // both ways
  void cut_one_way(NodeIndex from, NodeIndex to);
  void mend(NodeIndex a, NodeIndex b);
  void isolate(NodeIndex node);
  // Nodes on the two sides do not reach each other; inside a side everything stays as it is.
  void split(const std::vector<NodeIndex>& one, const std::vector<NodeIndex>& other);
  void heal();
  void garbage(NodeIndex to, std::size_t datagrams);
  Network& network() { return *network_; }

  // A primary begins to serve while another node leads its log and keeps the book of its lease.
  void on_serves_by_others(std::function<void(NodeIndex)> told) { serves_by_others_ = std::move(told); }
  // A change of voters is under way: its leader has begun it; somebody took the new configuration.
  using Installed = std::function<void(NodeIndex, const ShardId&, Epoch)>;
  void on_seal(std::function<void(NodeIndex leader)> sealed, Installed installed) {
    seals_ = std::move(sealed);
    installs_ = std::move(installed);
  }

  // ---- time
  WorldTime now() const { return scheduler_.now(); }
  void run_for(Duration duration) { scheduler_.run_until(scheduler_.now() + duration); }
  // Looks again every `step`; false when the limit passed first.
  bool wait_until(const std::function<bool()>& condition, Duration limit, Duration step = milliseconds(10));
  Scheduler& scheduler() { return scheduler_; }

  // ---- users
  // The reply's text ("+OK", "-ERR ..."), waited for; nullopt when none came in time.
  std::optional<std::string> call(NodeIndex node, std::vector<std::string> arguments,
                                  Duration limit = seconds(30));
  core::Decision write(NodeIndex node, const std::string& key, const std::string& value);

  // Told to leave its shard, and not answered: its copy may be gone the next moment.
  void set_leaving(NodeIndex node, bool leaving);
  bool is_leaving(NodeIndex node) const;

  // ---- to look at
  bool serves(NodeIndex node);  // routing says primary here and its lease runs
  std::optional<NodeIndex> primary_of(const ShardId& shard);
  ShardId shard_of(NodeIndex node) { return nodes_[node]->seen().shard; }
  Oracle& oracle() { return oracle_; }
  Rng& rng() { return rng_; }
  const ClusterSettings& settings() const { return settings_; }

 private:
  Surroundings surroundings();
  void on_adopt(NodeIndex node, const core::AdoptSlots& adopted);
  std::int64_t rate_error_of(NodeIndex node);

  ClusterSettings settings_;
  Rng rng_;
  Scheduler scheduler_;
  Oracle oracle_;
  Tracer tracer_;
  std::function<void(NodeIndex)> seals_, serves_by_others_;
  Installed installs_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<NodeIndex, std::int64_t> fixed_clocks_;
  std::set<NodeIndex> leaving_;
  std::uint32_t addresses_given_ = 0;
  Duration longest_ttl_;
};

std::string text_of(const core::Reply& reply);

}  // namespace vswim::sim
