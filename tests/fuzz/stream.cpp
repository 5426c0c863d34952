// What a stranger may put into a stream: plain frames, a sealed stream as its acceptor and as its opener see
// it. The first byte says in which pieces it comes.
#include "fuzz/fuzz.hpp"
#include "runtime/frame.hpp"
#include "seal/stream_seal.hpp"

using namespace vswim;

namespace {

seal::Keyring keyring() {
  seal::Keyring ring;
  std::string error;
  ring.install(seal::Secret::of("a-secret-for-fuzzing", error).value(), error);
  return ring;
}

template <class Feed>
void in_pieces(std::string_view bytes, std::size_t piece, const Feed& feed) {
  while (!bytes.empty()) {
    if (!feed(bytes.substr(0, piece))) return;
    bytes.remove_prefix(std::min(bytes.size(), piece));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto ring = keyring();
  if (size == 0) return 0;
  const auto bytes = view(data, size).substr(1);
  const std::size_t piece = 1 + data[0];

  runtime::FrameReader reader;
  std::size_t fed = 0, out = 0;
  in_pieces(bytes, piece, [&](std::string_view part) {
    fed += part.size();
    const bool good = reader.feed(part) == runtime::FrameError::none;
    while (const auto frame = reader.next()) out += frame->size();
    FUZZ_CHECK(out + reader.buffered_bytes() <= fed);
    return good;
  });

  seal::IncomingStream incoming("", seal::Salt{9});
  in_pieces(bytes, piece, [&](std::string_view part) {
    const auto step = incoming.feed(ring, part);
    FUZZ_CHECK(step.plain.empty());  // nobody can make a record without the secret
    FUZZ_CHECK(step.reply.size() <= seal::hello_bytes);
    return !step.refusal;
  });

  // An authentic hello, then whatever the enemy puts behind it.
  const seal::OutgoingStream opener(ring.in_use(), "", seal::Salt{1}, 17000);
  seal::IncomingStream met("", seal::Salt{9});
  FUZZ_CHECK(!met.feed(ring, opener.hello()).refusal);
  in_pieces(bytes, piece, [&](std::string_view part) {
    const auto step = met.feed(ring, part);
    FUZZ_CHECK(step.plain.empty() && step.reply.empty());
    return !step.refusal;
  });

  // Of a salt that no corpus knows: whatever welcome is kept there is for another hello.
  seal::OutgoingStream outgoing(ring.in_use(), "", seal::Salt{2}, 17000);
  in_pieces(bytes, piece, [&](std::string_view part) {
    FUZZ_CHECK(outgoing.feed(part) != seal::OutgoingStream::State::ready);
    return outgoing.state() == seal::OutgoingStream::State::waiting;
  });
  return 0;
}
