#include "seal/keyring.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"

namespace vswim::seal {

namespace {
constexpr std::size_t hex_chars = 16;
}

std::string KeyId::hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text.push_back(digits[value >> shift & 15]);
  return text;
}

std::optional<KeyId> KeyId::parse(std::string_view text) {
  KeyId id;
  if (text.size() != hex_chars) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id.value, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return id;
}

std::optional<Secret> Secret::of(std::string_view text, std::string& error) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text.size() < bytes_min || text.size() > bytes_max || !plain) {
    error = "a cluster secret is one word of " + std::to_string(bytes_min) + " to " +
            std::to_string(bytes_max) + " printable characters; make one with: openssl rand -hex 32";
    return std::nullopt;
  }
  Secret secret;
  secret.key = key_of_text(text);
  const Key id = derive(secret.key, "key id", {});
  for (std::size_t i = 0; i < 8; ++i) secret.id.value = secret.id.value << 8 | id.bytes[i];
  return secret;
}

const Secret& Keyring::in_use() const {
  VSWIM_ASSERT(!secrets_.empty(), "an empty keyring has no key in use");
  return secrets_.front();
}

std::size_t Keyring::place_of(const KeyId& id) const {
  const auto found =
      std::find_if(secrets_.begin(), secrets_.end(), [&](const auto& s) { return s.id == id; });
  return static_cast<std::size_t>(found - secrets_.begin());
}

const Secret* Keyring::find(const KeyId& id) const {
  const auto place = place_of(id);
  return place < secrets_.size() ? &secrets_[place] : nullptr;
}

bool Keyring::install(const Secret& secret, std::string& error) {
  if (find(secret.id) != nullptr) return true;
  if (secrets_.size() >= keys_max) {
    error = "the keyring holds " + std::to_string(keys_max) + " keys already: remove old ones first";
    return false;
  }
  secrets_.push_back(secret);
  return true;
}

std::vector<Secret>::iterator Keyring::installed(const KeyId& id, std::string& error) {
  const auto found = secrets_.begin() + static_cast<std::ptrdiff_t>(place_of(id));
  if (found == secrets_.end()) error = "key " + id.hex() + " is not installed on this node";
  return found;
}

bool Keyring::use(const KeyId& id, std::string& error) {
  const auto found = installed(id, error);
  if (found == secrets_.end()) return false;
  std::rotate(secrets_.begin(), found, found + 1);
  return true;
}

bool Keyring::remove(const KeyId& id, std::string& error) {
  const auto found = installed(id, error);
  if (found == secrets_.end()) return false;
  if (found == secrets_.begin()) {
    error = "key " + id.hex() + " is in use on this node: use another one first";
    return false;
  }
  secrets_.erase(found);
  return true;
}

std::string Keyring::ids_text() const {
  std::string text;
  for (const auto& secret : secrets_) text += (text.empty() ? "" : "/") + secret.id.hex();
  return text;
}

bool KeyIds::has(const KeyId& id) const { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

KeyIds KeyIds::parse(std::string_view text) {
  KeyIds keys;
  while (!text.empty() && keys.ids.size() < Keyring::keys_max) {
    const auto end = std::min(text.find('/'), text.size());
    const auto id = KeyId::parse(text.substr(0, end));
    if (!id) return {};
    keys.ids.push_back(*id);
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return keys;
}

}  // namespace vswim::seal
