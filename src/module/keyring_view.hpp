// Which node has which keys: every node writes the ids of its keyring, the one in use first, into a gossip
// register of its own, `keyring:<node>`. The registers are the module's: Core knows nothing of secrets.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "contract/types.hpp"
#include "seal/keyring.hpp"

namespace vswim::module {

class KeyringView {
 public:
  struct Node {
    NodeId id;
    Address address;
    contract::Health health = contract::Health::ok;
    bool self = false;
    seal::KeyIds keys;
  };

  void set_own(std::string ids_text);  // empty: this node has none and writes nothing
  // True: it was the answer to a write of this class, and concerns nobody else.
  bool on_event(const contract::Event& event);
  // What is to be written now, if anything; one at a time, and not more often than every 200 ms.
  std::optional<contract::Operation> next_write(Instant now);

  std::vector<Node> nodes() const;  // members, this node first
  // Others that are not dead and lack the key, or use it.
  std::vector<NodeId> without(const seal::KeyId& key) const;
  std::vector<NodeId> using_key(const seal::KeyId& key) const;

 private:
  static constexpr std::uint64_t tickets_from = std::uint64_t{1} << 62;  // Core counts from 1
  struct Text {
    std::optional<std::string> value;
    contract::Revision revision;
  };
  template <class Is>
  std::vector<NodeId> others_that(const Is& is) const;
  std::optional<contract::Write> own_write() const;
  std::optional<contract::Write> cleaning_write() const;

  std::string own_;
  NodeId self_;
  std::map<NodeId, contract::Member> members_;
  std::map<NodeId, Text> texts_;
  std::set<NodeId> gone_;  // were members of this cluster, and are none any more
  std::uint64_t last_ticket_ = tickets_from;
  bool writing_ = false;
  Instant next_write_{};
};

}  // namespace vswim::module
