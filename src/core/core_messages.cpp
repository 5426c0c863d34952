#include "core/core_messages.hpp"

#include "base/overloaded.hpp"

namespace vswim::core {

namespace {

constexpr std::string_view prefix = "vc1";
constexpr std::uint64_t number_max = 9'000'000'000'000'000'000;

std::string ranges_of(const SlotSet& slots) {
  const auto text = slots_text(slots, slot_count);
  return text.empty() ? "-" : text;
}

std::string held_text(const std::vector<ClaimedRange>& held) {
  return held.empty() ? "-" : claimed_text(held);
}

std::optional<SlotSet> parse_slots(std::string_view text) {
  SlotSet slots;
  if (text == "-") return slots;
  for (const auto part : split(text, ',')) {
    const auto range = parse_range(part);
    if (!range) return std::nullopt;
    for (std::uint32_t slot = range->first; slot <= range->last; ++slot) slots.set(slot);
  }
  return slots;
}

std::optional<std::vector<ClaimedRange>> parse_held(std::string_view text) {
  std::vector<ClaimedRange> held;
  if (text == "-") return held;
  std::uint32_t next = 0;
  for (const auto part : split(text, ',')) {
    const auto colon = part.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto claim = parse_number(part.substr(0, colon), claim_max);
    const auto range = parse_range(part.substr(colon + 1));
    if (!claim || !range || range->first < next) return std::nullopt;
    held.push_back({*range, *claim});
    next = range->last + 1U;
  }
  return held;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "0") return false;
  if (text == "1") return true;
  return std::nullopt;
}

using Fields = std::vector<std::string_view>;

constexpr std::size_t history_bytes_max = 64;

std::optional<CoreMessage> decode_hand_over(std::string_view kind, const ShardId& shard, const Fields& f) {
  const bool request = kind == "handover?" && f.size() == 1;
  const bool offer = kind == "handover" && f.size() == 4;
  const auto attempt = request || offer ? parse_number(f[0], number_max) : std::nullopt;
  if (!attempt) return std::nullopt;
  if (request) return HandOverRequest{shard, *attempt};
  const auto offset = parse_number(f[1], number_max);
  const auto fence = parse_number(f[2], number_max);
  if (!offset || !fence || f[3].empty() || !plain_name(f[3], history_bytes_max)) return std::nullopt;
  return HandOverOffer{shard, *attempt, *offset, *fence, std::string(f[3])};
}

std::optional<CoreMessage> decode_take(std::string_view kind, const ShardId& shard, const Fields& f) {
  if (kind == "take!" && f.size() == 1) {
    const auto slot = parse_number(f[0], slot_count - 1);
    return slot ? std::optional<CoreMessage>(TakeOffer{shard, static_cast<Slot>(*slot)}) : std::nullopt;
  }
  if (f.size() != 3) return std::nullopt;
  const auto number = parse_number(f[0], number_max);
  if (kind == "take?") {
    const auto slot = parse_number(f[1], slot_count - 1);
    const auto keys = parse_number(f[2], static_cast<std::uint64_t>(KeysLeft::go));
    if (number && slot && keys)
      return TakeQuestion{shard, *number, static_cast<Slot>(*slot), static_cast<KeysLeft>(*keys)};
  }
  if (kind == "take") {
    const auto verdict = parse_number(f[1], static_cast<std::uint64_t>(TakeAnswer::Verdict::busy));
    const auto claim = parse_number(f[2], claim_max);
    if (number && verdict && claim)
      return TakeAnswer{shard, *number, static_cast<TakeAnswer::Verdict>(*verdict), *claim};
  }
  return std::nullopt;
}

std::optional<CoreMessage> decode_numbers(std::string_view kind, const ShardId& shard, const Fields& f) {
  if (kind == "offset?" && f.empty()) return OffsetQuestion{shard};
  if (kind == "offset" && f.size() == 3) {
    const auto offset = parse_number(f[0], number_max);
    const auto stand = parse_flag(f[1]);
    const auto synced = parse_flag(f[2]);
    if (offset && stand && synced) return OffsetAnswer{shard, *offset, *stand, *synced};
  }
  if ((kind == "move?" || kind == "move") && f.size() == 1) {
    const auto number = parse_number(f[0], number_max);
    if (!number) return std::nullopt;
    if (kind == "move?") return MoveQuestion{shard, *number};
    return MoveConsent{shard, *number};
  }
  if (kind == "restart?" && f.size() == 2) {
    const auto loaded = parse_number(f[0], number_max);
    const auto keys = parse_number(f[1], number_max);
    if (loaded && keys) return RestartNotice{shard, *loaded, *keys};
  }
  if (kind == "restart" && f.size() == 4) {
    const auto stands = parse_flag(f[0]);
    const auto offset = parse_number(f[1], number_max);
    const auto keys = parse_number(f[2], number_max);
    const auto synced = parse_flag(f[3]);
    if (stands && offset && keys && synced) return RestartAnswer{shard, *stands, *offset, *keys, *synced};
  }
  if (kind == "handover?" || kind == "handover") return decode_hand_over(kind, shard, f);
  return decode_take(kind, shard, f);
}

}  // namespace

std::string encode(const CoreMessage& message) {
  const auto line = [](const char* kind, const ShardId& shard, const std::string& rest) {
    return std::string(prefix) + " " + kind + " " + shard.hex() + (rest.empty() ? "" : " " + rest);
  };
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  return std::visit(
      Overloaded{[&](const OffsetQuestion& m) { return line("offset?", m.shard, ""); },
                 [&](const OffsetAnswer& m) {
                   return line("offset", m.shard,
                               number(m.offset) + (m.may_stand ? " 1" : " 0") + (m.synced ? " 1" : " 0"));
                 },
                 [&](const RestartNotice& m) {
                   return line("restart?", m.shard, number(m.loaded_offset) + " " + number(m.keys));
                 },
                 [&](const RestartAnswer& m) {
                   return line("restart", m.shard,
                               std::string(m.stands ? "1 " : "0 ") + number(m.offset) + " " + number(m.keys) +
                                   (m.completed_sync ? " 1" : " 0"));
                 },
                 [&](const ClaimQuestion& m) { return line("claim?", m.shard, ranges_of(m.slots)); },
                 [&](const ClaimAnswer& m) { return line("claim", m.shard, held_text(m.held)); },
                 [&](const HandOverRequest& m) { return line("handover?", m.shard, number(m.attempt)); },
                 [&](const HandOverOffer& m) {
                   return line(
                       "handover", m.shard,
                       number(m.attempt) + " " + number(m.offset) + " " + number(m.fence) + " " + m.history);
                 },
                 [&](const TakeQuestion& m) {
                   return line("take?", m.shard,
                               number(m.number) + " " + number(m.slot) + " " +
                                   number(static_cast<std::uint64_t>(m.keys)));
                 },
                 [&](const TakeAnswer& m) {
                   return line("take", m.shard,
                               number(m.number) + " " + number(static_cast<std::uint64_t>(m.verdict)) + " " +
                                   number(m.claim));
                 },
                 [&](const TakeOffer& m) { return line("take!", m.shard, number(m.slot)); },
                 [&](const MoveQuestion& m) { return line("move?", m.shard, number(m.number)); },
                 [&](const MoveConsent& m) { return line("move", m.shard, number(m.number)); }},
      message);
}

std::optional<CoreMessage> decode(std::string_view bytes) {
  if (bytes.size() > core_message_bytes_max) return std::nullopt;
  auto fields = split(bytes, ' ');
  if (fields.size() < 3 || fields[0] != prefix) return std::nullopt;
  const auto kind = fields[1];
  const auto shard = ShardId::parse(fields[2]);
  if (!shard) return std::nullopt;
  fields.erase(fields.begin(), fields.begin() + 3);
  if (kind == "claim?" && fields.size() == 1) {
    const auto slots = parse_slots(fields[0]);
    return slots ? std::optional<CoreMessage>(ClaimQuestion{*shard, *slots}) : std::nullopt;
  }
  if (kind == "claim" && fields.size() == 1) {
    auto held = parse_held(fields[0]);
    return held ? std::optional<CoreMessage>(ClaimAnswer{*shard, std::move(*held)}) : std::nullopt;
  }
  return decode_numbers(kind, *shard, fields);
}

}  // namespace vswim::core
