#include "wire/file_records.hpp"

#include <catch2/catch_test_macros.hpp>

#include "samples.hpp"
#include "wire/flat_record.hpp"
#include "wire/record_frame.hpp"

using namespace vswim;
using namespace vswim::wire;

namespace {

struct SampleFile {
  std::string bytes = file_preamble();
  std::vector<FileRecord> records;
  std::vector<std::size_t> ends{bytes.size()};  // of the preamble and of each record

  explicit SampleFile(std::uint64_t seed, std::size_t count = 12) {
    Rng rng(seed);
    for (std::size_t i = 0; i < count; ++i) append(random_record(rng, i % std::variant_size_v<FileRecord>));
  }
  void append(const FileRecord& record) {
    records.push_back(record);
    bytes += encode_record(record);
    ends.push_back(bytes.size());
  }
  // How many whole records lie before `size`; none while the preamble is incomplete.
  std::size_t whole_before(std::size_t size) const {
    std::size_t count = 0;
    while (count + 1 < ends.size() && ends[count + 1] <= size) ++count;
    return count;
  }
};

bool is_prefix(const std::vector<FileRecord>& some, const std::vector<FileRecord>& all) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace

TEST_CASE("every kind of record comes back as it was written") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const SampleFile file(seed);
    const FileContents contents = read_file(file.bytes);
    REQUIRE(contents.ok);
    REQUIRE_FALSE(contents.torn);
    REQUIRE(contents.records == file.records);
    REQUIRE(contents.valid_bytes == file.bytes.size());
  }
}

TEST_CASE("an empty file is a node without a past") {
  const FileContents contents = read_file("");
  REQUIRE(contents.ok);
  REQUIRE(contents.records.empty());
  REQUIRE(contents.valid_bytes == 0);
  REQUIRE(read_file(file_preamble()).ok);
}

TEST_CASE("a file cut at any byte gives the whole records before the cut") {
  const SampleFile file(1);
  for (std::size_t size = 0; size <= file.bytes.size(); ++size) {
    const FileContents contents = read_file(std::string_view(file.bytes).substr(0, size));
    REQUIRE(contents.ok);
    const std::size_t whole = file.whole_before(size);
    REQUIRE(contents.records.size() == whole);
    REQUIRE(is_prefix(contents.records, file.records));
    const std::size_t valid = size < file.ends[0] ? 0 : file.ends[whole];
    REQUIRE(contents.valid_bytes == valid);
    REQUIRE(contents.torn == (valid != size));
  }
}

TEST_CASE("a file cut at any byte and filled up with zeros is torn there as well") {
  const SampleFile file(2);
  for (std::size_t size = 1; size <= file.bytes.size(); ++size) {
    std::string bytes = file.bytes.substr(0, size);
    while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();  // else the fill completes a record again
    const std::size_t written = bytes.size();
    bytes.resize(file.bytes.size() + 4'096, '\0');
    const FileContents contents = read_file(bytes);
    REQUIRE(contents.ok);
    REQUIRE(contents.torn);
    REQUIRE(contents.records.size() >= file.whole_before(written));
    REQUIRE(is_prefix(contents.records, file.records));
  }
}

TEST_CASE("a flipped bit anywhere before the last record is damage, and the text says where") {
  const SampleFile file(3);
  const std::size_t last = file.ends[file.ends.size() - 2];
  for (std::size_t at = 0; at < last; ++at) {
    std::string bytes = file.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    const FileContents contents = read_file(bytes);
    REQUIRE_FALSE(contents.ok);
    REQUIRE(contents.error.find("byte ") != std::string::npos);
    REQUIRE(contents.records.empty());
  }
}

TEST_CASE("a flipped bit in the last record is a torn end") {
  const SampleFile file(4);
  const std::size_t last = file.ends[file.ends.size() - 2];
  for (std::size_t at = last; at < file.bytes.size(); ++at) {
    std::string bytes = file.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const FileContents contents = read_file(bytes);
    REQUIRE(contents.ok);
    REQUIRE(contents.torn);
    REQUIRE(contents.valid_bytes == last);
    REQUIRE(contents.records.size() == file.records.size() - 1);
  }
}

TEST_CASE("records appended after the cut are read again") {
  SampleFile file(5);
  const FileContents torn = read_file(file.bytes + "partial");
  REQUIRE(torn.torn);
  file.append(SeatDroppedRecord{});
  REQUIRE(read_file(file.bytes.substr(0, torn.valid_bytes) + encode_record(SeatDroppedRecord{})).records ==
          file.records);
}

TEST_CASE("a file that is not ours is refused, not overwritten") {
  REQUIRE_FALSE(read_file("port 7000\ncluster-enabled yes\n").ok);
  std::string newer = file_preamble();
  newer[newer.size() - 1] = 2;
  REQUIRE_FALSE(read_file(newer).ok);
}

namespace {
std::string record_of_kind(int kind, bool may_skip) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = fbs::CreateSeatDroppedRecord(builder).Union();
  builder.Finish(fbs::CreateRecord(builder, static_cast<fbs::RecordBody>(kind), body, may_skip));
  return frame_record({reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}
}  // namespace

TEST_CASE("a record of an unknown kind is refused, unless it says that it may be skipped") {
  const SampleFile file(6);
  for (const int kind : {7, 200}) {
    const auto skipped =
        read_file(file.bytes + record_of_kind(kind, true) + encode_record(SeatDroppedRecord{}));
    REQUIRE(skipped.ok);
    REQUIRE(skipped.records.size() == file.records.size() + 1);
    const auto refused = read_file(file.bytes + record_of_kind(kind, false));
    REQUIRE_FALSE(refused.ok);
    REQUIRE(refused.error.find("does not know") != std::string::npos);
  }
}

TEST_CASE("a known record that is not whole is refused, whatever it says of skipping") {
  constexpr int seat_dropped = 6;  // without its shard
  REQUIRE_FALSE(read_file(file_preamble() + record_of_kind(seat_dropped, true)).ok);
}

TEST_CASE("a file of a newer minor version is read") {
  SampleFile file(7);
  const std::string newer = frame_record(std::string("vswim\0\0\0\x01\x01", 10));
  const auto contents = read_file(newer + file.bytes.substr(file_preamble().size()));
  REQUIRE(contents.ok);
  REQUIRE(contents.records == file.records);
}

TEST_CASE("garbage behind a preamble never crashes") {
  Rng rng(6);
  for (int i = 0; i < 20'000; ++i) {
    const FileContents contents = read_file((i % 2 == 0 ? file_preamble() : "") + random_bytes(rng, 200));
    REQUIRE(contents.records.empty());
  }
}
