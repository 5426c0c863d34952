#include "wire/swim_codec.hpp"

#include "base/overloaded.hpp"
#include "wire/member_codec.hpp"

namespace vswim::wire {

namespace {

enum class Kind : std::uint8_t { ping, ping_request, ack, nack, rumours };

// The structs of a message, kept until they are added to the table.
struct Fields {
  Kind kind = Kind::rumours;
  std::uint32_t sequence = 0;
  std::optional<fbs::Id20> target;
  std::optional<fbs::Numbers> target_numbers;
  std::optional<fbs::Life> target_life;
  std::uint8_t target_status = 0;
  std::optional<fbs::AddressAny> target_address;
};

Fields fields_of(const swim::Message& message) {
  Fields fields;
  std::visit(
      Overloaded{
          [&](const swim::Ping& ping) {
            fields = {Kind::ping, ping.sequence, to_flat(ping.target), {}, {}, 0, {}};
            const SmallNumbers numbers{static_cast<std::uint8_t>(ping.target_status), ping.target_life, 0};
            if (fits_small(numbers)) {
              fields.target_numbers = to_flat(numbers);
            } else {
              fields.target_life = to_flat(ping.target_life);
              fields.target_status = numbers.status;
            }
          },
          [&](const swim::PingRequest& request) {
            fields = {Kind::ping_request,
                      request.sequence,
                      to_flat(request.target),
                      {},
                      {},
                      0,
                      to_flat(request.target_address)};
          },
          [&](const swim::Ack& ack) {
            fields = {Kind::ack, ack.sequence, to_flat(ack.target), {}, {}, 0, {}};
          },
          [&](const swim::Nack& nack) {
            fields = {Kind::nack, nack.sequence, to_flat(nack.target), {}, {}, 0, {}};
          },
          [&](const swim::Rumours&) {},
      },
      message);
  return fields;
}

template <class T>
const T* pointer(const std::optional<T>& value) {
  return value ? &*value : nullptr;
}

bool ping_from_flat(const fbs::Swim& flat, swim::Ping& ping) {
  ping.sequence = flat.sequence();
  ping.target = from_flat<NodeId>(flat.target());
  std::uint8_t status = flat.target_status();
  if (flat.target_numbers() != nullptr) {
    const SmallNumbers numbers = from_flat(*flat.target_numbers());
    ping.target_life = numbers.life;
    status = numbers.status;
  } else if (flat.target_life() != nullptr) {
    ping.target_life = from_flat(*flat.target_life());
  } else {
    return false;
  }
  return status_from_flat(status, ping.target_status);
}

bool message_from_flat(const fbs::Swim& flat, swim::Message& message) {
  const auto kind = static_cast<Kind>(flat.kind());
  if (kind != Kind::rumours && flat.target() == nullptr) return false;
  const NodeId target = from_flat<NodeId>(flat.target());
  switch (kind) {
    case Kind::ping: return ping_from_flat(flat, message.emplace<swim::Ping>());
    case Kind::ping_request:
      if (flat.target_address() == nullptr) return false;
      message = swim::PingRequest{flat.sequence(), target, from_flat(*flat.target_address())};
      return true;
    case Kind::ack: message = swim::Ack{flat.sequence(), target}; return true;
    case Kind::nack: message = swim::Nack{flat.sequence(), target}; return true;
    case Kind::rumours: message = swim::Rumours{}; return true;
  }
  return false;
}

}  // namespace

flatbuffers::Offset<fbs::Swim> add_swim(flatbuffers::FlatBufferBuilder& builder, const SwimPart& part) {
  const MemberVectors updates = add_updates(builder, part.updates);
  const Fields fields = fields_of(part.message);
  return fbs::CreateSwim(builder, static_cast<std::uint8_t>(fields.kind), fields.sequence,
                         pointer(fields.target), pointer(fields.target_numbers), updates.v4, updates.brief,
                         updates.wide, updates.forms, pointer(fields.target_life), fields.target_status,
                         pointer(fields.target_address), updates.observers);
}

bool swim_from_flat(const fbs::Swim* flat, std::optional<SwimPart>& part) {
  if (flat == nullptr || flat->kind() > static_cast<std::uint8_t>(Kind::rumours)) return true;
  part.emplace();
  return message_from_flat(*flat, part->message) &&
         updates_from_flat({flat->v4(), flat->brief(), flat->wide(), flat->forms(), flat->observers()},
                           part->updates);
}

}  // namespace vswim::wire
