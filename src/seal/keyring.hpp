// Cluster secrets: what one is, the key made of it, and the ring of those a node accepts. One of them is in
// use: it seals what leaves. All of them open what arrives, so that a cluster changes its secret node by
// node: install everywhere, use everywhere, remove everywhere.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seal/aead.hpp"

namespace vswim::seal {

struct KeyId {  // names a key without giving it away
  std::uint64_t value = 0;
  friend auto operator<=>(const KeyId&, const KeyId&) = default;
  std::uint32_t tag() const { return static_cast<std::uint32_t>(value >> 32); }  // what packets carry
  std::string hex() const;
  static std::optional<KeyId> parse(std::string_view text);
};

struct Secret {
  static constexpr std::size_t bytes_min = 16, bytes_max = 256;
  KeyId id;
  Key key;
  // A word of printable characters without spaces. It is hashed once, not slowly: it has to be random.
  static std::optional<Secret> of(std::string_view text, std::string& error);
};

class Keyring {
 public:
  static constexpr std::size_t keys_max = 8;  // a rotation needs two

  bool empty() const { return secrets_.empty(); }
  // The one in use comes first.
  const std::vector<Secret>& secrets() const { return secrets_; }
  const Secret& in_use() const;
  std::size_t place_of(const KeyId& id) const;  // among secrets(); their number when it is not there
  const Secret* find(const KeyId& id) const;

  // Each is refused with a sentence that says why. The first one installed is in use; one that is there
  // already stays where it is.
  bool install(const Secret& secret, std::string& error);
  bool use(const KeyId& id, std::string& error);
  bool remove(const KeyId& id, std::string& error);

  // "<id>/<id>", the one in use first: how nodes tell each other what they have.
  std::string ids_text() const;

 private:
  std::vector<Secret>::iterator installed(const KeyId& id, std::string& error);

  std::vector<Secret> secrets_;
};

struct KeyIds {  // ids_text() read back
  std::vector<KeyId> ids;
  bool has(const KeyId& id) const;
  bool uses(const KeyId& id) const { return !ids.empty() && ids.front() == id; }
  static KeyIds parse(std::string_view text);
};

}  // namespace vswim::seal
