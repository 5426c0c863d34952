#include "runtime/abi_values.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace vswim::runtime::abi {

namespace {

int compare_revisions(const vswim_revision* a, const vswim_revision* b) {
  if (a == nullptr || b == nullptr) return (a != nullptr) - (b != nullptr);
  const auto order = a->value <=> b->value;
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

vswim_revision* copy_revision(const vswim_revision* revision) {
  return revision == nullptr ? nullptr : new vswim_revision(*revision);
}

void release_revision(vswim_revision* revision) { delete revision; }

std::size_t print_revision(const vswim_revision* revision, char* text, std::size_t text_bytes) {
  const auto whole = revision == nullptr ? std::string("none") : revision->value.text();
  put_error(whole, text, text_bytes);
  return whole.size();
}

std::int32_t node_state(contract::Health health) {
  switch (health) {
    case contract::Health::ok: return VSWIM_NODE_OK;
    case contract::Health::pfail: return VSWIM_NODE_PFAIL;
    case contract::Health::fail: return VSWIM_NODE_FAIL;
  }
  return VSWIM_NODE_OK;
}

}  // namespace

constinit const vswim_revision_ops revision_ops = {sizeof(vswim_revision_ops), compare_revisions,
                                                   copy_revision, release_revision, print_revision};

void put_error(const std::string& message, char* error, std::size_t error_bytes) {
  if (error == nullptr || error_bytes == 0) return;
  std::snprintf(error, error_bytes, "%s", message.c_str());
}

ReadBatch read_batch(const vswim_write* writes, std::size_t count, Channel channel, const Eras& eras) {
  ReadBatch result;
  const auto all = read_array(writes, count);
  if (!all || count == 0) {
    result.status = VSWIM_EINVAL;
    return result;
  }
  for (const auto& write : *all) {
    if (write.key.data == nullptr || write.key.size == 0 ||
        (write.value.data == nullptr && write.value.size > 0)) {
      result.status = VSWIM_EINVAL;
      return result;
    }
    contract::Write value{text_of(write.key), std::nullopt, std::nullopt};
    if (write.deletes == 0) value.value = text_of(write.value);
    if (write.expected != nullptr) {
      if (write.expected->channel != channel) {
        result.status = VSWIM_ENAMESPACE;
        return result;
      }
      result.stale = result.stale || write.expected->era != eras.of(channel);
      value.expected = write.expected->value;
    }
    result.batch.push_back(std::move(value));
  }
  return result;
}

RegisterArray::RegisterArray(const std::vector<contract::Register>& registers, Channel channel,
                             const Eras& eras) {
  revisions_.reserve(registers.size());
  registers_.reserve(registers.size());
  static const std::string nothing;
  for (const auto& r : registers) {
    revisions_.push_back({r.revision, channel, eras.of(channel)});
    registers_.push_back({sizeof(vswim_register), bytes_of(r.key), bytes_of(r.value ? *r.value : nothing),
                          &revisions_.back(), r.value ? 0 : 1});
  }
}

ShardArray::ShardArray(std::vector<contract::Member> members) {
  std::sort(members.begin(), members.end(), [](const contract::Member& a, const contract::Member& b) {
    return std::tie(a.shard, a.id) < std::tie(b.shard, b.id);
  });
  nodes_.reserve(members.size());
  const contract::Member* previous = nullptr;
  for (const auto& member : members) {
    vswim_node node{};
    node.struct_bytes = sizeof node;
    put_id(member.id, node.node_id);
    put_error(member.address.ip_text(), node.ip, sizeof node.ip);
    node.bus_port = member.address.port;
    node.state = node_state(member.health);
    node.suspected_at_ns = member.suspected_at.ns;
    node.heard_at_ns = member.heard_at.ns;
    nodes_.push_back(node);
    if (previous == nullptr || previous->shard != member.shard) {
      vswim_shard shard{};
      shard.struct_bytes = sizeof shard;
      put_id(member.shard, shard.shard_id);
      shard.nodes = &nodes_.back();
      shards_.push_back(shard);
    }
    ++shards_.back().node_count;
    previous = &member;
  }
}

}  // namespace vswim::runtime::abi
