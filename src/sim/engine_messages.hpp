// What simulated data holders say to each other: a model of PSYNC. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace vswim::sim {

using DataSet = std::map<std::string, std::string>;

struct ReplicatedWrite {  // one command of the replication stream; an empty key is a ping
  std::uint64_t start = 0;
  std::uint32_t size = 0;
  std::string key;
  std::optional<std::string> value;  // absent: delete
};

struct SyncRequest {
  std::uint64_t session = 0;
  std::string history;
  std::uint64_t offset = 0;
};
struct SyncRefused {
  std::uint64_t session = 0;
};  // -NOMASTERLINK: keep your history and try again
struct SyncPartial {
  std::uint64_t session = 0;
  std::string history;
  std::vector<ReplicatedWrite> writes;
};
struct SyncFull {
  std::uint64_t session = 0;
  std::string history;
  std::uint64_t offset = 0;
  DataSet data;
};
struct StreamWrite {
  std::uint64_t session = 0;
  ReplicatedWrite write;
};

using EngineMessage = std::variant<SyncRequest, SyncRefused, SyncPartial, SyncFull, StreamWrite>;

}  // namespace vswim::sim
