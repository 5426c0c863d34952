// Two nodes with one secret, and an enemy who has the network: the input is what it does with their
// datagrams. Whatever it does, no packet arrives twice or changed. (Whoever relays a first contact decides
// which member answers at an address: packets name whom they are for.)
#include <memory>
#include <set>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "seal/datagram_seal.hpp"

using namespace vswim;
using namespace vswim::seal;

namespace {

constexpr std::size_t nodes = 3;

Keyring ring(int which) {
  static const auto make = [](const char* text) {
    std::string error;
    return Secret::of(text, error).value();
  };
  static const Secret first = make("first-secret-for-fuzzing"), second = make("second-secret-for-fuzzing");
  Keyring keyring;
  std::string error;
  if (which != 2) keyring.install(first, error);
  if (which != 0) keyring.install(second, error);
  if (which == 3) keyring.use(second.id, error);
  return keyring;
}

struct World {
  std::uint8_t starts = 0;
  Instant now{};
  std::vector<std::unique_ptr<DatagramSeal>> node;
  std::vector<std::pair<Address, std::string>> wire;  // to, datagram
  std::size_t next = 0;
  std::uint32_t sent = 0;
  std::set<std::string> arrived;

  World() {
    for (std::size_t i = 0; i < nodes; ++i) node.push_back(fresh());
  }
  std::unique_ptr<DatagramSeal> fresh() {
    Key seed;
    seed.bytes[0] = ++starts;
    return std::make_unique<DatagramSeal>(ring(1), "", seed);
  }
  static Address address(std::size_t which) {
    return Address::v4(10, 0, 0, static_cast<std::uint8_t>(which), 17000);
  }
  void collect(std::size_t which) {
    for (auto& datagram : node[which]->take_output())
      wire.emplace_back(datagram.to, std::move(datagram.bytes));
  }
  void send(std::size_t from, std::size_t to) {
    if (from == to) return;
    node[from]->send(now, address(to), "packet " + std::to_string(sent++));
    collect(from);
  }
  void deliver(std::size_t to, std::size_t from, const std::string& datagram) {
    const auto received = node[to]->receive(now, address(from), datagram);
    collect(to);
    if (!received.packet) return;
    FUZZ_CHECK(received.packet->starts_with("packet "));
    FUZZ_CHECK(arrived.insert(*received.packet).second);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t steps_max = 400;
  World world;
  for (std::size_t i = 0; i + 2 < size && i < steps_max * 3; i += 3) {
    const std::size_t a = data[i + 1], b = data[i + 2];
    const auto any = [&]() -> const std::string& {
      return world.wire[(a * 256 + b) % world.wire.size()].second;
    };
    switch (data[i] % 9) {
      case 0:
      case 1: world.send(a % nodes, b % nodes); break;
      case 2:  // the next in order, from where it seems to come
        if (world.next < world.wire.size()) {
          const auto [to, datagram] = world.wire[world.next++];
          world.deliver(static_cast<std::size_t>(to.ip[15]), b % nodes, datagram);
        }
        break;
      case 3:  // any, again, anywhere
        if (!world.wire.empty()) world.deliver(a % nodes, b % nodes, std::string(any()));
        break;
      case 4:  // changed
        if (!world.wire.empty()) {
          auto datagram = any();
          datagram[b % datagram.size()] = static_cast<char>(datagram[b % datagram.size()] ^ (1 + a % 255));
          world.deliver(a % nodes, b % nodes, datagram);
        }
        break;
      case 5: world.node[a % nodes] = world.fresh(); break;
      case 6: world.node[a % nodes]->set_keyring(ring(static_cast<int>(b % 4))); break;
      case 7:
        world.now = world.now + milliseconds(static_cast<std::int64_t>(b));
        world.node[a % nodes]->on_timer(world.now);
        world.collect(a % nodes);
        break;
      case 8: world.deliver(a % nodes, b % nodes, std::string(view(data + i, size - i))); break;
    }
  }
  return 0;
}
