#include "swim/descriptions.hpp"

#include "base/assert.hpp"

namespace vswim::swim {

namespace {
constexpr std::size_t index_size_min = 16;
}

Descriptions::Descriptions() : index_(index_size_min, nobody) {}

// Lives and addresses of one node are few: its id and what changes most tell them apart.
std::size_t Descriptions::bucket_of(const Description& description) const {
  std::uint64_t mixed = static_cast<std::uint64_t>(description.id.hash());
  for (const std::uint64_t part :
       {description.life.incarnation.value, description.life.generation.value, description.life.join.value,
        description.shard_epoch.value, std::uint64_t{description.address.port}}) {
    mixed = (mixed ^ part) * 0x9e3779b97f4a7c15ULL;
  }
  return static_cast<std::size_t>(mixed >> 32) & (index_.size() - 1);
}

void Descriptions::index(Number number) {
  const std::size_t mask = index_.size() - 1;
  std::size_t bucket = bucket_of(at(number));
  while (index_[bucket] != nobody) bucket = (bucket + 1) & mask;
  index_[bucket] = number;
}

void Descriptions::grow_index() {
  const std::vector<Number> before = std::move(index_);
  index_.assign(before.size() * 2, nobody);
  for (const Number number : before) {
    if (number != nobody) index(number);
  }
}

// What stands behind the hole in the same run of buckets moves up, so that look-ups need no marks of the
// gone.
void Descriptions::unindex(Number number) {
  const std::size_t mask = index_.size() - 1;
  std::size_t hole = bucket_of(at(number));
  while (index_[hole] != number) hole = (hole + 1) & mask;
  for (std::size_t next = (hole + 1) & mask; index_[next] != nobody; next = (next + 1) & mask) {
    const std::size_t wanted = bucket_of(at(index_[next]));
    if (((next - wanted) & mask) >= ((next - hole) & mask)) {
      index_[hole] = index_[next];
      hole = next;
    }
  }
  index_[hole] = nobody;
}

Descriptions::Number Descriptions::hold(const Description& description) {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t bucket = bucket_of(description); index_[bucket] != nobody; bucket = (bucket + 1) & mask) {
    Entry& known = entry(index_[bucket]);
    if (known.description == description) {
      ++known.holders;
      return index_[bucket];
    }
  }
  Number number = used_;
  if (free_.empty()) {
    if (used_++ % chunk_size == 0) chunks_.push_back(std::make_unique<std::array<Entry, chunk_size>>());
  } else {
    number = free_.back();
    free_.pop_back();
  }
  entry(number) = {description, 1};
  if (size() * 2 > index_.size()) grow_index();
  index(number);
  return number;
}

void Descriptions::let_go(Number number) {
  VSWIM_ASSERT(entry(number).holders > 0, "a description is let go as often as it is held");
  if (--entry(number).holders > 0) return;
  unindex(number);
  free_.push_back(number);
}

}  // namespace vswim::swim
