// The part of the filter that is about scripts: what a script says of itself, and its own commands, which are
// held to the slots this node serves and to the one slot the script asked for.
#include <string>

#include "module/command_keys.hpp"
#include "module/filter_arguments.hpp"
#include "module/internal_reply.hpp"
#include "module/refusals.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

using core::Decision;

ScriptTraits Filter::traits_of(const Command& command, const Arguments& arguments) {
  return arguments.count > 1 ? scripts_.of(command, arguments[1]) : ScriptTraits{};
}

std::string_view Filter::script_refusal(const Command& command, const Arguments& arguments) {
  return traits_of(command, arguments).no_cluster
             ? "ERR Can not run script on cluster, 'no-cluster' flag is set."
             : "";
}

void Filter::script_begins(const Command& command, String** list, int count) {
  const Arguments arguments{api_, nullptr, count, list};
  const KeySlots keys = key_slots(command, arguments);
  script_begins(command, arguments, keys.slot);
}

// One that comes while another runs will be refused by the server, and changes nothing for that one.
void Filter::script_begins(const Command& command, const Arguments& arguments, std::int32_t slot) {
  if (script_passed_ && (api_.GetContextFlags(ctx_) & context_flag::script) != 0) return;
  script_passed_ = true;
  script_single_slot_ = !traits_of(command, arguments).several_slots;
  script_slot_ = slot;
}

bool Filter::user_script_runs() {
  if (script_passed_) script_passed_ = (api_.GetContextFlags(ctx_) & context_flag::script) != 0;
  return script_passed_;
}

// The server's words, which its releases 9 and later shortened.
std::string Filter::inner_error(const Command& command, core::Slot slot) const {
  constexpr int short_words = 0x00090000;  // 9.0
  const bool shortened = api_.GetServerVersion && api_.GetServerVersion() >= short_words;
  if (table_.owner[slot] == core::RoutingTable::unowned && !shortened)
    return "ERR Script attempted to access a slot not served";
  if (table_.owner[slot] != core::RoutingTable::unowned && !table_.cluster_ok) {
    return shortened ? "ERR Can not execute a command '" + command.name + "' while the cluster is down"
                     : "ERR Script attempted to execute a command while the cluster is down";
  }
  return shortened ? "ERR Attempted to access a non local key in a cluster node"
                   : "ERR Script attempted to access a non local key in a cluster node";
}

// The lease is judged as of the script's start: refusing its second half would leave it half done, and what
// runs late is fenced before it leaves this process.
void Filter::on_inner(FilterCtx* filter, const Command& command, const Arguments& arguments) {
  ArgumentRewriter rewriter(api_, filter);
  if (const auto text = refusal(command.special, arguments); !text.empty()) return rewriter.error(text);
  if (command.special == Special::cluster) return rewriter.rename(cluster_command_name(arguments));
  if (command.special == Special::keyspace && table_.copies.any()) return rewriter.precede("swim.keyspace");
  const Command* actual = &command;
  if (command.container) actual = arguments.count > 1 ? commands_.find(arguments[0], arguments[1]) : nullptr;
  if (actual && actual->special == Special::flush && table_.flushes_wait)
    return rewriter.error("TRYAGAIN Slots are being handed over to another shard");
  if (!actual) return;
  const bool publishes = is_publish(*actual);
  if (publishes && !actual->has_keys()) return rewriter.precede("swim.publish-as");
  if (!actual->has_keys()) return;
  if (situation_.native_replica && actual->write) return;  // the server refuses it
  const KeySlots keys = key_slots(*actual, arguments);
  if (keys.slot == ClientState::no_slot) return;
  if (keys.cross) {
    return rewriter.error("ERR Command '" + actual->name +
                          "' in script attempted to access keys that don't hash to the same slot");
  }
  core::RouteQuery query;
  query.slot = static_cast<core::Slot>(keys.slot);
  query.write = actual->write;
  query.allow_reads_when_down = situation_.allow_reads_when_down;
  const Instant at = checked_at_ == Instant{} ? runtime::boottime_now() : checked_at_;
  query.asking = current_asking_;
  query.readonly_client = current_readonly_;
  if (situation_.exporting) note_stream(*actual, arguments, query.slot);
  const Decision decision = decide(query, *actual, arguments, at);
  // What holds a script's writes waits for its end before it counts on them; a fenced slot is the exception.
  const bool passes = decision == Decision::serve ||
                      (decision == Decision::hold && table_.mode[query.slot] != core::SlotMode::fenced);
  if (!passes) return rewriter.error(inner_error(*actual, query.slot));
  if (publishes) rewriter.precede("swim.publish-as");
  if (actual->special == Special::cluster_scan) rewriter.rename(own_scan_name);
  if (!script_single_slot_) return;
  if (script_slot_ == ClientState::no_slot) script_slot_ = keys.slot;
  if (script_slot_ != keys.slot)
    rewriter.error("ERR Script attempted to access keys that do not hash to the same slot");
}

}  // namespace vswim::module
