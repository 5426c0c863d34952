// What a member costs a real provider in memory: its heap with so many known members, from a state file,
// against its heap with none.
#include <malloc.h>

#include <memory>

#include "provider/provider.hpp"
#include "sim/membership/node.hpp"
#include "sim/membership/run.hpp"
#include "wire/file_records.hpp"

namespace vswim::sim::membership {

namespace {

std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::string state_file(std::uint32_t members) {
  Rng rng(1);
  wire::NodeRecord node;
  node.cluster = rng.id<ClusterId>();
  node.node = rng.id<NodeId>();
  node.generation = {1};
  node.join = {1};
  node.membership = {1, rng.id<ShardId>(), {1}};
  wire::KnownMembersRecord known;
  for (std::uint32_t i = 0; i < members; ++i) {
    swim::MemberUpdate member;
    member.id = rng.id<NodeId>();
    member.life = {{1}, {1}, {0}};
    member.address = address_of(i + 1);
    member.shard = rng.id<ShardId>();
    member.shard_epoch = {1};
    known.members.push_back(member);
  }
  return wire::file_preamble() + wire::encode_record(node) + wire::encode_record(known);
}

std::size_t heap_with(std::uint32_t members) {
  std::string file = state_file(members);
  provider::Settings settings;
  settings.advertised = address_of(0);
  const std::size_t before = heap_bytes() - file.capacity();
  std::string error;
  const auto provider = provider::Provider::start(settings, file, Instant{}, 1, error);
  std::string().swap(file);
  if (!provider) return 0;
  Instant now{};
  for (int step = 0; step < 100; ++step) {  // its first seconds, nobody answering
    for (const auto& write : provider->take_output().writes) provider->on_persisted(now, write.sequence);
    now = std::max(now, std::min(provider->next_deadline(), now + milliseconds(100)));
    provider->on_timer(now);
  }
  provider->take_output();
  return heap_bytes() - before;
}

}  // namespace

double bytes_per_known_member(std::uint32_t members) {
  if (members == 0) return 0;
  const std::size_t with = heap_with(members), without = heap_with(0);
  return with < without ? 0 : static_cast<double>(with - without) / members;
}

}  // namespace vswim::sim::membership
