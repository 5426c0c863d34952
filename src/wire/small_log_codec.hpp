// The small forms of shard-log messages (schemas/shard_log.fbs, Small...): what leases cost day and night. A
// message without one travels whole (wire/shard_log_codec.hpp). Internal to the wire.
#pragma once

#include <vector>

#include "wire/flat_packet.hpp"
#include "wire/packet.hpp"

namespace vswim::wire {

struct SmallLogVectors {
  flatbuffers::Offset<flatbuffers::Vector<const fbs::log::SmallHeartbeat*>> heartbeats;
  flatbuffers::Offset<flatbuffers::Vector<const fbs::log::SmallAnswer*>> answers;
  flatbuffers::Offset<flatbuffers::Vector<const fbs::log::SmallRequest*>> requests;
  flatbuffers::Offset<flatbuffers::Vector<const fbs::log::SmallGrant*>> grants;
};
// Every part has_small_form. Absent (null) offsets where nothing is.
SmallLogVectors add_small_log(flatbuffers::FlatBufferBuilder& builder,
                              const std::vector<SmallLogPart>& parts);
// False when there are too many, or a time is out of its range.
bool small_log_from_flat(const fbs::Packet& flat, const NodeId& sender, Budget& budget,
                         std::vector<SmallLogPart>& parts);
std::size_t small_log_bytes(const shard_log::Message& message);

}  // namespace vswim::wire
