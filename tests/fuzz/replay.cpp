// Where there is no libFuzzer: runs a target over its kept corpus, then over mutations of it drawn from a
// seed. usage: replay_<target> <folder of the corpus> [mutations] [seed]. The input that is being run is in
// fuzz-input.<target> of the working directory when the process dies.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using vswim::Rng;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void change_once(Rng& rng, std::string& input, const std::vector<std::string>& corpus) {
  constexpr std::uint64_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff};
  const auto at = rng.below(input.size() + 1);
  switch (rng.below(7)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << rng.below(8));
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(rng.next());
      break;
    case 2: input.erase(at, 1 + rng.below(16)); break;
    case 3: input.insert(at, 1 + rng.below(16), static_cast<char>(rng.next())); break;
    case 4: {
      auto number = interesting[rng.below(std::size(interesting))];
      for (std::size_t i = at; i < std::min<std::size_t>(at + 4, input.size()); ++i, number >>= 8)
        input[i] = static_cast<char>(number);
      break;
    }
    case 5: input.insert(at, input.substr(rng.below(input.size() + 1), rng.below(64))); break;
    case 6: {
      const auto& other = corpus[rng.below(corpus.size())];
      input = input.substr(0, at) + other.substr(rng.below(other.size() + 1));
      break;
    }
  }
}

void run(const std::string& input, const std::string& kept) {
  std::ofstream(kept, std::ios::binary | std::ios::trunc) << input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int count, char** arguments) {
  constexpr std::size_t input_bytes_max = 64 * 1024;
  if (count < 2) return 2;
  const std::string folder = arguments[1];
  const std::uint64_t mutations = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 0;
  Rng rng(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1);
  const auto kept = "fuzz-input." + std::filesystem::path(folder).filename().string();
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) corpus.push_back(read(path));
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", folder.c_str());
    return 2;
  }
  for (const auto& input : corpus) run(input, kept);
  for (std::uint64_t i = 0; i < mutations; ++i) {
    auto input = corpus[rng.below(corpus.size())];
    for (auto changes = 1 + rng.below(8); changes > 0; --changes) change_once(rng, input, corpus);
    input.resize(std::min(input.size(), input_bytes_max));
    run(input, kept);
  }
  std::filesystem::remove(kept);
  std::printf("%zu inputs and %llu mutations of them\n", corpus.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
