// CLUSTERSCAN: pages of the keys of one slot, or of the slots from there on that this shard owns in a row.
// The filter has judged the cursor's slot; the keys come from the index of slots. A client waits while that
// is being built, and is judged anew then; where it cannot wait the index is finished at once. Main thread
// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/routing_table.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/run_as.hpp"
#include "module/scan_request.hpp"
#include "module/slot_index.hpp"

namespace vswim::module {

class ClusterScan {
 public:
  struct Callbacks {
    CommandFunction reply;
    DisconnectFunction gone;
  };

  ClusterScan(const Api& api, RunAs& run_as, ClientTable& clients, SlotIndex& index,
              const core::SlotKeyCounts& counts, const core::RoutingTable& table, Callbacks callbacks);

  int run(Ctx* ctx, String** arguments, int count, bool asking);
  // Releases who waits for slots that are indexed now; true when somebody's reply leaves at the next turn.
  bool review();
  int answer(Ctx* ctx, String** arguments, int count);  // of a client that was released
  void gone(BlockedClient* client);

 private:
  struct Page {
    std::string cursor;
    std::vector<std::string> keys;
    std::optional<core::Slot> missing;  // nothing was found before this slot, which is not indexed
  };
  struct Waiting {
    BlockedClient* client;
    std::uint64_t id;
    core::Slot slot;
    bool asking, released = false;
  };

  ScanRequest read(Ctx* ctx, String** arguments, int count) const;
  bool is_type(Ctx* ctx, const std::string& name) const;
  Page page(const ScanRequest& request);
  core::Slot last_slot(const ScanRequest& request) const;
  bool wanted(Ctx* ctx, const std::string& key, const ScanRequest& request) const;
  std::string type_of(Ctx* ctx, String* name, Key* key) const;
  int reply(Ctx* ctx, const ScanRequest& request, const Page& page) const;
  int wait(Ctx* ctx, core::Slot slot, bool asking);

  const Api& api_;
  RunAs& run_as_;
  ClientTable& clients_;
  SlotIndex& index_;
  const core::SlotKeyCounts& counts_;
  const core::RoutingTable& table_;
  std::string fingerprint_;  // of the index' order: positions of another process mean nothing here
  Callbacks callbacks_;
  std::vector<Waiting> waiting_;
};

}  // namespace vswim::module
