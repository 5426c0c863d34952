// Slots that are being moved key by key: there the filter's answer depends on which of the keys are here. Not
// so for shard channels, which stay with the owner. A transaction is one command in this: its keys count
// together.
#include "core/open_slots.hpp"
#include "module/filter_arguments.hpp"
#include "module/keys_here.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

void Filter::count_keys(KeysHereCounter& counter, const Command& command, const Arguments& arguments) {
  if (command.pubsub || command.names_no_key || !command.has_keys()) return;
  std::vector<String*> names;
  const bool understood = visit_keys(command, arguments, [&](int i) { names.push_back(arguments.at(i)); });
  if (!understood) {
    names.clear();
    visit_keys_by_server(arguments, [&](int i) { names.push_back(arguments.at(i)); });
  }
  for (String* name : names) counter.add(name);
}

core::Decision Filter::decide(const core::RouteQuery& query, const Command& command,
                              const Arguments& arguments, Instant now) {
  if (!core::keys_matter(table_, query.slot)) return core::decide(table_, query, now);
  KeysHereCounter counter(api_, ctx_, command.special == Special::migrate);
  count_keys(counter, command, arguments);
  return core::decide_open(table_, query, counter.found(), now);
}

Verdict Filter::judge_together(core::Slot slot, const std::vector<WholeCommand>& commands,
                               const ClientState& client, bool asking) {
  if (!core::keys_matter(table_, slot)) return {};
  const Instant now = runtime::boottime_now();
  core::RouteQuery query;
  query.slot = slot;
  query.asking = asking;
  query.readonly_client = client.readonly;
  query.allow_reads_when_down = situation_.allow_reads_when_down;
  KeysHereCounter counter(api_, ctx_, false);
  for (const auto& whole : commands) {
    query.write |= whole.command->write;
    count_keys(counter, *whole.command, {api_, nullptr, whole.count, whole.words});
  }
  const auto decision = core::decide_open(table_, query, counter.found(), now);
  if (decision == core::Decision::serve) return {};
  return {decision, decision_text(query, decision, now, client.id)};
}

}  // namespace vswim::module
