// How long a member stays suspect before it is called dead. Lifeguard's formulas (arXiv 1707.00788, section
// IV-B) as pure functions: the timeout falls from a maximum to a minimum as independent observers confirm the
// suspicion.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "swim/swim.hpp"

namespace vswim::swim {

// `cluster_size` counts this node and everybody it believes alive or suspect.
Duration suspicion_min(const Settings& settings, std::size_t cluster_size);
Duration suspicion_max(const Settings& settings, std::size_t cluster_size);

// `confirmations`: independent observers beyond the first. `confirmers`: members that could still confirm;
// with none there is nothing to wait for and the minimum holds (a cluster of two).
Duration suspicion_timeout(const Settings& settings, std::size_t cluster_size, std::uint32_t confirmations,
                           std::size_t confirmers);

// `observers` and one more: the bit of `observer`, or the next free one. Two that choose at the same time may
// choose the same and count as one, never the reverse.
std::uint32_t with_observer(std::uint32_t observers, const NodeId& observer);
std::uint32_t confirmations_of(std::uint32_t observers);

// More suspects at once than this are likelier the fault of this node's own network: then a death needs all
// its confirmations or the full time (design 2: distrust yourself first above 20 %).
std::size_t suspects_trusted(std::size_t cluster_size);

// How often a rumour is sent (SWIM, section 4.1: a multiple of log N reaches everybody with high
// probability).
std::uint32_t retransmit_limit(std::uint32_t multiplier, std::size_t cluster_size);

}  // namespace vswim::swim
