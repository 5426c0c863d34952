// Why the bus turned something away, counted by reason, and said to people: once a minute and reason, so that
// a flood of garbage cannot flood the log.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/note.hpp"
#include "base/time.hpp"

namespace vswim::seal {

enum class Refusal : std::uint8_t {
  malformed,          // cut short, not ours, or a kind that there is none of
  version,            // of the sealing
  oversize,           // larger than anything a peer seals
  unsealed,           // from a node without a secret, or a stranger
  unexpected_seal,    // sealed, and this node has no secret
  unknown_key,        // another secret, or one that was removed
  wrong_cluster,      // another cluster's name
  forged,             // fails authentication: changed on its way, or made without the key
  replayed,           // seen before
  stale_session,      // for a former start of this node
  peer_refused,       // a peer said why it does not talk to us
  protected_mode,     // not from this machine, and there is neither a secret nor a password
  connection_limits,  // too many of a stranger's connections, or too much in them
};
constexpr std::size_t refusal_count = 13;
const char* name_of(Refusal refusal);  // as INFO's fields have it

class Refusals {
 public:
  void count(Refusal refusal) { ++counts_[static_cast<std::size_t>(refusal)]; }
  // Counts it, and gives what to log when this reason has not been named for a minute. `detail` may be empty.
  std::optional<Note> tell(Instant now, Refusal refusal, const Address& from, const std::string& detail);
  std::uint64_t of(Refusal refusal) const { return counts_[static_cast<std::size_t>(refusal)]; }

 private:
  static constexpr Duration quiet = seconds(60);
  std::array<std::uint64_t, refusal_count> counts_{};
  std::array<std::uint64_t, refusal_count> told_{};  // how many when it was last named
  std::array<std::optional<Instant>, refusal_count> told_at_{};
};

}  // namespace vswim::seal
