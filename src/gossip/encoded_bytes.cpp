// An upper bound of a batch's size on the wire, held against the encoder by a test of the wire.
#include <algorithm>

#include "gossip/gossip.hpp"

namespace vswim::gossip {

namespace {

constexpr std::size_t batch_bytes = 64;     // its table, two vectors, alignment
constexpr std::size_t register_bytes = 56;  // its table and reference, two lengths, alignment
constexpr std::size_t writer_bytes = 20;

}  // namespace

std::size_t Gossip::encoded_bytes(const BatchUpdate& batch) {
  std::size_t bytes = batch_bytes;
  std::vector<NodeId> writers;
  for (const auto& entry : batch.registers) {
    bytes += register_bytes + entry.key.size() + (entry.value ? entry.value->size() : 0);
    writers.push_back(entry.revision.writer);
  }
  std::sort(writers.begin(), writers.end());
  writers.erase(std::unique(writers.begin(), writers.end()), writers.end());
  return bytes + writers.size() * writer_bytes;
}

}  // namespace vswim::gossip
