#include "runtime/seed_resolver.hpp"

#include <netdb.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "runtime/sockaddr.hpp"

namespace vswim::runtime {

namespace {

void resolve_name(const std::string& name, std::uint16_t port, std::vector<Address>& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return;
  for (auto* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, entry->ai_addr, entry->ai_addrlen);
    auto address = from_kernel(storage);
    address.port = port;
    found.push_back(address);
  }
  ::freeaddrinfo(list);
}

std::vector<Address> resolve_all(const SeedResolver::Seeds& seeds) {
  std::vector<Address> found;
  for (const auto& [host, port] : seeds) {
    if (const auto numeric = Address::parse(host, port)) {
      found.push_back(*numeric);
    } else {
      resolve_name(host, port, found);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace

SeedResolver::SeedResolver(Seeds seeds) : seeds_(std::move(seeds)) {
  names_ = std::any_of(seeds_.begin(), seeds_.end(),
                       [](const auto& seed) { return !Address::parse(seed.first, seed.second); });
}

void SeedResolver::start() {
  if (running_ || seeds_.empty()) return;
  if (!names_) {
    ready_ = resolve_all(seeds_);
    return;
  }
  std::packaged_task<std::vector<Address>()> task([seeds = seeds_] { return resolve_all(seeds); });
  running_ = task.get_future();
  std::thread(std::move(task)).detach();
}

std::optional<std::vector<Address>> SeedResolver::poll() {
  if (running_ && running_->wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    ready_ = running_->get();
    running_.reset();
  }
  return std::exchange(ready_, std::nullopt);
}

}  // namespace vswim::runtime
