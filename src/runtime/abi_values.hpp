// Between the C ABI's structs and the contract's values. Input from the host is checked here; what goes out
// is borrowed from the values it was made of.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "contract/types.hpp"
#include "valkey_swim/cluster_provider.h"

namespace vswim::runtime::abi {

// The three namespaces of the contract, as the owner of a revision.
enum class Channel : std::uint8_t { global_gossip, shard_gossip, shard_log };

// Counts the resets that the host was told of: a revision of an earlier era is stale whatever its numbers
// say.
struct Eras {
  std::uint64_t global = 0;
  std::uint64_t shard = 0;
  std::uint64_t of(Channel channel) const { return channel == Channel::global_gossip ? global : shard; }
};

}  // namespace vswim::runtime::abi

struct vswim_revision {
  vswim::contract::Revision value;
  vswim::runtime::abi::Channel channel;
  std::uint64_t era;
};

namespace vswim::runtime::abi {

extern const vswim_revision_ops revision_ops;

// A host's struct of whatever version: members beyond its size are zero. Nullopt when it is too short to be
// one.
template <class Struct>
std::optional<Struct> read_struct(const Struct* from) {
  if (from == nullptr || from->struct_bytes <= sizeof(std::size_t)) return std::nullopt;
  Struct copy;
  std::memset(static_cast<void*>(&copy), 0, sizeof copy);
  std::memcpy(static_cast<void*>(&copy), from,
              from->struct_bytes < sizeof copy ? from->struct_bytes : sizeof copy);
  return copy;
}

// The whole array, elements of the size that the first one names. Nullopt when any is malformed.
template <class Struct>
std::optional<std::vector<Struct>> read_array(const Struct* first, std::size_t count) {
  std::vector<Struct> all;
  const auto* at = reinterpret_cast<const char*>(first);
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = read_struct(reinterpret_cast<const Struct*>(at));
    if (!one || one->struct_bytes != first->struct_bytes) return std::nullopt;
    all.push_back(*one);
    at += first->struct_bytes;
  }
  return all;
}

inline vswim_bytes bytes_of(const std::string& text) { return {text.data(), text.size()}; }
inline std::string text_of(vswim_bytes bytes) {
  return bytes.data == nullptr ? std::string() : std::string(bytes.data, bytes.size);
}
template <class IdType>
void put_id(const IdType& id, char (&text)[VSWIM_ID_SIZE + 1]) {
  std::memcpy(text, id.hex().c_str(), sizeof text);
}
void put_error(const std::string& message, char* error, std::size_t error_bytes);

// A batch of writes for one namespace.
struct ReadBatch {
  vswim_status status = VSWIM_ACCEPTED;
  bool stale = false;  // an expected revision is of an earlier era: nothing needs to be asked
  contract::Batch batch;
};
ReadBatch read_batch(const vswim_write* writes, std::size_t count, Channel channel, const Eras& eras);

// Registers with the revisions they point at.
class RegisterArray {
 public:
  RegisterArray(const std::vector<contract::Register>& registers, Channel channel, const Eras& eras);
  const vswim_register* data() const { return registers_.data(); }
  std::size_t size() const { return registers_.size(); }

 private:
  std::vector<vswim_revision> revisions_;
  std::vector<vswim_register> registers_;
};

// Members grouped by shard, shards and nodes in the order of their ids.
class ShardArray {
 public:
  explicit ShardArray(std::vector<contract::Member> members);
  const vswim_shard* data() const { return shards_.data(); }
  std::size_t size() const { return shards_.size(); }

 private:
  std::vector<vswim_node> nodes_;
  std::vector<vswim_shard> shards_;
};

}  // namespace vswim::runtime::abi
