// Events of the contract as calls of the host's callbacks.
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/overloaded.hpp"
#include "runtime/abi_provider.hpp"

namespace vswim::runtime::abi {

namespace {

using namespace contract;

std::int32_t outcome_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return VSWIM_OK;
    case Outcome::stale: return VSWIM_STALE;
    case Outcome::failed: return VSWIM_FAILED;
    case Outcome::unknown: return VSWIM_UNKNOWN;
  }
  return VSWIM_UNKNOWN;
}

void tell(vswim_provider& p, const MembershipChanged& event) {
  if (p.callbacks.update_membership == nullptr) return;
  const ShardArray shards(event.members);
  vswim_membership membership{};
  membership.struct_bytes = sizeof membership;
  put_id(event.self, membership.self);
  put_id(event.own_shard, membership.own_shard);
  membership.shards = shards.data();
  membership.shard_count = shards.size();
  p.callbacks.update_membership(p.callbacks.context, &membership);
}

void tell(vswim_provider& p, const GossipUpdated& event) {
  if (p.callbacks.notify_gossip_update == nullptr) return;
  const bool global = event.scope == Scope::global;
  const RegisterArray registers(event.registers, global ? Channel::global_gossip : Channel::shard_gossip,
                                p.eras);
  p.callbacks.notify_gossip_update(p.callbacks.context, global ? VSWIM_SCOPE_GLOBAL : VSWIM_SCOPE_SHARD,
                                   registers.data(), registers.size());
}

void tell(vswim_provider& p, const ShardLogUpdated& event) {
  if (p.callbacks.notify_shard_log_update == nullptr) return;
  const RegisterArray registers(event.registers, Channel::shard_log, p.eras);
  const vswim_revision revision{event.revision, Channel::shard_log, p.eras.shard};
  vswim_shard_log_update update{};
  update.struct_bytes = sizeof update;
  update.namespace_number = event.namespace_number;
  update.revision = &revision;
  update.snapshot = event.snapshot ? 1 : 0;
  update.registers = registers.data();
  update.register_count = registers.size();
  p.callbacks.notify_shard_log_update(p.callbacks.context, &update);
}

void tell(vswim_provider& p, const Settled& event) {
  if (p.callbacks.notify_settled == nullptr) return;
  const vswim_revision revision{event.revision, Channel::shard_log, p.eras.shard};
  const vswim_settled settled{sizeof settled, event.namespace_number, &revision};
  p.callbacks.notify_settled(p.callbacks.context, &settled);
}

void tell(vswim_provider& p, const Reset& event) {
  const bool global = event.which == Namespace::global;
  ++(global ? p.eras.global : p.eras.shard);
  if (p.callbacks.notify_reset == nullptr) return;
  vswim_reset reset{};
  reset.struct_bytes = sizeof reset;
  reset.which = global ? VSWIM_NAMESPACE_GLOBAL : VSWIM_NAMESPACE_SHARD;
  reset.namespace_number = event.namespace_number;
  put_id(event.self, reset.self);
  put_id(event.own_shard, reset.own_shard);
  p.callbacks.notify_reset(p.callbacks.context, &reset);
}

void tell(vswim_provider& p, const JoinReview& event) {
  if (p.callbacks.join_review == nullptr) {
    if (p.node) p.node->submit(JoinVerdict{event.ticket, true, {}});
    return;
  }
  // Registers of a cluster that is not ours: their revisions are of no era, so that no write can expect them.
  Eras foreign;
  foreign.global = ~std::uint64_t{0};
  const RegisterArray registers(event.registers, Channel::global_gossip, foreign);
  const ShardArray shards(event.members);
  vswim_join_review review{};
  review.struct_bytes = sizeof review;
  review.ticket = event.ticket.value;
  review.registers = registers.data();
  review.register_count = registers.size();
  review.shards = shards.data();
  review.shard_count = shards.size();
  p.callbacks.join_review(p.callbacks.context, &review);
}

void tell_event(vswim_provider& p, const Event& event) {
  std::visit(Overloaded{
                 [&](const Completed& e) { answer(p, e); },
                 [&](const Heartbeat& e) {
                   if (p.callbacks.cluster_heartbeat)
                     p.callbacks.cluster_heartbeat(p.callbacks.context, e.deadline.ns);
                 },
                 [&](const ClusterDown& e) {
                   if (p.callbacks.cluster_down)
                     p.callbacks.cluster_down(p.callbacks.context, bytes_of(e.reason));
                 },
                 [](const ReceivedFromCore&) {},  // Core's own port is no part of this ABI
                 [](const ProviderStatus&) {},    // asked for by info()
                 [&](const auto& e) { tell(p, e); },
             },
             event);
}

std::int32_t level_of(NoteLevel level) {
  switch (level) {
    case NoteLevel::debug: return VSWIM_LOG_DEBUG;
    case NoteLevel::info: return VSWIM_LOG_INFO;
    case NoteLevel::notice: return VSWIM_LOG_NOTICE;
    case NoteLevel::warning: return VSWIM_LOG_WARNING;
  }
  return VSWIM_LOG_WARNING;
}

}  // namespace

void signal(const vswim_provider& provider) {
  // Fails only when the counter is full, and then it is readable anyway.
  static_cast<void>(::eventfd_write(provider.event_fd.get(), 1));
}

void answer(vswim_provider& p, const Completed& completed) {
  const auto found = p.waiting.find(completed.ticket.value);
  if (found == p.waiting.end()) return;
  const auto waiting = found->second;
  p.waiting.erase(found);  // before the call: it may submit again
  if (waiting.completion == nullptr) return;
  vswim_revision revision{completed.revision.value_or(Revision{}), Channel::shard_log, p.eras.shard};
  vswim_result result{};
  result.struct_bytes = sizeof result;
  result.outcome = outcome_of(completed.outcome);
  result.text = bytes_of(completed.text);
  result.revision = completed.revision && completed.outcome == Outcome::ok ? &revision : nullptr;
  waiting.completion(waiting.context, &result);
}

std::size_t dispatch_all(vswim_provider& p) {
  p.dispatching = true;
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(p.event_fd.get(), &count));  // not readable is fine
  std::size_t told = 0;
  for (const auto& note : p.node->drain_notes()) {
    if (p.callbacks.log) p.callbacks.log(p.callbacks.context, level_of(note.level), bytes_of(note.text));
    ++told;
  }
  for (const auto& event : std::exchange(p.own_answers, {})) {
    tell_event(p, event);
    ++told;
  }
  for (const auto& event : p.node->drain_events()) {
    tell_event(p, event);
    ++told;
  }
  p.dispatching = false;
  return told;
}

}  // namespace vswim::runtime::abi
