// What every target shares. A target is one function, called with bytes that an enemy chose: it must neither
// crash, hang nor take memory without bound, and what it claims about the result is checked by FUZZ_CHECK.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define FUZZ_CHECK(condition)                                                                                \
  ((condition) ? void(0)                                                                                     \
               : (std::fprintf(stderr, "fuzz: %s does not hold at %s:%d\n", #condition, __FILE__, __LINE__), \
                  std::abort()))

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

inline std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
