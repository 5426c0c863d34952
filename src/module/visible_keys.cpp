#include "module/visible_keys.hpp"

#include <string>
#include <vector>

#include "module/command_keys.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

unsigned long long VisibleKeys::size() const {
  unsigned long long hidden = 0;
  for (std::size_t slot = 0; slot < core::slot_count; ++slot) {
    if (copies_[slot]) hidden += counts_.keys[slot];
  }
  return api_.DbSize(ctx_) - hidden;
}

int VisibleKeys::run(String** arguments, int count) {
  if (count < 1) return api_.WrongArity(ctx_);
  const std::string name(api_.text(arguments[0]));
  const Reply reply(api_,
                    api_.Call(ctx_, name.c_str(), "vE", arguments + 1, static_cast<std::size_t>(count - 1)));
  if (!reply.get()) return api_.ReplyWithError(ctx_, "ERR the command could not be run");
  if (reply.failed()) return api_.ReplyWithCallReply(ctx_, reply.get());
  if (equal_ignoring_case(name, "dbsize"))
    return api_.ReplyWithLongLong(ctx_, static_cast<long long>(size()));
  if (equal_ignoring_case(name, "keys")) return reply_with_keys(reply.get());
  if (equal_ignoring_case(name, "scan")) return scan(arguments, count, reply.get());
  if (!equal_ignoring_case(name, "randomkey"))
    return api_.ReplyWithError(ctx_, "ERR swim.keyspace is used by this module only");
  if (api_.CallReplyType(reply.get()) == reply_type::string && visible(reply.text()))
    return api_.ReplyWithCallReply(ctx_, reply.get());
  return reply_with_any();
}

// The cursor; the page's keys that are to be seen go to `keys`.
std::string VisibleKeys::add_page(CallReply* page, std::vector<std::string>& keys) const {
  CallReply* names = api_.CallReplyArrayElement(page, 1);
  for (std::size_t i = 0; i < api_.CallReplyLength(names); ++i) {
    const std::string_view key = api_.text(api_.CallReplyArrayElement(names, i));
    if (visible(key)) keys.emplace_back(key);
  }
  return std::string(api_.text(api_.CallReplyArrayElement(page, 0)));
}

// What is hidden is passed over in longer steps: clients end when a page is full, or at the end.
int VisibleKeys::scan(String** arguments, int count, CallReply* first) {
  constexpr std::size_t full_page = 10;  // SCAN's own COUNT
  constexpr int steps_max = 5;           // of 1 000 keys: a millisecond or two
  std::vector<std::string> keys;
  std::string cursor = add_page(first, keys);
  String* word = api_.make("COUNT");
  String* value = api_.make("1000");
  for (int i = 0; i < steps_max && cursor != "0" && keys.size() < full_page; ++i) {
    String* at = api_.make(cursor);
    std::vector<String*> words(arguments + 1, arguments + count);
    words[0] = at;
    words.insert(words.end(), {word, value});
    const Reply reply(api_, api_.Call(ctx_, "SCAN", "vE", words.data(), words.size()));
    api_.FreeString(nullptr, at);
    if (reply.failed()) break;
    cursor = add_page(reply.get(), keys);
  }
  api_.FreeString(nullptr, word);
  api_.FreeString(nullptr, value);
  api_.ReplyWithArray(ctx_, 2);
  api_.ReplyWithStringBuffer(ctx_, cursor.data(), cursor.size());
  api_.ReplyWithArray(ctx_, static_cast<long>(keys.size()));
  for (const std::string& key : keys) api_.ReplyWithStringBuffer(ctx_, key.data(), key.size());
  return api_ok;
}

int VisibleKeys::reply_with_keys(CallReply* keys) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < api_.CallReplyLength(keys); ++i) {
    const std::string_view key = api_.text(api_.CallReplyArrayElement(keys, i));
    if (visible(key)) names.push_back(key);
  }
  api_.ReplyWithArray(ctx_, static_cast<long>(names.size()));
  for (const std::string_view key : names) api_.ReplyWithStringBuffer(ctx_, key.data(), key.size());
  return api_ok;
}

// A few draws more, then the first one that a scan meets: random enough for as long as a copy is here.
int VisibleKeys::reply_with_any() {
  if (size() == 0) return api_.ReplyWithNull(ctx_);
  constexpr int draws = 20, scan_step = 1'000;
  for (int i = 0; i < draws; ++i) {
    const Reply reply(api_, api_.Call(ctx_, "RANDOMKEY", ""));
    if (!reply.failed() && api_.CallReplyType(reply.get()) == reply_type::string && visible(reply.text()))
      return api_.ReplyWithCallReply(ctx_, reply.get());
  }
  std::string found;
  KeyScan scan(api_);
  bool over = false;
  while (found.empty() && !over) {
    over = scan.step(ctx_, scan_step, [&](std::string_view key) {
      if (found.empty() && visible(key)) found = key;
    });
  }
  return found.empty() ? api_.ReplyWithNull(ctx_)
                       : api_.ReplyWithStringBuffer(ctx_, found.data(), found.size());
}

}  // namespace vswim::module
