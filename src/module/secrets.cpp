#include "module/secrets.hpp"

#include <algorithm>

#include "module/arguments.hpp"

namespace vswim::module {

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const auto line : split_words(text, "\r\n")) {
    const auto in_line = split_words(line, " \t");
    if (in_line.empty() || in_line.front().front() == '#') continue;
    for (const auto word : in_line) words.emplace_back(word);
  }
  return words;
}

}  // namespace

bool Secrets::set(std::string_view text, std::string& error) {
  Secrets fresh;
  std::vector<seal::KeyId> installed;
  if (!fresh.install(text, installed, error)) return false;
  *this = std::move(fresh);
  return true;
}

std::string Secrets::text() const {
  std::string text;
  for (const auto& word : words_) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool Secrets::install(std::string_view text, std::vector<seal::KeyId>& installed, std::string& error) {
  auto words = words_;
  auto keyring = keyring_;
  for (auto& word : words_of(text)) {
    const auto secret = seal::Secret::of(word, error);
    if (!secret) return false;
    if (keyring.find(secret->id) != nullptr) continue;
    if (!keyring.install(*secret, error)) return false;
    installed.push_back(secret->id);
    words.push_back(std::move(word));
  }
  words_ = std::move(words);
  keyring_ = std::move(keyring);
  return true;
}

bool Secrets::use(const seal::KeyId& id, std::string& error) {
  const auto place = static_cast<std::ptrdiff_t>(keyring_.place_of(id));
  if (!keyring_.use(id, error)) return false;
  std::rotate(words_.begin(), words_.begin() + place, words_.begin() + place + 1);
  return true;
}

bool Secrets::remove(const seal::KeyId& id, std::string& error) {
  const auto place = static_cast<std::ptrdiff_t>(keyring_.place_of(id));
  if (!keyring_.remove(id, error)) return false;
  seal::wipe(words_[static_cast<std::size_t>(place)]);
  words_.erase(words_.begin() + place);
  return true;
}

}  // namespace vswim::module
