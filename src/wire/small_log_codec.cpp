#include "wire/small_log_codec.hpp"

#include "base/assert.hpp"
#include "base/overloaded.hpp"
#include "wire/shard_log_values.hpp"

namespace vswim::wire {

namespace {

namespace sl = shard_log;
using Bytes8 = flatbuffers::Array<std::uint8_t, 8>;

// Eight bytes of a struct, as its constructor takes them.
class Number {
 public:
  explicit Number(std::uint64_t number) : bytes_(number_bytes(number)) {}
  explicit Number(std::int64_t number) : Number(static_cast<std::uint64_t>(number)) {}
  operator flatbuffers::span<const std::uint8_t, 8>() const {  // NOLINT(google-explicit-constructor)
    return flatbuffers::span<const std::uint8_t, 8>(bytes_);
  }

 private:
  std::array<std::uint8_t, 8> bytes_;
};
std::int64_t signed_of(const Bytes8* bytes) { return static_cast<std::int64_t>(number_of(*bytes)); }

fbl::SmallHeartbeat small_form(const ShardId& shard, const sl::Append& m) {
  return {to_flat(shard),    Number(m.epoch.value), Number(m.ballot.round), Number(m.ballot.seat),
          Number(m.sent.ns), Number(m.ttl.ns),      Number(m.committed),    Number(m.settled)};
}
fbl::SmallAnswer small_form(const ShardId& shard, const sl::Appended& m) {
  return {to_flat(shard),         Number(m.epoch.value), Number(m.ballot.round), Number(m.ballot.seat),
          to_flat(m.ballot.node), to_flat(m.voter),      Number(m.sent.ns),      std::uint8_t{m.supports},
          Number(m.matched),      Number(m.committed)};
}
fbl::SmallRequest small_form(const ShardId& shard, const sl::LeaseRequest& m) {
  const std::array<std::uint8_t, 4> rank = {
      static_cast<std::uint8_t>(m.rank), static_cast<std::uint8_t>(m.rank >> 8),
      static_cast<std::uint8_t>(m.rank >> 16), static_cast<std::uint8_t>(m.rank >> 24)};
  return {to_flat(shard),
          Number(m.epoch.value),
          Number(m.start.value),
          Number(m.number.value),
          Number(m.shown),
          std::uint8_t{m.renew},
          flatbuffers::span<const std::uint8_t, 4>(rank)};
}
fbl::SmallGrant small_form(const ShardId& shard, const sl::LeaseGrant& m) {
  return {to_flat(shard),        Number(m.epoch.value),  Number(m.ballot.round), Number(m.ballot.seat),
          Number(m.start.value), Number(m.number.value), Number(m.duration.ns),  Number(m.settled)};
}

sl::Append read(LogReader& in, const NodeId& sender, const fbl::SmallHeartbeat& s) {
  sl::Append m;
  m.epoch = {number_of(*s.epoch())};
  m.ballot = {number_of(*s.round()), sender, number_of(*s.seat())};
  m.sent = in.instant(signed_of(s.sent()));
  m.ttl = in.duration(signed_of(s.ttl()));
  m.committed = number_of(*s.committed());
  m.settled = number_of(*s.settled());
  return m;
}
sl::Appended read(LogReader& in, const NodeId&, const fbl::SmallAnswer& s) {
  return {{number_of(*s.epoch())},
          {number_of(*s.round()), from_flat<NodeId>(s.leader()), number_of(*s.seat())},
          from_flat<VoterUuid>(s.voter()),
          in.instant(signed_of(s.sent())),
          s.supports() != 0,
          number_of(*s.matched()),
          number_of(*s.committed())};
}
sl::LeaseRequest read(LogReader&, const NodeId&, const fbl::SmallRequest& s) {
  std::uint32_t rank = 0;
  for (std::uint16_t i = 4; i-- > 0;) rank = rank << 8 | s.rank()->Get(i);
  return {{number_of(*s.epoch())}, {number_of(*s.start())}, {number_of(*s.number())},
          number_of(*s.shown()),   s.renew() != 0,          rank};
}
sl::LeaseGrant read(LogReader& in, const NodeId& sender, const fbl::SmallGrant& s) {
  return {{number_of(*s.epoch())},
          {number_of(*s.round()), sender, number_of(*s.seat())},
          {number_of(*s.start())},
          {number_of(*s.number())},
          in.duration(signed_of(s.duration())),
          number_of(*s.settled())};
}

bool is_heartbeat(const sl::Append& append) {
  return !append.whole && append.base == 0 && append.base_chain == Hash128{} && !append.snapshot &&
         append.entries.empty();
}

template <class Flat>
bool read_all(const flatbuffers::Vector<const Flat*>* flat, const NodeId& sender, Budget& budget,
              std::vector<SmallLogPart>& parts) {
  if (flat == nullptr) return true;
  if (flat->size() > shard_log_parts_max - parts.size()) return false;
  LogReader in(budget);
  for (const auto* one : *flat) {
    parts.push_back({from_flat<ShardId>(one->shard()), read(in, sender, *one)});
  }
  return in.ok();
}

}  // namespace

bool has_small_form(const sl::Message& message, const NodeId& sender) {
  return std::visit(
      Overloaded{[&](const sl::Append& m) { return is_heartbeat(m) && m.ballot.node == sender; },
                 [&](const sl::LeaseGrant& m) { return m.ballot.node == sender; },
                 [](const sl::Appended&) { return true; }, [](const sl::LeaseRequest&) { return true; },
                 [](const auto&) { return false; }},
      message);
}

SmallLogVectors add_small_log(flatbuffers::FlatBufferBuilder& builder,
                              const std::vector<SmallLogPart>& parts) {
  std::vector<fbl::SmallHeartbeat> heartbeats;
  std::vector<fbl::SmallAnswer> answers;
  std::vector<fbl::SmallRequest> requests;
  std::vector<fbl::SmallGrant> grants;
  for (const auto& part : parts) {
    std::visit(Overloaded{[&](const sl::Append& m) { heartbeats.push_back(small_form(part.shard, m)); },
                          [&](const sl::Appended& m) { answers.push_back(small_form(part.shard, m)); },
                          [&](const sl::LeaseRequest& m) { requests.push_back(small_form(part.shard, m)); },
                          [&](const sl::LeaseGrant& m) { grants.push_back(small_form(part.shard, m)); },
                          [](const auto&) { VSWIM_ASSERT(false, "a message without a small form"); }},
               part.message);
  }
  SmallLogVectors vectors;
  if (!heartbeats.empty()) vectors.heartbeats = builder.CreateVectorOfStructs(heartbeats);
  if (!answers.empty()) vectors.answers = builder.CreateVectorOfStructs(answers);
  if (!requests.empty()) vectors.requests = builder.CreateVectorOfStructs(requests);
  if (!grants.empty()) vectors.grants = builder.CreateVectorOfStructs(grants);
  return vectors;
}

bool small_log_from_flat(const fbs::Packet& flat, const NodeId& sender, Budget& budget,
                         std::vector<SmallLogPart>& parts) {
  return read_all(flat.heartbeats(), sender, budget, parts) &&
         read_all(flat.answers(), sender, budget, parts) &&
         read_all(flat.lease_requests(), sender, budget, parts) &&
         read_all(flat.lease_grants(), sender, budget, parts);
}

std::size_t small_log_bytes(const sl::Message& message) {
  return std::visit(Overloaded{[](const sl::Append&) { return sizeof(fbl::SmallHeartbeat); },
                               [](const sl::Appended&) { return sizeof(fbl::SmallAnswer); },
                               [](const sl::LeaseRequest&) { return sizeof(fbl::SmallRequest); },
                               [](const auto&) { return sizeof(fbl::SmallGrant); }},
                    message);
}

}  // namespace vswim::wire
