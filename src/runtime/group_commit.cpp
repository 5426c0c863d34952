#include "runtime/group_commit.hpp"

#include <utility>

#include "runtime/state_file.hpp"

namespace vswim::runtime {

std::vector<CommitGroup> group_writes(std::vector<provider::DiskWrite> writes) {
  std::vector<CommitGroup> groups;
  for (auto& write : writes) {
    if (groups.empty() || write.rewrite || groups.back().rewrite) {
      groups.push_back({write.rewrite, std::move(write.bytes), {write.sequence}});
    } else {
      groups.back().bytes += write.bytes;
      groups.back().sequences.push_back(write.sequence);
    }
  }
  return groups;
}

CommitResult commit(StateFile& file, std::vector<provider::DiskWrite> writes) {
  CommitResult result;
  for (const auto& group : group_writes(std::move(writes))) {
    const bool done =
        group.rewrite ? file.rewrite(group.bytes, result.error) : file.append(group.bytes, result.error);
    if (!done) break;
    ++result.syncs;
    result.durable.insert(result.durable.end(), group.sequences.begin(), group.sequences.end());
  }
  return result;
}

}  // namespace vswim::runtime
