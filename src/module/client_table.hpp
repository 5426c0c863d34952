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
  bool transaction_flushes = false;  // something in it may empty all slots
  bool waits_for_us = false;         // blocked in a command of this module that is told when the lease ends
  bool vouched = false;              // has passed the server's authentication on this connection
  bool acting = false;               // its last command is on its way to swim.as
  bool blocking = false;             // its last command is on its way to swim.wait
  bool blocking_asked = false;       // and came after ASKING
  bool watching = false;             // WATCH was passed on
  // A transaction of this module's own (transactions.hpp).
  bool own_transaction = false;
  bool queueing = false;    // its last command is on its way to swim.queue
  bool aborted = false;     // a command was refused when it was queued
  bool executing = false;   // EXEC is on its way to swim.exec
  bool own_writes = false;  // something in it may write
  bool own_asking = false;  // ASKING before MULTI holds for all of it

  bool in_own_transaction() const { return own_transaction || executing; }
  void begin_own_transaction() {
    own_transaction = true;
    queueing = aborted = executing = own_writes = false;
  }
  void end_own_transaction() { own_transaction = queueing = aborted = executing = own_writes = false; }
  void end_transaction() {
    in_transaction = false;
    transaction_slot = no_slot;
    transaction_writes = transaction_flushes = false;
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
