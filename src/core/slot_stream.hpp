// The bytes of slots on their way to another shard: a stream over Core's port, whose messages may be lost,
// doubled and late. The sender keeps what is not acknowledged and sends it again (go-back-N); the receiver
// takes bytes in order only and makes keys of them. Sans-IO; one stream is one attempt at one migration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "core/engine.hpp"

namespace vswim::core {

std::string encode_key(const MovedKey& key);

class StreamSender {
 public:
  static constexpr std::size_t chunk_bytes = 64 * 1024;  // of one message
  static constexpr std::uint64_t window_bytes = 1024 * 1024;
  static constexpr Duration resend_after = milliseconds(400);

  struct Chunk {
    std::uint64_t offset = 0;
    std::string bytes;
  };

  void append(const MovedKey& key);
  void acknowledged(Instant now, std::uint64_t received, std::uint64_t applied);
  // What may leave now, chunk by chunk; nothing when the window is full or everything has been sent.
  std::optional<Chunk> next(Instant now);

  std::uint64_t end() const { return base_ + buffer_.size(); }  // bytes ever appended
  std::uint64_t unsent() const { return end() - sent_; }
  std::uint64_t applied() const { return applied_; }
  std::uint64_t unapplied() const { return end() - applied_; }
  bool wants_more() const { return buffer_.size() < window_bytes; }
  Instant resend_at() const { return sent_ > base_ ? progress_at_ + resend_after : Instant::never(); }

 private:
  std::string buffer_;  // from base_ on: not yet acknowledged
  std::uint64_t base_ = 0, sent_ = 0, applied_ = 0;
  Instant progress_at_{};
};

class StreamReceiver {
 public:
  static constexpr std::size_t key_bytes_max = 512 * 1024 * 1024;  // as a server's largest string
  static constexpr std::size_t batch_bytes = 256 * 1024;           // of keys handed over at once

  // False: the bytes are no keys; the attempt has to begin anew.
  bool receive(std::uint64_t offset, std::string_view bytes);
  // The next keys, about batch_bytes of them; empty when none is complete.
  std::vector<MovedKey> take();
  std::uint64_t received() const { return received_; }
  std::uint64_t taken() const { return taken_; }  // bytes of the keys handed over so far
  bool crowded() const { return buffer_.size() - at_ > StreamSender::window_bytes; }

 private:
  std::optional<MovedKey> take_one();

  std::string buffer_;
  std::size_t at_ = 0;  // of buffer_, taken already
  std::uint64_t received_ = 0, taken_ = 0;
  bool sound_ = true;
};

}  // namespace vswim::core
