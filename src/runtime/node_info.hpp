// What INFO and people are told about a running node: names and values, never for decisions.
#pragma once

#include <cstdint>

#include "provider/provider.hpp"
#include "runtime/bus_security.hpp"
#include "runtime/mailbox.hpp"

namespace vswim::runtime {

struct RuntimeCounters {
  std::uint16_t bus_port = 0;
  std::uint64_t streams_in = 0, streams_in_refused = 0, streams_out = 0, stream_failures = 0;
  std::uint64_t datagram_send_failures = 0;
  std::uint64_t disk_writes = 0, disk_syncs = 0;
  std::uint64_t clock_gaps = 0, longest_gap_ms = 0;
  std::uint64_t overtaken_writes = 0;
  bool halted = false;
};

InfoFields node_info(const provider::Provider& provider, const BusSecurity& security,
                     const RuntimeCounters& runtime);

}  // namespace vswim::runtime
