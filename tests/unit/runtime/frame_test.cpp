// Claims about the framing of streams.
#include "runtime/frame.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace vswim::runtime;

namespace {

std::string header(std::uint32_t length) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(length >> shift & 0xff));
  return bytes;
}

}  // namespace

TEST_CASE("frames come out as they went in, however the stream is cut") {
  const std::string large(100'000, 'x');
  const auto stream = encode_preface(26379) + encode_frame("a") + encode_frame(large) + encode_frame("bc");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, stream.size()}) {
    FrameReader reader;
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      REQUIRE(reader.feed(std::string_view(stream).substr(at, piece)) == FrameError::none);
      while (auto frame = reader.next()) frames.push_back(*frame);
    }
    CHECK(reader.bus_port() == 26379);
    CHECK(frames == std::vector<std::string>{"a", large, "bc"});
    CHECK_FALSE(reader.mid_frame());
  }
}

TEST_CASE("a stream that does not begin with the preface is refused at its first wrong byte") {
  FrameReader http;
  CHECK(http.feed("G") == FrameError::preface);
  FrameReader other_version;
  auto preface = encode_preface(7000);
  preface[4] = '\x02';
  CHECK(other_version.feed(preface) == FrameError::preface);
  FrameReader no_port;
  CHECK(no_port.feed(encode_preface(0)) == FrameError::preface);
}

TEST_CASE("a length above the limit is refused before anything of the frame is kept") {
  FrameReader reader;
  CHECK(reader.feed(encode_preface(7000) + header(frame_bytes_max)) == FrameError::none);
  CHECK(reader.buffered_bytes() == frame_header_bytes);

  FrameReader greedy;
  CHECK(greedy.feed(encode_preface(7000) + header(frame_bytes_max + 1)) == FrameError::oversize);
  CHECK(greedy.feed(std::string(1000, 'x')) == FrameError::oversize);
  CHECK(greedy.buffered_bytes() == frame_header_bytes);
  CHECK_FALSE(greedy.next());
}

TEST_CASE("an empty frame is an error") {
  FrameReader reader;
  CHECK(reader.feed(encode_preface(7000) + header(0)) == FrameError::empty);
}

TEST_CASE("a wrong length behind a good frame ends the stream after that frame") {
  FrameReader reader;
  CHECK(reader.feed(encode_preface(7000) + encode_frame("good") + header(0)) == FrameError::none);
  CHECK(reader.next() == "good");
  CHECK_FALSE(reader.next());
  CHECK(reader.feed("more") == FrameError::empty);
}
