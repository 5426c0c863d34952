#include "core/slot_stream.hpp"

#include <algorithm>
#include <cstring>

namespace vswim::core {

namespace {

// key length (4), payload length (4, `gone` for a deletion), expiry (8), key, payload; little-endian.
constexpr std::size_t head_bytes = 16;
constexpr std::uint32_t gone = 0xffff'ffff;

void put(std::string& out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
}

std::uint64_t get(std::string_view bytes, std::size_t at, int count) {
  std::uint64_t number = 0;
  for (int i = 0; i < count; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)])} << (8 * i);
  }
  return number;
}

}  // namespace

std::string encode_key(const MovedKey& key) {
  std::string out;
  out.reserve(head_bytes + key.name.size() + (key.payload ? key.payload->size() : 0));
  put(out, key.name.size(), 4);
  put(out, key.payload ? key.payload->size() : gone, 4);
  put(out, static_cast<std::uint64_t>(key.expires_at_ms), 8);
  out += key.name;
  if (key.payload) out += *key.payload;
  return out;
}

void StreamSender::append(const MovedKey& key) { buffer_ += encode_key(key); }

void StreamSender::acknowledged(Instant now, std::uint64_t received, std::uint64_t applied) {
  if (received > sent_ || applied > received) return;  // of nobody's attempt
  applied_ = std::max(applied_, applied);
  if (received <= base_) return;
  buffer_.erase(0, received - base_);
  base_ = received;
  progress_at_ = now;
}

std::optional<StreamSender::Chunk> StreamSender::next(Instant now) {
  if (sent_ == base_) progress_at_ = now;
  if (now >= progress_at_ + resend_after && sent_ > base_) {
    sent_ = base_;
    progress_at_ = now;
  }
  const auto inside = sent_ - base_;
  if (inside >= buffer_.size() || inside >= window_bytes) return std::nullopt;
  Chunk chunk{sent_, buffer_.substr(inside, chunk_bytes)};
  sent_ += chunk.bytes.size();
  return chunk;
}

bool StreamReceiver::receive(std::uint64_t offset, std::string_view bytes) {
  if (offset > received_ || offset + bytes.size() <= received_) return sound_;  // a gap, or known already
  bytes.remove_prefix(received_ - offset);
  buffer_ += bytes;
  received_ += bytes.size();
  return sound_;
}

std::optional<MovedKey> StreamReceiver::take_one() {
  const auto left = std::string_view(buffer_).substr(at_);
  if (left.size() < head_bytes) return std::nullopt;
  const auto name = static_cast<std::size_t>(get(left, 0, 4));
  const auto payload = static_cast<std::uint32_t>(get(left, 4, 4));
  const std::size_t value = payload == gone ? 0 : payload;
  if (name > key_bytes_max || value > key_bytes_max) {
    sound_ = false;
    return std::nullopt;
  }
  if (left.size() < head_bytes + name + value) return std::nullopt;
  MovedKey key;
  key.name = left.substr(head_bytes, name);
  if (payload != gone) key.payload = std::string(left.substr(head_bytes + name, value));
  key.expires_at_ms = static_cast<std::int64_t>(get(left, 8, 8));
  at_ += head_bytes + name + value;
  taken_ += head_bytes + name + value;
  return key;
}

std::vector<MovedKey> StreamReceiver::take() {
  std::vector<MovedKey> keys;
  const auto until = taken_ + batch_bytes;
  while (sound_ && taken_ < until) {
    auto key = take_one();
    if (!key) break;
    keys.push_back(std::move(*key));
  }
  if (at_ > batch_bytes || at_ == buffer_.size()) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  return keys;
}

}  // namespace vswim::core
