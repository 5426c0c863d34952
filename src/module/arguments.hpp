// The module's own settings and the loadmodule arguments that give them: pairs of name and value, the names
// being those of the swim.* configs without the prefix. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "module/secrets.hpp"

namespace vswim::module {

struct OwnSettings {
  std::string seeds;  // "host:port,host:port@busport ...", the servers' own ports, as in MEET
  std::string bind;   // numeric addresses of the bus; empty: as the server binds
  std::int64_t lease_ttl_ms = 1'000;
  std::int64_t core_stall_limit_ms = 10'000;
  Secrets secrets;                              // of swim.secret or swim.secret-file
  std::string secret_file;                      // path; secrets come from there then
  std::string cluster_name;                     // bound into everything sealed
  std::int64_t migration_bytes_per_second = 0;  // of slots on their way to another shard; 0: no limit

  static constexpr std::int64_t lease_ttl_ms_min = 100, lease_ttl_ms_max = 60'000;
  static constexpr std::int64_t migration_bytes_per_second_max = 1'000'000'000'000;
  static constexpr std::int64_t core_stall_limit_ms_min = 100, core_stall_limit_ms_max = 3'600'000;
};

// False and a sentence that says what is wrong and what is allowed.
bool parse_arguments(const std::vector<std::string_view>& arguments, OwnSettings& settings,
                     std::string& error);

// "host:port" (the server's own port; its bus is 10 000 higher) or "host:port@busport" items separated by
// spaces or commas; an IPv6 address stands in brackets. Gives bus ports.
bool parse_seeds(std::string_view text, std::vector<std::pair<std::string, std::uint16_t>>& seeds,
                 std::string& error);

// The numeric addresses to bind the bus to, from a `bind` setting: "*" means all of them (an empty list), a
// leading "-" marks an address that may be missing and is used only when nothing else is named.
std::vector<std::string> parse_bind(std::string_view text);

std::vector<std::string_view> split_words(std::string_view text, std::string_view separators = " \t,");

}  // namespace vswim::module
