#include "wire/register_codec.hpp"

#include <unordered_map>

namespace vswim::wire {

namespace {

constexpr std::size_t register_bytes_min = 16;  // its reference, its table and an empty key

bool register_from_flat(const fbs::Register* flat, Budget& budget,
                        const flatbuffers::Vector<const fbs::Id20*>* writers, contract::Register& into) {
  if (flat == nullptr || flat->key() == nullptr || flat->key()->size() > key_bytes_max) return false;
  if (flat->value() != nullptr && flat->value()->size() > value_bytes_max) return false;
  const std::size_t value_bytes = flat->value() == nullptr ? 0 : flat->value()->size();
  if (!budget.take(register_bytes_min + flat->key()->size() + value_bytes)) return false;
  if (writers == nullptr || flat->writer() >= writers->size()) return false;
  into.key = to_string(flat->key());
  if (flat->value() != nullptr) into.value = to_string(flat->value());
  into.revision = {flat->major(), flat->minor(), from_flat<NodeId>(*writers->Get(flat->writer()))};
  return true;
}

}  // namespace

flatbuffers::Offset<fbs::Registers> add_registers(flatbuffers::FlatBufferBuilder& builder,
                                                  const std::vector<contract::Register>& registers) {
  std::vector<fbs::Id20> writers;
  std::unordered_map<NodeId, std::uint32_t> writer_index;
  std::vector<flatbuffers::Offset<fbs::Register>> offsets;
  offsets.reserve(registers.size());
  for (const auto& entry : registers) {
    const auto found =
        writer_index.emplace(entry.revision.writer, static_cast<std::uint32_t>(writers.size()));
    if (found.second) writers.push_back(to_flat(entry.revision.writer));
    const auto key = add_bytes(builder, entry.key);
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> value;
    if (entry.value) value = add_bytes(builder, *entry.value);
    offsets.push_back(fbs::CreateRegister(builder, key, value, entry.revision.major, entry.revision.minor,
                                          found.first->second));
  }
  const auto list = builder.CreateVector(offsets);
  const auto writer_list = builder.CreateVectorOfStructs(writers);
  return fbs::CreateRegisters(builder, list, writer_list);
}

bool registers_from_flat(const fbs::Registers* flat, Budget& budget,
                         std::vector<contract::Register>& registers) {
  if (flat == nullptr || flat->registers() == nullptr) return true;
  const auto& list = *flat->registers();
  if (list.size() > registers_max || !budget.take(sizeof(flatbuffers::uoffset_t))) return false;
  registers.reserve(list.size());
  for (flatbuffers::uoffset_t i = 0; i < list.size(); ++i) {
    registers.emplace_back();
    if (!register_from_flat(list.Get(i), budget, flat->writers(), registers.back())) return false;
  }
  return true;
}

}  // namespace vswim::wire
