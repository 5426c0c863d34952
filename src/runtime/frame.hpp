// What a stream between two nodes is made of: a preface that names the sender's bus port, then frames of a
// four-byte big-endian length and that many bytes. Pure: bytes in, frames out; the limits are checked before
// anything is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vswim::runtime {

// A whole snapshot of a large cluster fits; a length above this is a mistake or an attack.
inline constexpr std::size_t frame_bytes_max = 64ULL * 1024 * 1024;
inline constexpr std::size_t preface_bytes = 8;
inline constexpr std::size_t frame_header_bytes = 4;

std::string encode_preface(std::uint16_t bus_port);
std::string encode_frame(std::string_view payload);  // payload: 1 to frame_bytes_max bytes

enum class FrameError : std::uint8_t { none, preface, empty, oversize };

// Reassembles one incoming stream. Memory follows the bytes that arrived, never the length that was claimed.
class FrameReader {
 public:
  // After an error the stream is worthless: nothing more is kept, `next` gives nothing.
  FrameError feed(std::string_view bytes);
  std::optional<std::string> next();

  std::optional<std::uint16_t> bus_port() const { return bus_port_; }  // once the preface is complete
  std::size_t buffered_bytes() const { return buffer_.size() - taken_; }
  bool mid_frame() const { return buffered_bytes() > 0; }

 private:
  FrameError check_next_length();

  std::string buffer_;
  std::size_t taken_ = 0;  // bytes of buffer_ that were handed out
  std::optional<std::uint16_t> bus_port_;
  FrameError error_ = FrameError::none;
};

}  // namespace vswim::runtime
