// The cluster secrets as the operator gives them: the swim.secret setting, or the lines of swim.secret-file;
// the first is in use. Pure: text in, a keyring and text out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "seal/keyring.hpp"

namespace vswim::module {

class Secrets {
 public:
  // Words separated by spaces or line ends; a line that begins with # is a remark. False, nothing changed,
  // and a sentence that names no secret. No words: no secret.
  bool set(std::string_view text, std::string& error);
  std::string text() const;  // for CONFIG GET and REWRITE
  bool empty() const { return words_.empty(); }
  const seal::Keyring& keyring() const { return keyring_; }

  // What of `text` is not there yet is installed behind what is; `installed` gets their ids.
  bool install(std::string_view text, std::vector<seal::KeyId>& installed, std::string& error);
  bool use(const seal::KeyId& id, std::string& error);
  bool remove(const seal::KeyId& id, std::string& error);

 private:
  std::vector<std::string> words_;  // in the order of the keyring
  seal::Keyring keyring_;
};

}  // namespace vswim::module
