// CLUSTER commands with any words, of a node alone in its cluster. Words are separated by zero bytes; a byte
// 1 begins the next command.
#include <algorithm>
#include <string>
#include <vector>

#include "core/core.hpp"
#include "fuzz/fuzz.hpp"

using namespace vswim;

namespace {

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = std::min(text.find(by), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const core::SlotKeyCounts counts{};
  Instant now{};
  core::Core core({}, counts, now, Rng(1));
  contract::MembershipChanged view;
  view.self.bytes[0] = 1;
  view.own_shard.bytes[0] = 2;
  view.members.push_back({view.self, view.own_shard, Address::v4(127, 0, 0, 1, 17000), {}, {}, {}});
  core.on_event(now, view);
  core.on_event(now, contract::Heartbeat{now + seconds(100)});
  core::CommandTicket ticket = 0;
  std::size_t replies = 0;
  for (const auto& command : split(::view(data, size), '\1')) {
    core.command(now, ++ticket, split(command, '\0'), {ticket % 2 == 0, false, 2, false});
    replies += core.take_output().replies.size();
    FUZZ_CHECK(replies <= ticket);
    if (ticket > 64) break;
  }
  static_cast<void>(core.info_text(now));
  return 0;
}
