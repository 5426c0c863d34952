#include "seal/stream_seal.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "seal/datagram_head.hpp"

namespace vswim::seal {

namespace {

constexpr std::string_view magic = "VSWM\x02";  // a plain stream has version 1 (runtime/frame.hpp)
constexpr std::size_t kind_at = 5, port_at = 6, cluster_at = 8, key_at = 12, salt_at = 16, hello_tag_at = 32;
constexpr std::size_t welcome_salt_at = 8, welcome_tag_at = 24;
constexpr std::size_t length_bytes = 2;

std::string_view text(const Salt& salt) { return {reinterpret_cast<const char*>(salt.data()), salt.size()}; }

Key derive_stream(const Secret& secret, std::string_view label, std::string_view cluster_name,
                  std::string_view opener, std::string_view acceptor) {
  std::string context(opener);
  context.append(acceptor).append(cluster_name);
  return derive(secret.key, label, context);
}

std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

void append(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(value >> (i * 8)));
}

std::string head(char kind) {
  std::string bytes(magic);
  bytes.push_back(kind);
  return bytes;
}

bool begins(std::string_view bytes, char kind) {  // as far as there is anything
  const auto whole = head(kind);
  const auto size = std::min(bytes.size(), whole.size());
  return bytes.substr(0, size) == std::string_view(whole).substr(0, size);
}

bool is_authentic(const Key& key, std::string_view associated, std::string_view tag) {
  std::string nothing;
  return open(key, 0, associated, tag, nothing);
}

}  // namespace

std::string encode_refusal(Refusal refusal) {
  auto bytes = head('r');
  bytes.push_back(static_cast<char>(refusal));
  bytes.push_back('\0');
  return bytes;
}

std::optional<std::string> refusal_text(std::string_view bytes) {
  if (bytes.size() < refusal_bytes || !begins(bytes, 'r')) return std::nullopt;
  switch (static_cast<Refusal>(bytes[6])) {
    case Refusal::unsealed: return "it has a cluster secret, this node does not use one";
    case Refusal::unexpected_seal: return "it was given no cluster secret";
    case Refusal::unknown_key: return "it does not have the cluster secret that this node uses";
    case Refusal::wrong_cluster: return "its swim.cluster-name is another";
    case Refusal::protected_mode: return "it is in protected mode: no cluster secret, no password";
    default: return "it cannot read what this node sends";
  }
}

bool looks_like_hello(std::string_view bytes) { return bytes.size() > kind_at && begins(bytes, 'h'); }

// ---- the opener ----

OutgoingStream::OutgoingStream(const Secret& secret, std::string cluster_name, const Salt& salt,
                               std::uint16_t bus_port)
    : secret_(secret), cluster_name_(std::move(cluster_name)), salt_(salt), hello_(head('h')) {
  append(hello_, bus_port, 2);
  append(hello_, cluster_tag(cluster_name_), 2);
  append(hello_, 0, 2);
  append(hello_, secret_.id.tag(), 4);
  hello_.append(text(salt_));
  const std::string associated = hello_;
  vswim::seal::seal(derive_stream(secret_, "stream hello", cluster_name_, text(salt_), {}), 0, associated, {},
                    hello_);
  VSWIM_ASSERT(hello_.size() == hello_bytes, "a hello has one size");
}

OutgoingStream::State OutgoingStream::broken(std::string reason) {
  reason_ = std::move(reason);
  return state_ = State::broken;
}

OutgoingStream::State OutgoingStream::feed(std::string_view bytes) {
  if (state_ == State::ready) return broken({});  // an acceptor says nothing more
  if (state_ == State::broken) return state_;
  heard_.append(bytes.substr(0, welcome_bytes + 1));
  if (auto refused = refusal_text(heard_)) return broken(std::move(*refused));
  if (heard_.size() > welcome_bytes || (!begins(heard_, 'w') && !begins(heard_, 'r'))) return broken({});
  if (heard_.size() < welcome_bytes) return state_;
  const auto heard = std::string_view(heard_);
  const auto salt = heard.substr(welcome_salt_at, salt_.size());
  const auto key = derive_stream(secret_, "stream welcome", cluster_name_, text(salt_), salt);
  if (!is_authentic(key, heard.substr(0, welcome_tag_at), heard.substr(welcome_tag_at))) {
    return broken("its welcome is not authentic");
  }
  key_ = derive_stream(secret_, "stream", cluster_name_, text(salt_), salt);
  return state_ = State::ready;
}

std::string OutgoingStream::seal(std::string_view bytes) {
  VSWIM_ASSERT(state_ == State::ready, "a stream is sealed after its welcome");
  std::string sealed;
  sealed.reserve(bytes.size() + (bytes.size() / record_plain_bytes_max + 1) * (length_bytes + tag_bytes));
  while (!bytes.empty()) {
    const auto plain = bytes.substr(0, record_plain_bytes_max);
    std::string length;
    append(length, plain.size(), length_bytes);
    sealed += length;
    vswim::seal::seal(key_, records_++, length, plain, sealed);
    bytes.remove_prefix(plain.size());
  }
  return sealed;
}

// ---- the acceptor ----

IncomingStream::IncomingStream(std::string cluster_name, const Salt& salt)
    : cluster_name_(std::move(cluster_name)), salt_(salt) {}

IncomingStream::Step IncomingStream::feed(const Keyring& keyring, std::string_view bytes) {
  Step step;
  buffer_.append(bytes);
  if (!greeted_) step.refusal = take_hello(keyring, step);
  if (greeted_ && !step.refusal) step.refusal = take_records(step);
  return step;
}

std::optional<Refusal> IncomingStream::take_hello(const Keyring& keyring, Step& step) {
  const auto known = std::min(buffer_.size(), magic.size());
  if (std::string_view(buffer_).substr(0, known) != magic.substr(0, known)) {
    return begins(buffer_.substr(0, 4), 'h') ? Refusal::unsealed : Refusal::malformed;
  }
  if (!begins(buffer_, 'h')) return Refusal::malformed;
  if (buffer_.size() < hello_bytes) return std::nullopt;
  const auto hello = std::string_view(buffer_).substr(0, hello_bytes);
  if (number(hello, cluster_at, 2) != cluster_tag(cluster_name_)) return Refusal::wrong_cluster;
  bool key_known = false;
  const auto salt = hello.substr(salt_at, salt_.size());
  for (const auto& secret : keyring.secrets()) {
    if (secret.id.tag() != number(hello, key_at, 4)) continue;
    key_known = true;
    if (!is_authentic(derive_stream(secret, "stream hello", cluster_name_, salt, {}),
                      hello.substr(0, hello_tag_at), hello.substr(hello_tag_at)))
      continue;
    bus_port_ = static_cast<std::uint16_t>(number(hello, port_at, 2));
    if (bus_port_ == 0) return Refusal::malformed;
    key_id_ = secret.id;
    key_ = derive_stream(secret, "stream", cluster_name_, salt, text(salt_));
    step.reply = head('w');
    append(step.reply, 0, 2);
    step.reply.append(text(salt_));
    const std::string associated = step.reply;
    vswim::seal::seal(derive_stream(secret, "stream welcome", cluster_name_, salt, text(salt_)), 0,
                      associated, {}, step.reply);
    buffer_.erase(0, hello_bytes);
    greeted_ = true;
    return std::nullopt;
  }
  return key_known ? Refusal::forged : Refusal::unknown_key;
}

std::optional<Refusal> IncomingStream::take_records(Step& step) {
  std::size_t taken = 0;
  const std::string_view all = buffer_;
  std::optional<Refusal> refusal;
  while (all.size() - taken >= length_bytes) {
    const auto plain = number(all, taken, length_bytes);
    if (plain == 0 || plain > record_plain_bytes_max) {
      refusal = Refusal::malformed;
      break;
    }
    if (all.size() - taken < length_bytes + plain + tag_bytes) break;
    if (!open(key_, records_, all.substr(taken, length_bytes),
              all.substr(taken + length_bytes, plain + tag_bytes), step.plain)) {
      refusal = Refusal::forged;
      break;
    }
    ++records_;
    taken += length_bytes + plain + tag_bytes;
  }
  buffer_.erase(0, taken);
  return refusal;
}

}  // namespace vswim::seal
