#include "seal/aead.hpp"

#include <sodium.h>

#include "base/assert.hpp"

namespace vswim::seal {

namespace {

static_assert(tag_bytes == crypto_aead_chacha20poly1305_ietf_ABYTES);
static_assert(Key::size == crypto_aead_chacha20poly1305_ietf_KEYBYTES);

constexpr std::string_view secret_domain = "valkey-swim cluster secret 1";

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

// Chooses the fastest implementation for this processor; safe to call from any thread.
void prepare() {
  static const int ready = sodium_init();
  VSWIM_ASSERT(ready >= 0, "libsodium could not be initialised");
}

using Nonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;
Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (i * 8));
  return nonce;
}

Key hashed(std::string_view message, const Key* key) {
  prepare();
  Key out;
  crypto_generichash(out.bytes.data(), out.bytes.size(), bytes_of(message), message.size(),
                     key == nullptr ? nullptr : key->bytes.data(), key == nullptr ? 0 : Key::size);
  return out;
}

}  // namespace

Key::~Key() { sodium_memzero(bytes.data(), bytes.size()); }

Key derive(const Key& from, std::string_view label, std::string_view context) {
  VSWIM_ASSERT(label.size() < 256, "a label's length is one byte");
  std::string message(1, static_cast<char>(label.size()));
  message.append(label).append(context);
  return hashed(message, &from);
}

Key key_of_text(std::string_view text) {
  std::string message(secret_domain);
  message.append(text);
  Key key = hashed(message, nullptr);
  wipe(message);
  return key;
}

void seal(const Key& key, std::uint64_t counter, std::string_view associated, std::string_view plain,
          std::string& out) {
  prepare();
  const auto nonce = nonce_of(counter);
  const auto at = out.size();
  out.resize(at + plain.size() + tag_bytes);
  crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(out.data()) + at, nullptr,
                                            bytes_of(plain), plain.size(), bytes_of(associated),
                                            associated.size(), nullptr, nonce.data(), key.bytes.data());
}

bool open(const Key& key, std::uint64_t counter, std::string_view associated, std::string_view sealed,
          std::string& out) {
  if (sealed.size() < tag_bytes) return false;
  prepare();
  const auto nonce = nonce_of(counter);
  const auto at = out.size();
  out.resize(at + sealed.size() - tag_bytes);
  const int failed = crypto_aead_chacha20poly1305_ietf_decrypt(
      reinterpret_cast<std::uint8_t*>(out.data()) + at, nullptr, nullptr, bytes_of(sealed), sealed.size(),
      bytes_of(associated), associated.size(), nonce.data(), key.bytes.data());
  if (failed != 0) out.resize(at);
  return failed == 0;
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

}  // namespace vswim::seal
