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
    "ShardRequest", "ShardAnswer", "CoreBytes",  "LeaseEvidence"};

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

std::vector<std::pair<ShardId, Letter>> letters_in(const Parcel& parcel) {
  std::vector<std::pair<ShardId, Letter>> letters;
  auto decoded = wire::decode(parcel.bytes);
  if (decoded.error != wire::DecodeError::none) return letters;
  for (const auto& part : decoded.packet.small_log) letters.emplace_back(part.shard, part.message);
  for (const auto& part : decoded.packet.shard_log) {
    if (auto message = wire::decode_message(part.payload))
      letters.emplace_back(part.shard, std::move(*message));
  }
  if (decoded.packet.control) letters.emplace_back(ShardId{}, std::move(*decoded.packet.control));
  return letters;
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

bool Letters::matches(const LetterRule& rule, const Parcel& parcel, NodeIndex to,
                      const std::vector<std::pair<ShardId, Letter>>& letters) {
  if (rule.left == 0U || (rule.from && rule.from != parcel.sender) || (rule.to && rule.to != to))
    return false;
  return std::ranges::any_of(letters, [&](const auto& letter) {
    return (!rule.shard || rule.shard == letter.first) && rule.kind(letter.second);
  });
}

bool Letters::pass(const Parcel& parcel) {
  if (rules_.empty()) return true;
  const auto to = cluster_->network().host_at(parcel.to);
  if (!to) return true;
  const auto letters = letters_in(parcel);
  if (letters.empty()) return true;
  for (auto& rule : rules_) {
    if (!matches(rule, parcel, *to, letters)) continue;
    if (rule.left) --*rule.left;
    caught_.push_back(rule.kind_name);
    told_(rule, parcel.sender, *to);
    if (rule.fate != Fate::drop) held_.push_back({rule.kind_name, parcel});
    return rule.fate == Fate::copy;
  }
  return true;
}

void Letters::end(const std::string& kind_name, bool deliver) {
  const auto meant = [&](const std::string& name) { return kind_name.empty() || name == kind_name; };
  std::erase_if(rules_, [&](const LetterRule& rule) { return meant(rule.kind_name); });
  std::vector<Held> kept, going;
  for (auto& held : held_) (meant(held.kind_name) ? going : kept).push_back(std::move(held));
  held_ = std::move(kept);
  if (!deliver) return;
  for (auto& held : going) {
    if (held.parcel.stream) {
      const auto life = cluster_->node(held.parcel.sender).life();
      cluster_->network().send_frame(std::move(held.parcel), life);
    } else {
      cluster_->network().send_datagram(std::move(held.parcel));
    }
  }
}

std::size_t Letters::held(const std::string& kind_name) const {
  return static_cast<std::size_t>(std::ranges::count(held_, kind_name, &Held::kind_name));
}
std::size_t Letters::caught(const std::string& kind_name) const {
  return static_cast<std::size_t>(std::ranges::count(caught_, kind_name));
}

}  // namespace vswim::sim::scenario
