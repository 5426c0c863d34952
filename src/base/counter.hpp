// Tagged counters: a generation is not an incarnation, and the compiler knows it.
#pragma once

#include <compare>
#include <cstdint>

namespace vswim {

template <class Tag>
struct Counter {
  std::uint64_t value = 0;

  friend auto operator<=>(const Counter&, const Counter&) = default;
  Counter next() const { return {value + 1}; }
};

using Generation = Counter<struct GenerationTag>;      // raised at every start of a node, persisted
using Incarnation = Counter<struct IncarnationTag>;    // raised to refute a suspicion within one life
using JoinNumber = Counter<struct JoinNumberTag>;      // raised by every MEET, outranks a FORGET's tombstone
using Epoch = Counter<struct EpochTag>;                // configuration epoch of a shard log
using StartNonce = Counter<struct StartNonceTag>;      // names one life of a lease holder
using RequestNumber = Counter<struct RequestTag>;      // numbers lease requests within one life
using PersistSequence = Counter<struct PersistTag>;    // numbers records handed to the disk
using ProposalSequence = Counter<struct ProposalTag>;  // numbers a proposer's batches within one life
using RepairEra = Counter<struct RepairEraTag>;        // names one filling of a gossip namespace's registers
using Ticket = Counter<struct TicketTag>;              // pairs an operation with its completion

}  // namespace vswim
