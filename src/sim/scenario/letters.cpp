#include "sim/scenario/letters.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "wire/packet.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim::scenario {

namespace {
using shard_log::Append;
using shard_log::Message;
using wire::Control;

constexpr std::array<std::string_view, std::variant_size_v<Message>> message_names = {
    "Append",        "Appended", "PreVote",      "PreVoted",   "Prepare",       "Promised",    "Refused",
    "ReleaseBallot", "StandNow", "LeaseRequest", "LeaseGrant", "LeaseRelease",  "Propose",     "SeatRequest",
    "SeatOffer",     "Install",  "Installed",    "Moved",      "ChangeRequest", "ChangeAnswer"};
constexpr std::array<std::string_view, std::variant_size_v<Control>> control_names = {
    "JoinRequest",  "JoinAnswer",  "JoinResult", "SnapshotRequest", "SnapshotAnswer",
    "ShardRequest", "ShardAnswer", "CoreBytes",  "LeaseEvidence",   "RepairPart"};

bool has_seal(const Append& append) {
  return std::ranges::any_of(append.entries, [](const auto& entry) { return entry.seal.has_value(); });
}
bool is_empty(const Append& append) { return append.entries.empty() && !append.snapshot; }

Kind append_that(bool (*wanted)(const Append&)) {
  return [wanted](const Letter& letter) {
    const auto* message = std::get_if<Message>(&letter);
    const auto* append = message == nullptr ? nullptr : std::get_if<Append>(message);
    return append != nullptr && wanted(*append);
  };
}

template <class Part, class Names>
Kind named(const Names& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return {};
  return [index = static_cast<std::size_t>(found - names.begin())](const Letter& letter) {
    const auto* part = std::get_if<Part>(&letter);
    return part != nullptr && part->index() == index;
  };
}

// One packet may carry several letters: a rule takes those it means, and the rest goes on.
struct Split {
  wire::Packet meant, rest;
  bool any = false, left = false;
};
Split split(const LetterRule& rule, const wire::Packet& packet) {
  Split parts;
  parts.meant.header = packet.header;
  parts.rest = packet;
  const auto takes = [&](const ShardId& shard, const Letter& letter) {
    return (!rule.shard || rule.shard == shard) && rule.kind(letter);
  };
  std::erase_if(parts.rest.small_log, [&](const auto& part) {
    if (!takes(part.shard, part.message)) return false;
    parts.meant.small_log.push_back(part);
    return true;
  });
  std::erase_if(parts.rest.shard_log, [&](const auto& part) {
    const auto message = wire::decode_message(part.payload);
    if (!message || !takes(part.shard, *message)) return false;
    parts.meant.shard_log.push_back(part);
    return true;
  });
  if (packet.control && takes(ShardId{}, *packet.control)) {
    parts.meant.control = packet.control;
    parts.rest.control.reset();
  }
  parts.any = !parts.meant.small_log.empty() || !parts.meant.shard_log.empty() || parts.meant.control;
  parts.left = !parts.rest.small_log.empty() || !parts.rest.shard_log.empty() || parts.rest.control;
  return parts;
}
}  // namespace

Kind kind_of(const std::string& name) {
  if (name == "Heartbeat") return append_that(is_empty);
  if (name == "Entries") return append_that([](const Append& append) { return !is_empty(append); });
  if (name == "Seal") return append_that(has_seal);
  auto message = named<Message>(message_names, name);
  return message ? message : named<Control>(control_names, name);
}

Letters::Letters(Cluster& cluster, Told told) : cluster_(&cluster), told_(std::move(told)) {
  cluster_->network().set_tap([this](const Parcel& parcel) { return pass(parcel); });
}

Letters::~Letters() { cluster_->network().set_tap({}); }

bool Letters::pass(const Parcel& parcel) {
  if (rules_.empty()) return true;
  const auto to = cluster_->network().host_at(parcel.to);
  if (!to) return true;
  const auto decoded = wire::decode(parcel.bytes);
  if (decoded.error != wire::DecodeError::none) return true;
  for (auto& rule : rules_) {
    if (rule.left == 0U || (rule.from && rule.from != parcel.sender) || (rule.to && rule.to != to)) continue;
    const auto parts = split(rule, decoded.packet);
    if (!parts.any) continue;
    if (rule.left) --*rule.left;
    caught_.push_back(rule.kind_name);
    told_(rule, parcel.sender, *to);
    // What rides on the last letter of a packet shares its fate.
    auto meant = parcel, rest = parcel;
    if (parts.left) meant.bytes = wire::encode(parts.meant);
    if (rule.fate != Fate::drop) held_.push_back({rule.kind_name, std::move(meant)});
    if (rule.fate == Fate::copy) return true;
    if (parts.left) {
      rest.bytes = wire::encode(parts.rest);
      send(std::move(rest));
    }
    return false;
  }
  return true;
}

void Letters::send(Parcel&& parcel) {
  if (parcel.stream) {
    const auto life = cluster_->node(parcel.sender).life();
    cluster_->network().send_frame(std::move(parcel), life);
  } else {
    cluster_->network().send_datagram(std::move(parcel));
  }
}

void Letters::end(const std::string& kind_name, bool deliver) {
  const auto meant = [&](const std::string& name) { return kind_name.empty() || name == kind_name; };
  std::erase_if(rules_, [&](const LetterRule& rule) { return meant(rule.kind_name); });
  std::vector<Held> kept, going;
  for (auto& held : held_) (meant(held.kind_name) ? going : kept).push_back(std::move(held));
  held_ = std::move(kept);
  if (!deliver) return;
  for (auto& held : going) send(std::move(held.parcel));
}

std::size_t Letters::held(const std::string& kind_name) const {
  return static_cast<std::size_t>(std::ranges::count(held_, kind_name, &Held::kind_name));
}
std::size_t Letters::caught(const std::string& kind_name) const {
  return static_cast<std::size_t>(std::ranges::count(caught_, kind_name));
}

}  // namespace vswim::sim::scenario
