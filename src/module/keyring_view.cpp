#include "module/keyring_view.hpp"

#include <algorithm>
#include <string_view>

#include "base/overloaded.hpp"

namespace vswim::module {

namespace {

constexpr std::string_view prefix = "keyring:";
constexpr Duration write_interval = milliseconds(200);  // after a stale revision; the newer one is on its way

std::string key_of(const NodeId& node) { return std::string(prefix) + node.hex(); }

std::optional<NodeId> node_of(std::string_view key) {
  if (key.substr(0, prefix.size()) != prefix) return std::nullopt;
  return NodeId::parse(key.substr(prefix.size()));
}

}  // namespace

void KeyringView::set_own(std::string ids_text) { own_ = std::move(ids_text); }

bool KeyringView::on_event(const contract::Event& event) {
  if (const auto* done = std::get_if<contract::Completed>(&event)) {
    if (done->ticket.value <= tickets_from) return false;
    writing_ = false;  // stale: the winner's register comes as an update, and is looked at again
    return true;
  }
  if (const auto* view = std::get_if<contract::MembershipChanged>(&event)) {
    self_ = view->self;
    std::map<NodeId, contract::Member> members;
    for (const auto& member : view->members) members.emplace(member.id, member);
    for (const auto& [id, member] : members_) {
      if (!members.contains(id)) gone_.insert(id);
    }
    for (const auto& [id, member] : members) gone_.erase(id);
    members_ = std::move(members);
  } else if (const auto* update = std::get_if<contract::GossipUpdated>(&event)) {
    if (update->scope != contract::Scope::global) return false;
    for (const auto& reg : update->registers) {
      if (const auto node = node_of(reg.key)) texts_[*node] = {reg.value, reg.revision};
    }
  } else if (const auto* reset = std::get_if<contract::Reset>(&event)) {
    if (reset->which != contract::Namespace::global) return false;
    self_ = reset->self;
    texts_.clear();
    gone_.clear();
    writing_ = false;
  }
  return false;
}

std::optional<contract::Write> KeyringView::own_write() const {
  const auto known = texts_.find(self_);
  const bool there = known != texts_.end() && known->second.value.has_value();
  if (own_.empty() ? !there : there && *known->second.value == own_) return std::nullopt;
  contract::Write write{key_of(self_), std::nullopt, std::nullopt};
  if (!own_.empty()) write.value = own_;
  if (known != texts_.end()) write.expected = known->second.revision;
  return write;
}

// The member with the lowest id removes what a former member has left.
std::optional<contract::Write> KeyringView::cleaning_write() const {
  if (members_.empty() || members_.begin()->first != self_) return std::nullopt;
  for (const auto& id : gone_) {
    const auto known = texts_.find(id);
    if (known != texts_.end() && known->second.value)
      return contract::Write{key_of(id), std::nullopt, known->second.revision};
  }
  return std::nullopt;
}

std::optional<contract::Operation> KeyringView::next_write(Instant now) {
  if (writing_ || now < next_write_ || self_.is_nil() || !members_.contains(self_)) return std::nullopt;
  auto write = own_write();
  if (!write) write = cleaning_write();
  if (!write) return std::nullopt;
  writing_ = true;
  next_write_ = now + write_interval;
  return contract::UpdateGossip{{++last_ticket_}, contract::Scope::global, {std::move(*write)}};
}

std::vector<KeyringView::Node> KeyringView::nodes() const {
  std::vector<Node> nodes;
  for (const auto& [id, member] : members_) {
    Node node{id, member.address, member.health, id == self_, {}};
    const auto known = texts_.find(id);
    if (node.self) {
      node.keys = seal::KeyIds::parse(own_);
    } else if (known != texts_.end() && known->second.value) {
      node.keys = seal::KeyIds::parse(*known->second.value);
    }
    nodes.push_back(std::move(node));
  }
  std::stable_partition(nodes.begin(), nodes.end(), [](const Node& node) { return node.self; });
  return nodes;
}

template <class Is>
std::vector<NodeId> KeyringView::others_that(const Is& is) const {
  std::vector<NodeId> found;
  for (const auto& node : nodes()) {
    if (!node.self && node.health != contract::Health::fail && is(node)) found.push_back(node.id);
  }
  return found;
}

std::vector<NodeId> KeyringView::without(const seal::KeyId& key) const {
  return others_that([&](const Node& node) { return !node.keys.has(key); });
}

std::vector<NodeId> KeyringView::using_key(const seal::KeyId& key) const {
  return others_that([&](const Node& node) { return node.keys.uses(key); });
}

}  // namespace vswim::module
