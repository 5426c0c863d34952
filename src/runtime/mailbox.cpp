#include "runtime/mailbox.hpp"

#include <optional>

#include "runtime/tickets.hpp"

namespace vswim::runtime {

namespace {

constexpr std::size_t notes_max = 1'024;  // text for people: the oldest stay, the rest is counted

std::size_t index(contract::Namespace which) { return static_cast<std::size_t>(which); }

// The namespace whose revisions an operation was decided with.
std::optional<contract::Namespace> namespace_of(const contract::Operation& operation) {
  if (const auto* gossip = std::get_if<contract::UpdateGossip>(&operation)) {
    return gossip->scope == contract::Scope::global ? contract::Namespace::global
                                                    : contract::Namespace::shard;
  }
  if (std::holds_alternative<contract::UpdateShardLog>(operation)) return contract::Namespace::shard;
  return std::nullopt;
}

// Operations that are only ever repeated: the newest of its kind counts. The last one waiting is replaced
// always, an earlier one when room is short.
bool replace_older(std::vector<SubmittedOperation>& waiting, contract::Operation& newest, bool search) {
  if (!std::holds_alternative<contract::Pulse>(newest) && !std::holds_alternative<contract::Shown>(newest) &&
      !std::holds_alternative<contract::StandFirst>(newest)) {
    return false;
  }
  for (auto older = waiting.rbegin(); older != waiting.rend(); ++older) {
    if (older->operation.index() == newest.index()) {
      older->operation = std::move(newest);
      return true;
    }
    if (!search) return false;
  }
  return false;
}

}  // namespace

Mailbox::Mailbox(std::size_t events_max, std::size_t operations_max, std::function<void()> wake)
    : operations_max_(operations_max), wake_(std::move(wake)), events_(events_max) {}

bool Mailbox::submit(contract::Operation operation) {
  bool wake_owner = false;
  bool wake_node = false;
  {
    const std::lock_guard lock(mutex_);
    const auto ticket = ticket_of(operation);
    const bool full = operations_.size() >= operations_max_;
    if (replace_older(operations_, operation, full)) {
      // The newest says it all.
    } else if (full && ticket) {
      wake_owner = events_.empty() && notes_.empty();
      static_cast<void>(events_.push(contract::Completed{*ticket, contract::Outcome::failed,
                                                         "too many operations wait for the cluster provider",
                                                         std::nullopt}));
    } else if (!full || !std::holds_alternative<contract::SendToCore>(operation)) {  // those may be lost
      wake_node = operations_.empty();
      operations_.push_back({std::move(operation), resets_taken_});
    }
  }
  if (wake_owner) wake_();
  return wake_node;
}

std::vector<contract::Event> Mailbox::drain_events() {
  const std::lock_guard lock(mutex_);
  resets_taken_ = resets_posted_;
  return events_.take();
}

std::vector<Note> Mailbox::drain_notes() {
  const std::lock_guard lock(mutex_);
  if (notes_lost_ > 0)
    notes_.push_back({NoteLevel::warning, std::to_string(notes_lost_) + " further notes were not kept"});
  notes_lost_ = 0;
  return std::exchange(notes_, {});
}

NodeId Mailbox::node_id() const {
  const std::lock_guard lock(mutex_);
  return node_;
}
ShardId Mailbox::shard_id() const {
  const std::lock_guard lock(mutex_);
  return shard_;
}
InfoFields Mailbox::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

std::vector<SubmittedOperation> Mailbox::take_operations() {
  const std::lock_guard lock(mutex_);
  return std::exchange(operations_, {});
}

bool Mailbox::post(std::vector<contract::Event> events, std::vector<Note> notes) {
  if (events.empty() && notes.empty()) return true;
  bool wake_owner = false;
  bool fits = true;
  {
    const std::lock_guard lock(mutex_);
    wake_owner = events_.empty() && notes_.empty();
    for (auto& event : events) {
      if (const auto* reset = std::get_if<contract::Reset>(&event)) ++resets_posted_[index(reset->which)];
      fits = events_.push(std::move(event)) && fits;
    }
    for (auto& note : notes) {
      if (notes_.size() < notes_max) {
        notes_.push_back(std::move(note));
      } else {
        ++notes_lost_;
      }
    }
  }
  if (wake_owner) wake_();
  return fits;
}

bool Mailbox::overtaken_by_reset(const SubmittedOperation& submitted) const {
  const auto which = namespace_of(submitted.operation);
  if (!which) return false;
  const std::lock_guard lock(mutex_);
  return submitted.resets_seen[index(*which)] != resets_posted_[index(*which)];
}

void Mailbox::publish_identity(const NodeId& node, const ShardId& shard) {
  const std::lock_guard lock(mutex_);
  node_ = node;
  shard_ = shard;
}
void Mailbox::publish_info(InfoFields info) {
  const std::lock_guard lock(mutex_);
  info_ = std::move(info);
}

}  // namespace vswim::runtime
