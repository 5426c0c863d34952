// Two traces side by side for a reader: lines of the golden one that are gone, lines that are new, in order.
#pragma once

#include <string>
#include <vector>

namespace vswim::sim::scenario {
std::string difference(const std::vector<std::string>& golden, const std::vector<std::string>& now);
}
