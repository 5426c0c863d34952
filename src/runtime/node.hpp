// One node thread around one Provider: UDP and TCP sockets, timers, the state file, and the two bounded
// queues to and from the thread that owns Core. The only user of asio. Everything public here is called from
// the owner's (main) thread unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/note.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"
#include "provider/provider.hpp"
#include "seal/keyring.hpp"

namespace vswim::runtime {

Instant boottime_now();      // CLOCK_BOOTTIME
Duration wall_offset_now();  // wall time minus CLOCK_BOOTTIME: only ever printed

struct NodeSettings {
  provider::Settings provider;
  std::string directory = ".";
  std::string state_file = "nodes.conf.swim";  // name inside directory; "<name>.lock" guards it
  std::vector<std::string> bind;               // numeric addresses; empty: all of IPv4 and IPv6
  std::uint16_t bus_port = 16379;
  std::vector<std::pair<std::string, std::uint16_t>>
      seeds;               // host (name or ip), bus port; resolved at every try
  std::uint64_t seed = 0;  // 0: from the system's randomness
  std::size_t queue_events_max = 65'536;
  seal::Keyring keyring;       // empty: nothing is sealed, and that stays so until the node is started anew
  std::string cluster_name;    // bound into everything sealed: two clusters may share a secret by mistake
  bool loopback_only = false;  // refuse what comes from other machines
};

class Node {
 public:
  // Locks and reads the state file, binds the sockets, starts the thread. On failure returns nullptr and an
  // error text that says what is wrong and what to do. `wake` is called from the node thread whenever events
  // wait (it must be cheap and thread-safe: an eventfd write).
  static std::unique_ptr<Node> start(const NodeSettings& settings, std::function<void()> wake,
                                     std::string& error);
  ~Node();  // stops the thread; without stop() nothing is told to the others (as in a crash)

  void submit(contract::Operation operation);
  // Everything that waits, in order. Never blocks.
  std::vector<contract::Event> drain_events();
  std::vector<Note> drain_notes();
  // Another keyring for a node that was started with one; an empty one is not taken.
  void set_keyring(seal::Keyring keyring);
  void set_loopback_only(bool only);
  void stop(bool leave);  // orderly: with `leave` the others are told

  NodeId node_id() const;
  ShardId shard_id() const;
  std::vector<std::pair<std::string, std::string>> info() const;  // counters, last values

 private:
  struct State;
  explicit Node(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vswim::runtime
