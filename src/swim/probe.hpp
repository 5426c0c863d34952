// The pings that are waited for: this node's own probe of the period, probes made for others, and the first
// ping to a newcomer. One leaf because all three share the sequence numbers by which an ack finds its
// question.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "swim/probe_order.hpp"

namespace vswim::swim {

// This node's probe of the period. ping -> (timeout) -> ping and indirect -> (half of the rest) -> ping ->
// (end of period) -> missed, or answered before.
struct Probe {
  std::uint32_t sequence = 0;
  Slot target = no_slot;
  NodeId target_id;
  Instant began_at{};
  Instant indirect_at{};               // ask relays then; never() once asked
  Instant last_at = Instant::never();  // ping for the last time then; never() before relays and once done
  std::uint32_t relays_asked = 0;
  std::uint32_t nacks = 0;
  bool answered = false;
};

// A ping on behalf of `asker`, or the greeting of a newcomer (asker nil).
struct Errand {
  std::uint32_t sequence = 0;
  NodeId target;
  NodeId asker;
  Address asker_address;
  std::uint32_t asker_sequence = 0;
  Instant ends_at{};  // a nack is due then
};

// More would mean that hundreds of members lose their way to hundreds of others at once: the rest is not
// relayed.
constexpr std::size_t errands_max = 1'024;

class Errands {
 public:
  bool add(const Errand& errand);                                                // false when full
  std::optional<Errand> answered(std::uint32_t sequence, const NodeId& target);  // and forgotten
  std::vector<Errand> expired(Instant now);                                      // and forgotten
  Instant next_deadline() const;

 private:
  std::vector<Errand> waiting_;  // a handful; in order of ends_at, as all wait equally long
};

}  // namespace vswim::swim
