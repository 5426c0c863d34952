// A model of the thing that holds the data: a role, a replication history with an offset, keys per slot, and
// a PSYNC that syncs partially or fully. It answers Core's actions and reports to Core as a server's module
// does. Sans-IO: actions and messages in, messages out. Time is the world's; nothing here depends on clock
// errors.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "core/engine.hpp"
#include "sim/engine_messages.hpp"
#include "sim/network.hpp"
#include "sim/world_time.hpp"

namespace vswim::sim {

enum class EngineRole : std::uint8_t { primary, replica };  // as a server: primary unless told to follow

struct EngineImage {  // what a dump file holds
  std::string history;
  std::uint64_t offset = 0;
  bool synced = false;  // its holder had the shard's history
  DataSet data;
};

class Engine {
 public:
  struct Outgoing {
    std::optional<NodeIndex> to;  // absent: whoever answers at host:port
    std::string host;
    std::uint16_t port = 0;
    EngineMessage message;
  };

  Engine(std::optional<EngineImage> loaded, WorldTime now, Rng rng);

  void apply(WorldTime now, const core::EngineAction& action);
  // `may_feed`: Core::may_feed_replicas at this very moment (rule I22).
  void on_message(WorldTime now, NodeIndex from, const EngineMessage& message, bool may_feed);
  void on_tick(WorldTime now);  // every tick_interval
  // A client's write that routing admitted; false when the engine itself is not writable.
  bool write(const std::string& key, std::optional<std::string> value);
  std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  struct Exported {
    core::TransferId transfer = 0;
    std::vector<core::MovedKey> keys;
    bool drained = false;
  };
  struct Imported {
    core::TransferId transfer = 0;
  };
  using TransferAnswer = std::variant<Exported, Imported>;
  std::vector<TransferAnswer> take_transfers() { return std::exchange(transfers_, {}); }

  core::EngineReport report(WorldTime now) const;
  const core::SlotKeyCounts& counts() const { return *counts_; }
  EngineImage image() const { return {history_, offset_, synced_ || gave_, data_}; }
  EngineRole role() const { return role_; }
  const DataSet& data() const { return data_; }
  bool exports(core::Slot slot) const;
  struct Syncs {
    std::uint64_t full = 0, partial = 0;
    std::uint64_t wiped = 0;  // full syncs that replaced keys by an empty data set
  };
  const Syncs& syncs() const { return syncs_; }

  static constexpr Duration tick_interval = milliseconds(100);

 private:
  void follow(WorldTime now, const core::Follow& action);
  void promote();
  void begin_history();
  void drop_link(WorldTime now);
  void replicate(const std::string& key, std::optional<std::string> value, std::uint32_t size);
  void take(const ReplicatedWrite& write);
  void set_key(const std::string& key, const std::optional<std::string>& value);
  void replace_data(DataSet data);
  void answer_sync(NodeIndex from, const SyncRequest& request);
  bool can_continue(const SyncRequest& request) const;
  void on_stream(WorldTime now, const StreamWrite& stream);
  void finish_full_sync(WorldTime now);
  void begin_export(const core::BeginExport& action);
  void pull_export(const core::PullExport& action);
  void drop(const std::vector<core::Slot>& slots);
  void import(const core::ImportKeys& action);

  Rng rng_;
  EngineRole role_ = EngineRole::primary;
  std::string history_, previous_history_;
  std::uint64_t offset_ = 0, previous_history_end_ = 0, loaded_offset_ = 0;
  bool synced_ = false;  // as a replica: has completed a sync of the shard's history
  bool gave_ = false;    // as a primary: has written or fed a replica
  DataSet data_;
  std::unique_ptr<core::SlotKeyCounts> counts_ = std::make_unique<core::SlotKeyCounts>();
  std::deque<ReplicatedWrite> backlog_;
  WorldTime loading_until_, last_ping_;

  std::optional<core::Follow> followed_;
  std::uint64_t session_ = 0;  // of the link to the followed primary
  bool link_up_ = false;
  WorldTime link_down_since_, link_heard_, asked_;
  std::optional<SyncFull> transfer_;  // a full sync under way
  WorldTime transfer_done_;
  std::deque<StreamWrite> behind_transfer_;

  struct Export {
    std::set<core::Slot> slots;
    std::set<std::string> due;  // keys not sent, or changed since
  };
  std::map<core::TransferId, Export> exports_;
  std::vector<TransferAnswer> transfers_;

  std::map<NodeIndex, std::uint64_t> replicas_;  // session of each
  std::vector<Outgoing> outgoing_;
  Syncs syncs_;
};

}  // namespace vswim::sim
