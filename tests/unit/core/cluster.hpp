// What Core's tests know of a cluster: nodes that run a Core and an engine, a provider between them, virtual
// time. The tests are written against this face only, so that they can run over the central provider
// (central_cluster.cpp) and over any other one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/core.hpp"

namespace vswim::core::testing {

using Words = std::vector<std::string>;

// A stand-in for a server's data set: keys per slot, a replication offset, the history it belongs to.
struct Engine {
  EngineReport report;
  SlotKeyCounts counts;
  std::uint64_t keys_total = 0;
  bool frozen = false;  // does not replicate, although linked
  std::optional<NodeId> follows;
  std::vector<EngineAction> done;  // every action, in order
};

class Cluster {
 public:
  virtual ~Cluster() = default;

  virtual Instant now() const = 0;
  virtual void run_for(Duration duration) = 0;
  // Until `reached` holds, looked at after every event; false when `limit` passed first.
  virtual bool run_until(const std::function<bool()>& reached, Duration limit) = 0;

  virtual std::size_t add_node(const Settings& settings) = 0;  // a fresh node: own cluster, own shard
  virtual std::size_t size() const = 0;
  virtual Core& core(std::size_t node) = 0;
  virtual Engine& engine(std::size_t node) = 0;
  virtual const std::vector<std::string>& notes(std::size_t node) = 0;
  virtual bool graceful_end_done(std::size_t node) = 0;
  virtual void configure(std::size_t node, const Settings& settings) = 0;

  // Stops at once; nobody is told. `restart` brings it back with what `data` says was on disk.
  virtual void crash(std::size_t node) = 0;
  struct Data {
    std::uint64_t keys = 0, offset = 0;
    bool completed_sync = false;
  };
  virtual void restart(std::size_t node, const Data& data) = 0;
  virtual void cut(std::size_t node, bool cut) = 0;  // nothing arrives, nothing leaves

  // Issues a command and runs until it is answered.
  virtual Reply command(std::size_t node, const Words& words, bool can_block = true) = 0;
  // Writes a key as a client would: through the routing table. False when the node would not serve it.
  virtual bool write(std::size_t node, Slot slot) = 0;
};

std::unique_ptr<Cluster> make_cluster(std::uint64_t seed = 1);

// ---- vocabulary ----
std::string error_of(const Reply& reply);  // empty when it is no error
std::string text_of(const Reply& reply);   // of a simple, bulk or verbatim reply
bool is_ok(const Reply& reply);
std::string id_of(Cluster& cluster, std::size_t node);
std::vector<std::string> node_lines(Cluster& cluster, std::size_t node);
// The line of `subject` in CLUSTER NODES of `node`, split at spaces; empty when there is none.
Words node_line(Cluster& cluster, std::size_t node, std::size_t subject);
std::string info_field(Cluster& cluster, std::size_t node, const std::string& name);
bool is_primary(Cluster& cluster, std::size_t node);
bool noted(Cluster& cluster, std::size_t node, const std::string& part);
Settings settings_for(std::size_t index);
Settings partial_settings_for(std::size_t index);  // without full coverage: a few slots are enough
// The flow of valkey-cli --cluster create: `primaries` of `count` nodes share the slots, the others replicate
// them.
void create_cluster(Cluster& cluster, std::size_t count, std::size_t primaries);

}  // namespace vswim::core::testing
