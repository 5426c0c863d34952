#include "seal/refusal.hpp"

namespace vswim::seal {

namespace {

struct Words {
  const char* name;
  const char* sentence;  // empty: counted only
};

constexpr std::array<Words, refusal_count> words = {{
    {"malformed", ""},
    {"version", "sealed by another version of this module"},
    {"oversize", ""},
    {"unsealed",
     "not sealed with a cluster secret: a node that was given none (swim.secret, swim.secret-file), or a "
     "stranger"},
    {"unexpected_seal",
     "sealed with a cluster secret, and this node was given none (swim.secret, swim.secret-file)"},
    {"unknown_key",
     "sealed under a key that is not in this node's keyring: another secret there, or one that was not "
     "installed here"},
    {"wrong_cluster", "of a cluster with another swim.cluster-name"},
    {"forged", "that fail authentication: changed on their way, or made by somebody without the secret"},
    {"replayed", ""},
    {"stale_session", ""},
    {"peer_refused", "a refusal"},
    {"protected_mode",
     "from another machine, in protected mode: there is no cluster secret and the default user has no "
     "password. Set swim.secret-file on every node (docs/security.md), or a password, or protected-mode no"},
    {"connection_limits", "too many connections, or too much in them, of peers that have proven nothing"},
}};

}  // namespace

const char* name_of(Refusal refusal) { return words[static_cast<std::size_t>(refusal)].name; }

std::optional<Note> Refusals::tell(Instant now, Refusal refusal, const Address& from,
                                   const std::string& detail) {
  count(refusal);
  const auto which = static_cast<std::size_t>(refusal);
  const std::string sentence = words[which].sentence;
  if (sentence.empty() || (told_at_[which] && now - *told_at_[which] < quiet)) return std::nullopt;
  const auto since = counts_[which] - told_[which];
  told_at_[which] = now;
  told_[which] = counts_[which];
  const auto what = refusal == Refusal::peer_refused
                        ? from.text() + " refuses this node"
                        : "refused what came from " + from.text() + ": " + sentence;
  const auto text = "cluster bus: " + what + (detail.empty() ? "" : " (" + detail + ")") +
                    (since > 1 ? "; " + std::to_string(since) + " since this was last said" : "");
  return Note{NoteLevel::warning, text};
}

}  // namespace vswim::seal
