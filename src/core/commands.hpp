// Handlers of CLUSTER's subcommands. Each answers its ticket exactly once, at once or when the provider
// completed.
#pragma once

#include "core/command_table.hpp"
#include "core/machine.hpp"

namespace vswim::core {

struct Invocation {
  CommandTicket ticket = 0;
  const Arguments& arguments;
  const Caller& caller;
};

void run_command(Machine& m, const Invocation& call);

// ---- by file: commands_views, commands_slots, commands_setslot, proc_admin ----
Reply view_command(Machine& m, Command command, const Invocation& call);
void slot_command(Machine& m, Command command, const Invocation& call);
void setslot_command(Machine& m, const Invocation& call);
void migration_command(Machine& m, Command command, const Invocation& call);
void admin_command(Machine& m, Command command, const Invocation& call);
void count_keys(Machine& m, const Invocation& call);  // key_counts.cpp

inline constexpr const char* not_an_integer = "ERR value is not an integer or out of range";

// A node named by a user, if it is a member.
std::optional<NodeId> known_node(const Machine& m, const std::string& text);
Reply unknown_node(const std::string& text);
std::optional<Slot> parse_slot(const std::string& text);

}  // namespace vswim::core
