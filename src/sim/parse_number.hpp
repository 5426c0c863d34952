// A number among the words of a command line, all of it.
#pragma once

#include <charconv>
#include <string_view>

namespace vswim::sim {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace vswim::sim
