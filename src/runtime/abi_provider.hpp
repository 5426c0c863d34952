// One provider as the C ABI hands it to its host: the node, the host's callbacks, and who waits for which
// answer.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/abi_values.hpp"
#include "runtime/node.hpp"
#include "runtime/state_file.hpp"

struct vswim_provider {
  struct Waiting {
    vswim_completion completion = nullptr;
    void* context = nullptr;
  };

  vswim::runtime::NodeSettings settings;
  vswim_callbacks callbacks{};
  vswim::runtime::FileDescriptor event_fd;
  std::unique_ptr<vswim::runtime::Node> node;
  bool stopped = false;
  bool dispatching = false;
  vswim::runtime::abi::Eras eras;
  std::uint64_t next_ticket = 1;
  std::unordered_map<std::uint64_t, Waiting> waiting;
  std::vector<vswim::contract::Event> own_answers;  // decided here, told at the next dispatch
  std::uint16_t bus_port = 0;
};

namespace vswim::runtime::abi {

void signal(const vswim_provider& provider);
// Calls the host's callbacks for everything that waits; returns how many events and notes there were.
std::size_t dispatch_all(vswim_provider& provider);
void answer(vswim_provider& provider, const contract::Completed& completed);

}  // namespace vswim::runtime::abi
