#include "runtime/frame.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace vswim::runtime {

namespace {

constexpr std::string_view preface_magic = "VSWM\x01";  // the last byte is the version of the framing

std::size_t read_length(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < frame_header_bytes; ++i)
    length = length << 8 | static_cast<std::uint8_t>(bytes[i]);
  return length;
}

}  // namespace

std::string encode_preface(std::uint16_t bus_port) {
  std::string preface(preface_magic);
  preface.push_back('\0');
  preface.push_back(static_cast<char>(bus_port >> 8));
  preface.push_back(static_cast<char>(bus_port & 0xff));
  return preface;
}

std::string encode_frame(std::string_view payload) {
  VSWIM_ASSERT(!payload.empty() && payload.size() <= frame_bytes_max,
               "a frame outside its limits was to be sent");
  std::string frame;
  frame.reserve(frame_header_bytes + payload.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    frame.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  frame.append(payload);
  return frame;
}

FrameError FrameReader::feed(std::string_view bytes) {
  if (error_ != FrameError::none) return error_;
  buffer_.append(bytes);
  if (!bus_port_) {
    const auto known = std::min(buffer_.size(), preface_magic.size());
    if (std::string_view(buffer_).substr(0, known) != preface_magic.substr(0, known))
      return error_ = FrameError::preface;
    if (buffer_.size() < preface_bytes) return FrameError::none;
    bus_port_ = static_cast<std::uint16_t>(static_cast<std::uint8_t>(buffer_[6]) << 8 |
                                           static_cast<std::uint8_t>(buffer_[7]));
    if (*bus_port_ == 0) return error_ = FrameError::preface;
    taken_ = preface_bytes;
  }
  return check_next_length();
}

FrameError FrameReader::check_next_length() {
  if (buffered_bytes() < frame_header_bytes) return FrameError::none;
  const auto length = read_length(std::string_view(buffer_).substr(taken_));
  if (length == 0) return error_ = FrameError::empty;
  if (length > frame_bytes_max) return error_ = FrameError::oversize;
  return FrameError::none;
}

std::optional<std::string> FrameReader::next() {
  if (error_ != FrameError::none || !bus_port_ || buffered_bytes() < frame_header_bytes) return std::nullopt;
  const auto length = read_length(std::string_view(buffer_).substr(taken_));
  if (buffered_bytes() < frame_header_bytes + length) return std::nullopt;
  auto frame = buffer_.substr(taken_ + frame_header_bytes, length);
  taken_ += frame_header_bytes + length;
  if (taken_ == buffer_.size() || taken_ > 64 * 1024) {
    buffer_.erase(0, taken_);
    taken_ = 0;
    if (buffer_.capacity() > 1024 * 1024 && buffer_.empty()) buffer_.shrink_to_fit();
  }
  check_next_length();
  return frame;
}

}  // namespace vswim::runtime
