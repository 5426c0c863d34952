#include "module/client_table.hpp"

#include <utility>

namespace vswim::module {

ClientTable::ClientTable() : cells_(1'024), mask_(cells_.size() - 1) {}

void ClientTable::grow() {
  std::vector<ClientState> old(cells_.size() * 2);
  std::swap(old, cells_);
  mask_ = cells_.size() - 1;
  for (const ClientState& state : old) {
    if (state.id == 0) continue;
    std::size_t at = place(state.id);
    while (cells_[at].id != 0) at = (at + 1) & mask_;
    cells_[at] = state;
  }
}

ClientState& ClientTable::connect(std::uint64_t id) {
  if (ClientState* known = find(id)) {
    *known = ClientState{.id = id};
    return *known;
  }
  if ((size_ + 1) * 2 > cells_.size()) grow();
  std::size_t at = place(id);
  while (cells_[at].id != 0) at = (at + 1) & mask_;
  cells_[at] = ClientState{.id = id};
  ++size_;
  return cells_[at];
}

void ClientTable::disconnect(std::uint64_t id) {
  ClientState* state = find(id);
  if (!state) return;
  // Close the gap, so that a later search never stops early.
  std::size_t hole = static_cast<std::size_t>(state - cells_.data());
  for (std::size_t at = (hole + 1) & mask_; cells_[at].id != 0; at = (at + 1) & mask_) {
    const std::size_t home = place(cells_[at].id);
    if (((at - home) & mask_) >= ((at - hole) & mask_)) {
      cells_[hole] = cells_[at];
      hole = at;
    }
  }
  cells_[hole] = ClientState{};
  --size_;
}

}  // namespace vswim::module
