// Seed names to addresses without ever holding up a thread that matters: numeric ones at once, names by the
// system's resolver on a thread of their own, which is left alone when it takes long (a broken DNS must not
// delay a shutdown).
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/address.hpp"

namespace vswim::runtime {

class SeedResolver {
 public:
  using Seeds = std::vector<std::pair<std::string, std::uint16_t>>;

  explicit SeedResolver(Seeds seeds);

  bool has_seeds() const { return !seeds_.empty(); }
  void start();  // nothing happens when a run is under way
  // The addresses, once, after a run has ended. Names that do not resolve are missing.
  std::optional<std::vector<Address>> poll();

 private:
  Seeds seeds_;
  bool names_ = false;
  std::optional<std::vector<Address>> ready_;
  std::optional<std::future<std::vector<Address>>> running_;
};

}  // namespace vswim::runtime
