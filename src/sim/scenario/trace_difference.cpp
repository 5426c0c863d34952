#include "sim/scenario/trace_difference.hpp"

#include <algorithm>

namespace vswim::sim::scenario {

// By the longest common subsequence; traces are short.
std::string difference(const std::vector<std::string>& golden, const std::vector<std::string>& now) {
  const auto rows = golden.size(), columns = now.size();
  std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1));
  for (auto i = rows; i-- > 0;) {
    for (auto j = columns; j-- > 0;) {
      common[i][j] =
          golden[i] == now[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string text;
  std::size_t i = 0, j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && golden[i] == now[j]) {
      text += "    " + golden[i] + "\n";
      ++i;
      ++j;
    } else if (i < rows && (j == columns || common[i + 1][j] >= common[i][j + 1])) {
      text += "  - " + golden[i++] + "\n";
    } else {
      text += "  + " + now[j++] + "\n";
    }
  }
  return text;
}

}  // namespace vswim::sim::scenario
