// Which disk writes go under one sync: appends that wait together are joined, a rewrite stands alone, the
// order is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "provider/provider.hpp"

namespace vswim::runtime {

class StateFile;

struct CommitGroup {
  bool rewrite = false;
  std::string bytes;
  std::vector<std::uint64_t> sequences;  // durable once this group is, in this order
};

std::vector<CommitGroup> group_writes(std::vector<provider::DiskWrite> writes);

struct CommitResult {
  std::vector<std::uint64_t> durable;  // in order
  std::uint64_t syncs = 0;
  std::string error;  // not empty: the first group that failed, and all after it, are not durable
};

CommitResult commit(StateFile& file, std::vector<provider::DiskWrite> writes);

}  // namespace vswim::runtime
