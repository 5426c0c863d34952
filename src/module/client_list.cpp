#include "module/client_list.hpp"

#include <charconv>

#include "module/arguments.hpp"

namespace vswim::module {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

ListedClient parse_line(std::string_view line) {
  ListedClient client;
  for (const std::string_view word : split_words(line, " ")) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name == "id") {
      client.id = number<std::uint64_t>(value);
    } else if (name == "fd") {
      client.fd = number<int>(value);
    } else if (name == "tot-net-out") {
      client.bytes_out += number<std::uint64_t>(value);
    } else if (name == "obl" || name == "oll") {
      if (name == "obl") client.bytes_out += number<std::uint64_t>(value);
      client.pending_output |= number<std::uint64_t>(value) > 0;
    } else if (name == "flags") {
      client.blocked = value.find('b') != std::string_view::npos;
      client.replica = value.find('S') != std::string_view::npos;
      client.primary = value.find('M') != std::string_view::npos;
    }
  }
  return client;
}

}  // namespace

std::vector<ListedClient> parse_client_list(std::string_view text) {
  std::vector<ListedClient> clients;
  for (const std::string_view line : split_words(text, "\n")) {
    ListedClient client = parse_line(line);
    if (client.id != 0) clients.push_back(client);
  }
  return clients;
}

}  // namespace vswim::module
