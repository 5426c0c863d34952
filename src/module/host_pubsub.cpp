// The part of the host that carries published messages between nodes and parts with subscribers of lost
// slots.
#include <utility>

#include "module/command_keys.hpp"
#include "module/host.hpp"

namespace vswim::module {
namespace {
constexpr std::size_t heard_max = 10'000;  // while CLIENT PAUSE forbids what is replicated
}  // namespace

int Host::publish_command(Ctx* ctx, String** arguments, int count) {
  const int flags = api_.GetContextFlags(ctx);
  ClientState* client = clients_.find(run_as_.client_of(ctx));
  const bool queued = (flags & (context_flag::multi | context_flag::script)) != 0;
  const bool named = client && std::exchange(client->acting, false);
  const bool asking = client && std::exchange(client->asking, false);
  if (count < 2 || !(named || queued))
    return api_.ReplyWithError(ctx, "ERR swim.publish is used by this module only");
  String** words = arguments + 1;
  --count;
  const Command* command = run_as_.find(words, count);
  if (!command || !is_publish(*command))
    return api_.ReplyWithError(ctx, "ERR swim.publish is used by this module only");
  if (queued) {  // the script, or EXEC, was judged as a whole
    const Reply reply(api_, run_as_.execute(ctx, words, count));
    return reply.get() ? api_.ReplyWithCallReply(ctx, reply.get())
                       : api_.ReplyWithError(ctx, "ERR the message could not be published");
  }
  client->vouched = true;
  run_as_.answer(ctx, words, count, asking);
  return api_ok;
}

void Host::on_published(String** words) {
  if (!node_) return;
  const bool shard = !equal_ignoring_case(api_.text(words[0]), "publish");
  const bool streams = core_.routing().primary_here && !situation_.native_replica;
  const auto copies = audience_.copies(core_.routing(), shard, streams);
  if (copies.empty()) return;
  Published published{shard, false, std::string(api_.text(words[1])), std::string(api_.text(words[2]))};
  if (published.channel.size() + published.message.size() > published_bytes_max) {
    if (!std::exchange(told_of_long_, true))
      log_.warning("messages of more than 255 KiB are published in the shard only (said once)");
    return;
  }
  for (const auto& copy : copies) {
    published.replicate = copy.replicate;
    node_->submit(contract::SendToCore{copy.to, encode_published(published)});
  }
}

void Host::hear(const contract::Event& event) {
  if (const auto* membership = std::get_if<contract::MembershipChanged>(&event))
    return audience_.set(*membership);
  const auto* received = std::get_if<contract::ReceivedFromCore>(&event);
  if (!received || !is_published(received->bytes) || !audience_.knows(received->from)) return;
  auto published = decode_published(received->bytes);
  if (!published || heard_.size() >= heard_max) {
    ++published_dropped_;
    return;
  }
  heard_.push_back(std::move(*published));
}

// Without the mark for replication a call stays on this node. What is no primary's to replicate does, too.
void Host::deliver() {
  if (heard_.empty() || situation_.loading) return;
  const bool leased =
      core::decide_keyless_write(core_.routing(), runtime::boottime_now(), false) == core::Decision::serve;
  if (run_as_.writes_are_paused()) return;
  for (const Published& published : std::exchange(heard_, {})) {
    const bool replicates = published.replicate && leased && !situation_.native_replica;
    const Reply reply(api_,
                      api_.Call(ctx_, published.shard ? "SPUBLISH" : "PUBLISH", replicates ? "!bb" : "bb",
                                published.channel.data(), published.channel.size(), published.message.data(),
                                published.message.size()));
  }
}

void Host::part_with_subscribers() {
  const auto& table = core_.routing();
  auto& subscribers = filter_.shard_subscribers();
  if (subscribers.empty() || subscribers_builds_ == table.builds) return;
  subscribers_builds_ = table.builds;
  for (const std::uint64_t client : subscribers.take_lost(table))
    api_.DeauthenticateAndCloseClient(ctx_, client);
}

}  // namespace vswim::module
