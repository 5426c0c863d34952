// Lists of member updates, each in the smallest of three forms (schemas/swim.fbs), their order kept.
// Internal.
#pragma once

#include <cstddef>
#include <vector>

#include "swim/messages.hpp"
#include "wire/flat.hpp"

namespace vswim::wire {

enum class MemberForm : std::uint8_t { v4, brief, wide };
MemberForm form_of(const swim::MemberUpdate& update);

struct MemberVectors {
  flatbuffers::Offset<flatbuffers::Vector<const fbs::MemberV4*>> v4;
  flatbuffers::Offset<flatbuffers::Vector<const fbs::MemberBrief*>> brief;
  flatbuffers::Offset<flatbuffers::Vector<const fbs::MemberWide*>> wide;
  flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> forms;
  flatbuffers::Offset<flatbuffers::Vector<std::uint32_t>> observers;  // of the suspects, in order
};
// Absent (null) offsets where nothing has that form.
MemberVectors add_updates(flatbuffers::FlatBufferBuilder& builder,
                          const std::vector<swim::MemberUpdate>& updates);
flatbuffers::Offset<fbs::Members> add_members(flatbuffers::FlatBufferBuilder& builder,
                                              const std::vector<swim::MemberUpdate>& members);

struct MemberVectorsView {
  const flatbuffers::Vector<const fbs::MemberV4*>* v4;
  const flatbuffers::Vector<const fbs::MemberBrief*>* brief;
  const flatbuffers::Vector<const fbs::MemberWide*>* wide;
  const flatbuffers::Vector<std::uint8_t>* forms;
  const flatbuffers::Vector<std::uint32_t>* observers;
};
// False when a count, a form or a status is not valid. A null table is an empty list.
bool updates_from_flat(const MemberVectorsView& view, std::vector<swim::MemberUpdate>& updates);
bool members_from_flat(const fbs::Members* flat, std::vector<swim::MemberUpdate>& members);

bool status_from_flat(std::uint8_t flat, swim::Status& status);

}  // namespace vswim::wire
