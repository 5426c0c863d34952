// The server's module API as this project uses it: every function bound by name when the module is loaded, so
// one library runs on every release from 8.0 on. Functions of the optional list may be null: test before use.
// Signatures and constants follow the API's documentation; layouts are the ones the server passes by pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vswim::module {

struct Ctx;  // opaque to modules
struct String;
struct CallReply;
struct Key;
struct FilterCtx;
class Filter;
struct InfoCtx;
struct BlockedClient;
struct User;
struct ScanCursor;
struct ServerCommand;

constexpr int api_ok = 0;
constexpr int api_err = 1;
constexpr int api_version = 1;

struct ServerEvent {
  std::uint64_t id;
  std::uint64_t data_version;
};
namespace event {
constexpr ServerEvent role_changed{0, 1}, flush_db{2, 1}, loading{3, 1}, client_change{4, 1}, shutdown{5, 1},
    replica_change{6, 1}, primary_link_change{7, 1}, event_loop{15, 1}, config{16, 1}, key{17, 1},
    command_succeeded{20, 1}, command_failed{21, 1};
constexpr std::uint64_t loading_rdb_start = 0, loading_aof_start = 1, loading_replica_start = 2,
                        loading_ended = 3, loading_failed = 4;
constexpr std::uint64_t client_connected = 0, client_disconnected = 1;
constexpr std::uint64_t flush_start = 0, flush_end = 1;
constexpr std::uint64_t before_sleep = 0, after_sleep = 1;
constexpr std::uint64_t key_deleted = 0, key_expired = 1, key_evicted = 2, key_overwritten = 3;
}  // namespace event

struct ClientInfo {
  std::uint64_t version = 1;
  std::uint64_t flags = 0;
  std::uint64_t id = 0;
  char address[46] = {};
  std::uint16_t port = 0;
  std::uint16_t database = 0;

  bool ipv6() const { return std::string_view(address).find(':') != std::string_view::npos; }
};
constexpr std::uint64_t client_flag_tls = 1U << 0, client_flag_pubsub = 1U << 1,
                        client_flag_blocked = 1U << 2, client_flag_tracking = 1U << 3,
                        client_flag_multi = 1U << 5;

struct FlushInfo {
  std::uint64_t version;
  std::int32_t sync;
  std::int32_t database;  // -1: all of them
};
struct CommandResult {
  std::uint64_t version;
  const char* name;  // "config|resetstat"
  long long duration_us;
  long long dirty;
  std::uint64_t client_id;
  int is_module_client;  // a Call
  int count;
  String** words;
  const char* rejection;
};
struct KeyInfo {
  std::uint64_t version;
  Key* key;
};

namespace context_flag {
constexpr int script = 1 << 0, multi = 1 << 1, primary = 1 << 2, replica = 1 << 3, cluster = 1 << 5,
              loading = 1 << 13, deny_blocking = 1 << 21, resp3 = 1 << 22, server_startup = 1 << 24;
}
namespace notify {
constexpr int generic = 1 << 2, string = 1 << 3, list = 1 << 4, set = 1 << 5, hash = 1 << 6, zset = 1 << 7,
              expired = 1 << 8, evicted = 1 << 9, stream = 1 << 10, loaded = 1 << 12, module = 1 << 13,
              new_key = 1 << 14;
constexpr int writes = generic | string | list | set | hash | zset | expired | evicted | stream | module;
}  // namespace notify
namespace reply_type {
constexpr int unknown = -1, string = 0, error = 1, integer = 2, array = 3, null = 4, map = 5, set = 6,
              promise = 12;
}
namespace config_flag {
constexpr unsigned immutable = 1U << 0;
}
namespace open_key {
constexpr int read = 1 << 0, no_touch = 1 << 16, no_notify = 1 << 17, no_stats = 1 << 18, no_expire = 1 << 19;
}
constexpr int filter_no_self = 1 << 0;  // not called for this module's own Calls
constexpr int loop_readable = 1;        // EventLoopAdd
constexpr std::uint64_t aof_client_id = UINT64_MAX;

using CommandFunction = int (*)(Ctx*, String**, int);
using EventFunction = void (*)(Ctx*, ServerEvent, std::uint64_t, void*);
using NotificationFunction = int (*)(Ctx*, int, const char*, String*);
using FilterFunction = void (*)(FilterCtx*);
using InfoFunction = void (*)(InfoCtx*, int);
using LoopFunction = void (*)(int, void*, int);
using DisconnectFunction = void (*)(Ctx*, BlockedClient*);
using ScanFunction = void (*)(Ctx*, String*, Key*, void*);
using FreeFunction = void (*)(Ctx*, void*);
using TimerFunction = void (*)(Ctx*, void*);
using UnblockedFunction = void (*)(Ctx*, CallReply*, void*);
using GetNumber = long long (*)(const char*, void*);
using SetNumber = int (*)(const char*, long long, void*, String**);
using GetText = String* (*)(const char*, void*);
using SetText = int (*)(const char*, String*, void*, String**);
using ApplyFunction = int (*)(Ctx*, void*, String**);

// X(result, name, parameters)
#define VSWIM_API_REQUIRED(X)                                                                           \
  X(void, SetModuleAttribs, (Ctx*, const char*, int, int))                                              \
  X(int, IsModuleNameBusy, (const char*))                                                               \
  X(int, CreateCommand, (Ctx*, const char*, CommandFunction, const char*, int, int, int))               \
  X(void, Free, (void*))                                                                                \
  X(int, GetContextFlags, (Ctx*))                                                                       \
  X(int, GetSelectedDb, (Ctx*))                                                                         \
  X(unsigned long long, DbSize, (Ctx*))                                                                 \
  X(unsigned long long, GetClientId, (Ctx*))                                                            \
  X(int, GetClientInfoById, (void*, std::uint64_t))                                                     \
  X(String*, GetClientUserNameById, (Ctx*, std::uint64_t))                                              \
  X(int, DeauthenticateAndCloseClient, (Ctx*, std::uint64_t))                                           \
  X(Ctx*, GetDetachedThreadSafeContext, (Ctx*))                                                         \
  X(Ctx*, GetThreadSafeContext, (BlockedClient*))                                                       \
  X(void, FreeThreadSafeContext, (Ctx*))                                                                \
  X(std::uint64_t, CreateTimer, (Ctx*, long long, TimerFunction, void*))                                \
  X(User*, GetModuleUserFromUserName, (String*))                                                        \
  X(int, FreeModuleUser, (User*))                                                                       \
  X(int, SetContextUser, (Ctx*, const User*))                                                           \
  X(int, KeyExists, (Ctx*, String*))                                                                    \
  X(Key*, OpenKey, (Ctx*, String*, int))                                                                \
  X(int, KeyType, (Key*))                                                                               \
  X(long long, GetExpire, (Key*))                                                                       \
  X(void, CloseKey, (Key*))                                                                             \
  X(const String*, GetKeyNameFromModuleKey, (Key*))                                                     \
  X(String*, CreateString, (Ctx*, const char*, std::size_t))                                            \
  X(void, FreeString, (Ctx*, String*))                                                                  \
  X(String*, HoldString, (Ctx*, String*))                                                               \
  X(const char*, StringPtrLen, (const String*, std::size_t*))                                           \
  X(int, WrongArity, (Ctx*))                                                                            \
  X(int, ReplyWithError, (Ctx*, const char*))                                                           \
  X(int, ReplyWithSimpleString, (Ctx*, const char*))                                                    \
  X(int, ReplyWithLongLong, (Ctx*, long long))                                                          \
  X(int, ReplyWithArray, (Ctx*, long))                                                                  \
  X(int, ReplyWithMap, (Ctx*, long))                                                                    \
  X(int, ReplyWithNull, (Ctx*))                                                                         \
  X(int, ReplyWithNullArray, (Ctx*))                                                                    \
  X(int, ReplyWithStringBuffer, (Ctx*, const char*, std::size_t))                                       \
  X(int, ReplyWithVerbatimString, (Ctx*, const char*, std::size_t))                                     \
  X(int, ReplyWithCallReply, (Ctx*, CallReply*))                                                        \
  X(CallReply*, Call, (Ctx*, const char*, const char*, ...))                                            \
  X(void, FreeCallReply, (CallReply*))                                                                  \
  X(int, CallReplyType, (CallReply*))                                                                   \
  X(long long, CallReplyInteger, (CallReply*))                                                          \
  X(std::size_t, CallReplyLength, (CallReply*))                                                         \
  X(CallReply*, CallReplyArrayElement, (CallReply*, std::size_t))                                       \
  X(const char*, CallReplyStringPtr, (CallReply*, std::size_t*))                                        \
  X(const char*, CallReplyProto, (CallReply*, std::size_t*))                                            \
  X(void, CallReplyPromiseSetUnblockHandler, (CallReply*, UnblockedFunction, void*))                    \
  X(int, CallReplyPromiseAbort, (CallReply*, void**))                                                   \
  X(int, SubscribeToServerEvent, (Ctx*, ServerEvent, EventFunction))                                    \
  X(int, SubscribeToKeyspaceEvents, (Ctx*, int, NotificationFunction))                                  \
  X(Filter*, RegisterCommandFilter, (Ctx*, FilterFunction, int))                                        \
  X(int, CommandFilterArgsCount, (FilterCtx*))                                                          \
  X(String*, CommandFilterArgGet, (FilterCtx*, int))                                                    \
  X(int, CommandFilterArgInsert, (FilterCtx*, int, String*))                                            \
  X(int, CommandFilterArgReplace, (FilterCtx*, int, String*))                                           \
  X(int, CommandFilterArgDelete, (FilterCtx*, int))                                                     \
  X(unsigned long long, CommandFilterGetClientId, (FilterCtx*))                                         \
  X(int*, GetCommandKeysWithFlags, (Ctx*, String**, int, int*, int**))                                  \
  X(BlockedClient*, BlockClient, (Ctx*, CommandFunction, CommandFunction, FreeFunction, long long))     \
  X(int, UnblockClient, (BlockedClient*, void*))                                                        \
  X(void*, GetBlockedClientPrivateData, (Ctx*))                                                         \
  X(BlockedClient*, GetBlockedClientHandle, (Ctx*))                                                     \
  X(void, SetDisconnectCallback, (BlockedClient*, DisconnectFunction))                                  \
  X(int, RegisterInfoFunc, (Ctx*, InfoFunction))                                                        \
  X(int, InfoAddSection, (InfoCtx*, const char*))                                                       \
  X(int, InfoAddFieldCString, (InfoCtx*, const char*, const char*))                                     \
  X(int, InfoAddFieldULongLong, (InfoCtx*, const char*, unsigned long long))                            \
  X(ScanCursor*, ScanCursorCreate, ())                                                                  \
  X(void, ScanCursorDestroy, (ScanCursor*))                                                             \
  X(int, Scan, (Ctx*, ScanCursor*, ScanFunction, void*))                                                \
  X(int, EventLoopAdd, (int, int, LoopFunction, void*))                                                 \
  X(void, Log, (Ctx*, const char*, const char*, ...))                                                   \
  X(int, RegisterNumericConfig,                                                                         \
    (Ctx*, const char*, long long, unsigned, long long, long long, GetNumber, SetNumber, ApplyFunction, \
     void*))                                                                                            \
  X(int, RegisterStringConfig,                                                                          \
    (Ctx*, const char*, const char*, unsigned, GetText, SetText, ApplyFunction, void*))                 \
  X(int, LoadConfigs, (Ctx*))

#define VSWIM_API_OPTIONAL(X)                                    \
  X(ServerCommand*, GetCommand, (Ctx*, const char*))             \
  X(int, SetCommandACLCategories, (ServerCommand*, const char*)) \
  X(int, AvoidReplicaTraffic, ())                                \
  X(int, ExportSharedAPI, (Ctx*, const char*, void*))            \
  X(int, GetServerVersion, ())                                   \
  X(void*, RegisterClusterProvider, ())

struct Api {
#define VSWIM_DECLARE(result, name, parameters) result(*name) parameters = nullptr;
  VSWIM_API_REQUIRED(VSWIM_DECLARE)
  VSWIM_API_OPTIONAL(VSWIM_DECLARE)
#undef VSWIM_DECLARE

  // Binds everything by name; false and the first missing name when the server lacks a required function.
  bool bind(Ctx* ctx, std::string& missing);

  std::string_view text(const String* string) const {
    std::size_t length = 0;
    const char* bytes = StringPtrLen(string, &length);
    return {bytes, length};
  }
  std::string_view text(CallReply* reply) const {  // of a string or an error, else empty
    std::size_t length = 0;
    const char* bytes = reply ? CallReplyStringPtr(reply, &length) : nullptr;
    return bytes ? std::string_view{bytes, length} : std::string_view{};
  }
  String* make(std::string_view value) const { return CreateString(nullptr, value.data(), value.size()); }
};

// Owns the reply of one Call; null when the server refused the call itself.
class Reply {
 public:
  Reply(const Api& api, CallReply* reply) : api_(api), reply_(reply) {}
  ~Reply() {
    if (reply_) api_.FreeCallReply(reply_);
  }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  CallReply* get() const { return reply_; }
  bool failed() const { return !reply_ || api_.CallReplyType(reply_) == reply_type::error; }
  std::string_view text() const { return api_.text(reply_); }

 private:
  const Api& api_;
  CallReply* reply_;
};

}  // namespace vswim::module
