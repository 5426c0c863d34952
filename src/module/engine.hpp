// The server as Core's engine: Core's actions become REPLICAOF and friends, the server's INFO becomes
// EngineReports. Actions run from the event loop only, never inside a command or while a data set is loading.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/engine.hpp"
#include "module/api.hpp"
#include "module/log.hpp"

namespace vswim::module {

// What INFO replication says, as far as Core wants it. Pure.
struct ReplicationInfo {
  bool is_replica = false, link_up = false, sync_in_progress = false;
  std::uint64_t offset = 0, down_since_ms = 0;
  std::uint32_t replicas = 0;
  std::string history, primary_host;
  std::uint16_t primary_port = 0;
};
ReplicationInfo parse_replication(std::string_view info);

class Engine {
 public:
  Engine(const Api& api, Ctx* ctx, const Log& log) : api_(api), ctx_(ctx), log_(log) {}

  void follow(const core::Follow& target);
  void promote();
  void detach(std::string_view reason);
  void flush_all();
  // Makes the server a replica at once because something may have run late (the fence, 2); `host` empty: of
  // nobody. Core promotes it again when the settled log and a live lease still name this node.
  void fence_off(const std::string& host, std::uint16_t port);

  core::EngineReport report();
  bool native_replica() const { return replica_; }
  std::uint32_t replicas() const { return replicas_; }  // as last reported
  void set_native_replica(bool replica) { replica_ = replica; }
  void set_loading(bool loading) { loading_ = loading; }
  void loaded_from_disk();  // the data set of this start is complete

 private:
  bool replicate(const std::string& host, const std::string& port);
  ReplicationInfo read_replication() const;

  const Api& api_;
  Ctx* ctx_;
  const Log& log_;
  bool replica_ = false;
  bool loading_ = false;
  std::uint32_t replicas_ = 0;
  bool synced_ = false;  // as a replica: completed a sync since it left its own or another shard's history
  bool attached_ = false;
  bool emptied_ = false;  // as a replica; its history is its former primary's still
  std::uint64_t loaded_offset_ = 0;
};

}  // namespace vswim::module
