#include "module/script_flags.hpp"

#include <utility>

#include "module/arguments.hpp"

namespace vswim::module {
namespace {

void add_flag(ScriptTraits& traits, std::string_view flag) {
  if (flag == "no-cluster") traits.no_cluster = true;
  if (flag == "no-writes") traits.no_writes = true;
  if (flag == "allow-cross-slot-keys") traits.several_slots = true;
}

std::size_t size(const Api& api, CallReply* reply) {
  if (!reply) return 0;
  const int type = api.CallReplyType(reply);
  return type == reply_type::array || type == reply_type::set ? api.CallReplyLength(reply) : 0;
}

// RESP2 maps are flat arrays of name, value.
CallReply* field(const Api& api, CallReply* map, std::string_view name) {
  for (std::size_t i = 0; i + 1 < size(api, map); i += 2) {
    if (api.text(api.CallReplyArrayElement(map, i)) == name) return api.CallReplyArrayElement(map, i + 1);
  }
  return nullptr;
}

}  // namespace

ScriptTraits traits_of_text(std::string_view script) {
  ScriptTraits traits;
  if (!script.starts_with("#!")) return traits;
  traits.declares = true;
  traits.several_slots = false;
  for (const std::string_view word : split_words(script.substr(0, script.find('\n')), " \r")) {
    if (!word.starts_with("flags=")) continue;
    for (const std::string_view flag : split_words(word.substr(6), ",")) add_flag(traits, flag);
  }
  return traits;
}

ScriptTraits ScriptFlags::of(const Command& command, std::string_view subject) {
  if (command.name.starts_with("fcall")) return of_function(subject);
  if (command.name.starts_with("evalsha")) return of_digest(subject);
  return traits_of_text(subject);
}

// A digest names one text for ever; one that the server does not know is not remembered.
ScriptTraits ScriptFlags::of_digest(std::string_view digest) {
  std::string lower(digest);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (const auto known = digests_.find(lower); known != digests_.end()) return known->second;
  const Reply shown(api_, api_.Call(ctx_, "SCRIPT", "ccE", "SHOW", lower.c_str()));
  if (shown.failed()) return {};
  const ScriptTraits traits = traits_of_text(shown.text());
  if (digests_.size() >= digests_max) digests_.clear();
  digests_.emplace(std::move(lower), traits);
  return traits;
}

ScriptTraits ScriptFlags::of_function(std::string_view name) {
  auto known = functions_.find(std::string(name));
  if (!functions_known_ || known == functions_.end()) {
    read_functions();
    known = functions_.find(std::string(name));
  }
  return known == functions_.end() ? ScriptTraits{} : known->second;
}

void ScriptFlags::read_functions() {
  functions_.clear();
  functions_known_ = true;
  const Reply libraries(api_, api_.Call(ctx_, "FUNCTION", "cE", "LIST"));
  if (libraries.failed()) return;
  for (std::size_t i = 0; i < size(api_, libraries.get()); ++i) {
    CallReply* functions = field(api_, api_.CallReplyArrayElement(libraries.get(), i), "functions");
    for (std::size_t j = 0; j < size(api_, functions); ++j) {
      CallReply* function = api_.CallReplyArrayElement(functions, j);
      ScriptTraits traits{.declares = true, .several_slots = false};
      CallReply* flags = field(api_, function, "flags");
      for (std::size_t k = 0; k < size(api_, flags); ++k)
        add_flag(traits, api_.text(api_.CallReplyArrayElement(flags, k)));
      functions_.insert_or_assign(std::string(api_.text(field(api_, function, "name"))), traits);
    }
  }
}

}  // namespace vswim::module
