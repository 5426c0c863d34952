// The arguments of a command as the filter's parts read them, in place. Only for the files of the filter.
#pragma once

#include "module/command_keys.hpp"
#include "module/filter.hpp"

namespace vswim::module {

struct Filter::Arguments {
  const Api& api;
  FilterCtx* filter;
  int count;
  String** list = nullptr;  // instead of the filter's, for commands that this module runs

  std::size_t size() const { return static_cast<std::size_t>(count); }
  String* at(int i) const { return list ? list[i] : api.CommandFilterArgGet(filter, i); }
  std::string_view operator[](int i) const { return api.text(at(i)); }
};

template <class Visit>
void Filter::visit_keys_by_server(const Arguments& arguments, Visit visit) {
  argument_list_.clear();
  for (int i = 0; i < arguments.count; ++i) argument_list_.push_back(arguments.at(i));
  int count = 0;
  int* flags = nullptr;
  int* keys = api_.GetCommandKeysWithFlags(ctx_, argument_list_.data(), arguments.count, &count, &flags);
  for (int i = 0; keys && i < count; ++i) visit(keys[i]);
  if (keys) api_.Free(keys);
  if (flags) api_.Free(flags);
}

}  // namespace vswim::module
