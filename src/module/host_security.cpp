// The part of the host that keeps strangers out: where the secrets come from, the keyring commands, and the
// policy for peers without a secret.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "module/default_user.hpp"
#include "module/host.hpp"

namespace vswim::module {

namespace {

constexpr Duration policy_interval = seconds(1);

}  // namespace

SecretFile Host::read_secret_file() const {
  SecretFile file;
  if (own_.secret_file.empty()) return file;
  std::ifstream in(own_.secret_file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    file.error = "swim.secret-file " + own_.secret_file + " cannot be read, or is empty";
  } else {
    file.text = text.str();
  }
  return file;
}

bool Host::load_secrets(std::string& error) {
  if (const auto file = read_secret_file(); !file.error.empty()) {
    error = file.error;
    return false;
  } else if (file.text) {
    if (!own_.secrets.empty()) {
      error = "both swim.secret and swim.secret-file are set: only one of them may be";
      return false;
    }
    if (!own_.secrets.set(*file.text, error)) {
      error = "swim.secret-file " + own_.secret_file + ": " + error;
      return false;
    }
    if (own_.secrets.empty()) {
      error =
          "swim.secret-file " + own_.secret_file + " holds no secret; make one with: openssl rand -hex 32";
      return false;
    }
    struct stat status {};
    if (::stat(own_.secret_file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
      log_.warning("swim.secret-file " + own_.secret_file + " can be read by others: chmod 600");
  }
  loopback_only_ = keeps_to_this_machine();
  if (own_.secrets.empty()) {
    log_.warning("NO CLUSTER SECRET: whoever reaches the cluster bus, UDP and TCP port " +
                 std::to_string(bus_port_) +
                 ", can join this cluster, read its traffic and take it over. Give every node the same "
                 "swim.secret-file (docs/security.md).");
  }
  if (loopback_only_) {
    log_.warning(
        "protected mode, no password and no cluster secret: the cluster bus talks to nodes on this machine "
        "only");
  }
  return true;
}

// As the server's own protected mode asks.
bool Host::keeps_to_this_machine() const {
  return own_.secrets.empty() && server_.yes("protected-mode") &&
         default_user_has_no_password(api_, ctx_).value_or(true);
}

void Host::apply_keyring() {
  const auto& keyring = own_.secrets.keyring();
  if (const auto ids = keyring.ids_text(); ids != applied_keys_) {
    if (!applied_keys_.empty()) {
      node_->set_keyring(keyring);
      log_.notice("keyring: in use and installed " + ids);
    } else {
      log_.notice("cluster bus sealed, key in use " + keyring.in_use().id.hex());
    }
    applied_keys_ = ids;
    keyrings_.set_own(ids);
    loop_.wake();
  }
}

void Host::apply_peer_policy() {
  next_policy_check_ = runtime::boottime_now() + policy_interval;
  if (!node_ || !own_.secrets.empty()) return;
  const bool only = keeps_to_this_machine();
  if (only == loopback_only_) return;
  loopback_only_ = only;
  node_->set_loopback_only(only);
  log_.warning(only ? "protected mode: the cluster bus talks to nodes on this machine only"
                    : "the cluster bus talks to every node that reaches it, without a cluster secret");
}

int Host::keyring_command(Ctx* ctx, String** arguments, int count) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) words.emplace_back(api_.text(arguments[i]));
  const auto answer =
      module::keyring_command(words, own_.secrets, keyrings_, [this] { return read_secret_file(); });
  if (!answer.note.empty()) log_.notice(answer.note);
  if (answer.changed) {
    apply_keyring();
    if (!own_.secret_file.empty())
      log_.notice(
          "keyring: swim.secret-file is read at the next start; its first line is the secret in use then");
  }
  send_reply(api_, ctx, answer.reply);
  return api_ok;
}

}  // namespace vswim::module
