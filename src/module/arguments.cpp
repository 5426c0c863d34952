#include "module/arguments.hpp"

#include <charconv>

namespace vswim::module {
namespace {

bool parse_number(std::string_view name, std::string_view text, std::int64_t least, std::int64_t most,
                  std::int64_t& value, std::string& error) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && number >= least &&
      number <= most) {
    value = number;
    return true;
  }
  error = std::string(name) + " must be a number from " + std::to_string(least) + " to " +
          std::to_string(most) + ", not '" + std::string(text) + "'";
  return false;
}

}  // namespace

bool parse_arguments(const std::vector<std::string_view>& arguments, OwnSettings& settings,
                     std::string& error) {
  if (arguments.size() % 2 != 0) {
    error = "module arguments come in pairs of name and value; '" + std::string(arguments.back()) +
            "' has no value";
    return false;
  }
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view name = arguments[i], value = arguments[i + 1];
    if (name == "seeds") {
      std::vector<std::pair<std::string, std::uint16_t>> seeds;
      if (!parse_seeds(value, seeds, error)) return false;
      settings.seeds = value;
    } else if (name == "bind") {
      settings.bind = value;
    } else if (name == "secret-file") {
      settings.secret_file = value;
    } else if (name == "cluster-name") {
      settings.cluster_name = value;
    } else if (name == "secret") {
      error =
          "a secret among the module's arguments would be seen by MODULE LIST: give it as swim.secret, or "
          "its file as secret-file";
      return false;
    } else if (name == "lease-ttl-ms") {
      if (!parse_number(name, value, OwnSettings::lease_ttl_ms_min, OwnSettings::lease_ttl_ms_max,
                        settings.lease_ttl_ms, error)) {
        return false;
      }
    } else if (name == "core-stall-limit-ms") {
      if (!parse_number(name, value, OwnSettings::core_stall_limit_ms_min,
                        OwnSettings::core_stall_limit_ms_max, settings.core_stall_limit_ms, error)) {
        return false;
      }
    } else {
      error = "unknown module argument '" + std::string(name) +
              "'; known are seeds, bind, secret-file, cluster-name, lease-ttl-ms and core-stall-limit-ms";
      return false;
    }
  }
  return true;
}

std::vector<std::string_view> split_words(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(separators);
    if (start == std::string_view::npos) return words;
    const std::size_t end = text.find_first_of(separators, start);
    words.push_back(text.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end);
  }
}

namespace {
bool parse_port(std::string_view digits, std::uint16_t& port) {
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return !digits.empty() && parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() &&
         port != 0;
}
}  // namespace

bool parse_seeds(std::string_view text, std::vector<std::pair<std::string, std::uint16_t>>& seeds,
                 std::string& error) {
  constexpr std::uint16_t bus_offset = 10'000, port_max = 65'535 - bus_offset;
  for (std::string_view word : split_words(text)) {
    const auto refuse = [&, whole = word] {
      error = "swim.seeds are host:port pairs (the servers' own ports, up to " + std::to_string(port_max) +
              ", or host:port@busport) separated by spaces or commas, not '" + std::string(whole) + "'";
      return false;
    };
    std::uint16_t port = 0, bus = 0;
    if (const std::size_t at = word.rfind('@'); at != std::string_view::npos) {
      if (!parse_port(word.substr(at + 1), bus)) return refuse();
      word = word.substr(0, at);
    }
    const std::size_t colon = word.rfind(':');
    if (colon == std::string_view::npos || !parse_port(word.substr(colon + 1), port)) return refuse();
    std::string_view host = word.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (host.empty() || (bus == 0 && port > port_max)) return refuse();
    seeds.emplace_back(std::string(host), bus != 0 ? bus : static_cast<std::uint16_t>(port + bus_offset));
  }
  return true;
}

std::vector<std::string> parse_bind(std::string_view text) {
  std::vector<std::string> required, optional;
  for (std::string_view word : split_words(text)) {
    const bool may_be_missing = word.front() == '-';
    if (may_be_missing) word.remove_prefix(1);
    if (word == "*" || word == "::*") return {};
    if (!word.empty()) (may_be_missing ? optional : required).emplace_back(word);
  }
  return required.empty() ? optional : required;
}

}  // namespace vswim::module
