// The only randomness in the machines: a generator seeded from outside (splitmix64, public domain algorithm
// by S. Vigna). One seed, one history.
#pragma once

#include <cstdint>

namespace vswim {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound); bound 0 gives 0. The modulo bias is below 2^-32 for every bound used here.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

  // True with probability per_million / 1e6.
  bool chance(std::uint32_t per_million) { return below(1'000'000) < per_million; }

  template <class IdType>
  IdType id() {
    IdType id;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
      if (i % 8 == 0) word = next();
      id.bytes[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
    }
    return id;
  }

 private:
  std::uint64_t state_;
};

}  // namespace vswim
