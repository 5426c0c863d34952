// What the module remembers about every connected client, by client id: an open-addressing table filled and
// emptied by the server's client events, so the filter neither allocates nor asks the server. A client that
// is not here is not a user's: the replication stream, an AOF being loaded, a script's inner commands, a
// module's own calls.
#pragma once

#include <cstdint>
#include <vector>

namespace vswim::module {

struct ClientState {
  static constexpr std::int32_t no_slot = -1;

  std::uint64_t id = 0;  // 0: empty cell (the server's ids start at 1)
  std::int32_t transaction_slot = no_slot;
  bool readonly = false;
  bool asking = false;          // for the next command only
  bool in_transaction = false;  // MULTI was passed on; the server may still have refused it
  bool transaction_writes = false;
  bool waits_for_us = false;  // blocked in a CLUSTER command of this module

  void end_transaction() {
    in_transaction = false;
    transaction_slot = no_slot;
    transaction_writes = false;
  }
};

class ClientTable {
 public:
  ClientTable();
  ClientState& connect(std::uint64_t id);
  void disconnect(std::uint64_t id);
  ClientState* find(std::uint64_t id) {
    for (std::size_t at = place(id);; at = (at + 1) & mask_) {
      if (cells_[at].id == id) return &cells_[at];
      if (cells_[at].id == 0) return nullptr;
    }
  }
  std::size_t size() const { return size_; }

 private:
  std::size_t place(std::uint64_t id) const {
    return static_cast<std::size_t>(id * 0x9e3779b97f4a7c15ULL >> 20) & mask_;
  }
  void grow();

  std::vector<ClientState> cells_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace vswim::module
