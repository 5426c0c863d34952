// The only thing the owner's (main) thread and the node thread share: operations one way, events and notes
// the other, and copies of what the owner may ask at any time. One mutex, held for the moment of a push or a
// swap.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/note.hpp"
#include "contract/types.hpp"
#include "runtime/event_queue.hpp"

namespace vswim::runtime {

using InfoFields = std::vector<std::pair<std::string, std::string>>;

// How many Resets of each namespace the owner had taken when it submitted: a write that was decided before a
// Reset must not meet a revision of the new namespace that happens to look like the old one.
using ResetCounts = std::array<std::uint64_t, 2>;  // indexed by contract::Namespace

struct SubmittedOperation {
  contract::Operation operation;
  ResetCounts resets_seen{};
};

class Mailbox {
 public:
  // `wake` is called, outside the lock, when something starts to wait for the owner.
  Mailbox(std::size_t events_max, std::size_t operations_max, std::function<void()> wake);

  // ---- owner's thread ----
  // True when the node thread has to be woken. A full queue answers the operation itself: it never happened.
  bool submit(contract::Operation operation);
  std::vector<contract::Event> drain_events();
  std::vector<Note> drain_notes();
  NodeId node_id() const;
  ShardId shard_id() const;
  InfoFields info() const;

  // ---- node thread ----
  std::vector<SubmittedOperation> take_operations();
  // False: more waits than can be kept, the owner has stopped reading.
  bool post(std::vector<contract::Event> events, std::vector<Note> notes);
  // Whether an operation was decided before a Reset of the namespace it speaks of.
  bool overtaken_by_reset(const SubmittedOperation& submitted) const;
  void publish_identity(const NodeId& node, const ShardId& shard);
  void publish_info(InfoFields info);

 private:
  mutable std::mutex mutex_;
  const std::size_t operations_max_;
  const std::function<void()> wake_;
  EventQueue events_;
  std::vector<Note> notes_;
  std::uint64_t notes_lost_ = 0;
  std::vector<SubmittedOperation> operations_;
  ResetCounts resets_posted_{};
  ResetCounts resets_taken_{};
  NodeId node_;
  ShardId shard_;
  InfoFields info_;
};

}  // namespace vswim::runtime
