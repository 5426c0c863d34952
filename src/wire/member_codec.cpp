#include "wire/member_codec.hpp"

#include <algorithm>

namespace vswim::wire {

namespace {

constexpr Address no_address{};

SmallNumbers numbers_of(const swim::MemberUpdate& update) {
  return {static_cast<std::uint8_t>(update.status), update.life, update.shard_epoch.value};
}

bool set_numbers(const fbs::Numbers& flat, swim::MemberUpdate& update) {
  const SmallNumbers numbers = from_flat(flat);
  update.life = numbers.life;
  update.shard_epoch.value = numbers.epoch;
  return status_from_flat(numbers.status, update.status);
}

bool from_flat_member(const fbs::MemberV4& flat, swim::MemberUpdate& update) {
  update.id = from_flat<NodeId>(flat.node());
  update.shard = from_flat<ShardId>(flat.shard());
  update.address = from_flat(flat.address());
  return set_numbers(flat.numbers(), update);
}

bool from_flat_member(const fbs::MemberBrief& flat, swim::MemberUpdate& update) {
  update.id = from_flat<NodeId>(flat.node());
  return set_numbers(flat.numbers(), update);
}

bool from_flat_member(const fbs::MemberWide& flat, swim::MemberUpdate& update) {
  update.id = from_flat<NodeId>(flat.node());
  update.shard = from_flat<ShardId>(flat.shard());
  update.address = from_flat(flat.address());
  update.life = from_flat(flat.life());
  update.shard_epoch.value = number_of(*flat.epoch());
  return status_from_flat(flat.status(), update.status);
}

template <class Struct>
bool take(const flatbuffers::Vector<const Struct*>* from, flatbuffers::uoffset_t& index,
          std::vector<swim::MemberUpdate>& updates) {
  if (from == nullptr || index >= from->size()) return false;
  updates.emplace_back();
  return from_flat_member(*from->Get(index++), updates.back());
}

template <class Vector>
std::size_t size_of(const Vector* vector) {
  return vector == nullptr ? 0 : vector->size();
}

}  // namespace

MemberForm form_of(const swim::MemberUpdate& update) {
  if (!fits_small(numbers_of(update)) || !fits_v4(update.address)) return MemberForm::wide;
  if (update.shard.is_nil() && update.address == no_address) return MemberForm::brief;
  return MemberForm::v4;
}

MemberVectors add_updates(flatbuffers::FlatBufferBuilder& builder,
                          const std::vector<swim::MemberUpdate>& updates) {
  std::vector<fbs::MemberV4> v4;
  std::vector<fbs::MemberBrief> brief;
  std::vector<fbs::MemberWide> wide;
  std::vector<std::uint8_t> forms;
  std::vector<std::uint32_t> observers;
  for (const auto& update : updates) {
    const MemberForm form = form_of(update);
    forms.push_back(static_cast<std::uint8_t>(form));
    if (update.status == swim::Status::suspect) observers.push_back(update.observers);
    const fbs::Id20 node = to_flat(update.id);
    const auto epoch = number_bytes(update.shard_epoch.value);
    switch (form) {
      case MemberForm::v4:
        v4.emplace_back(node, to_flat(update.shard), to_flat_v4(update.address), to_flat(numbers_of(update)));
        break;
      case MemberForm::brief: brief.emplace_back(node, to_flat(numbers_of(update))); break;
      case MemberForm::wide:
        wide.emplace_back(to_flat(update.life), flatbuffers::span<const std::uint8_t, 8>(epoch), node,
                          to_flat(update.shard), to_flat(update.address),
                          static_cast<std::uint8_t>(update.status));
        break;
    }
  }
  MemberVectors vectors;
  if (!v4.empty()) vectors.v4 = builder.CreateVectorOfStructs(v4);
  if (!brief.empty()) vectors.brief = builder.CreateVectorOfStructs(brief);
  if (!wide.empty()) vectors.wide = builder.CreateVectorOfStructs(wide);
  const bool one_form =
      v4.size() == forms.size() || brief.size() == forms.size() || wide.size() == forms.size();
  if (!one_form) vectors.forms = builder.CreateVector(forms);
  const bool observed = std::any_of(observers.begin(), observers.end(), [](auto bits) { return bits != 0; });
  if (observed) vectors.observers = builder.CreateVector(observers);
  return vectors;
}

flatbuffers::Offset<fbs::Members> add_members(flatbuffers::FlatBufferBuilder& builder,
                                              const std::vector<swim::MemberUpdate>& members) {
  const MemberVectors vectors = add_updates(builder, members);
  return fbs::CreateMembers(builder, vectors.v4, vectors.brief, vectors.wide, vectors.forms,
                            vectors.observers);
}

namespace {
// Absent (nobody's own observation) or exactly one for each suspect.
bool take_observers(const flatbuffers::Vector<std::uint32_t>* observers,
                    std::vector<swim::MemberUpdate>& updates) {
  if (observers == nullptr) return true;
  flatbuffers::uoffset_t next = 0;
  for (auto& update : updates) {
    if (update.status != swim::Status::suspect) continue;
    if (next == observers->size()) return false;
    update.observers = observers->Get(next++);
  }
  return next == observers->size();
}
}  // namespace

bool updates_from_flat(const MemberVectorsView& view, std::vector<swim::MemberUpdate>& updates) {
  const std::size_t v4_count = size_of(view.v4), brief_count = size_of(view.brief),
                    wide_count = size_of(view.wide);
  const std::size_t count = v4_count + brief_count + wide_count;
  if (count > updates_max) return false;
  const bool one_form = v4_count == count || brief_count == count || wide_count == count;
  if (view.forms == nullptr ? !one_form : view.forms->size() != count) return false;
  updates.reserve(count);
  flatbuffers::uoffset_t v4 = 0, brief = 0, wide = 0;
  const auto only = v4_count > 0 ? MemberForm::v4 : brief_count > 0 ? MemberForm::brief : MemberForm::wide;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<flatbuffers::uoffset_t>(i);
    const auto form = view.forms == nullptr ? only : static_cast<MemberForm>(view.forms->Get(at));
    bool good = false;
    switch (form) {
      case MemberForm::v4: good = take(view.v4, v4, updates); break;
      case MemberForm::brief: good = take(view.brief, brief, updates); break;
      case MemberForm::wide: good = take(view.wide, wide, updates); break;
    }
    if (!good) return false;
  }
  return take_observers(view.observers, updates);
}

bool members_from_flat(const fbs::Members* flat, std::vector<swim::MemberUpdate>& members) {
  return flat == nullptr ||
         updates_from_flat({flat->v4(), flat->brief(), flat->wide(), flat->forms(), flat->observers()},
                           members);
}

bool status_from_flat(std::uint8_t flat, swim::Status& status) {
  if (flat > static_cast<std::uint8_t>(swim::Status::forgotten)) return false;
  status = static_cast<swim::Status>(flat);
  return true;
}

}  // namespace vswim::wire
