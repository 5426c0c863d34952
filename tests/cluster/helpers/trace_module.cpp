// A module for tests only: it writes down when each change of a string key ran on this server and until when
// the lease was known to run at that moment, apart from the clients' history and from the module under test.
// Also in a native cluster, where there is no lease. Loaded before the module under test, so that its command
// is known there.
//
//   loadmodule trace_module.so <folder>       <folder>/trace-<pid>.bin: records of 64 bytes, in memory
//                                             that outlives a killed process
//   TRACE.GET key                             [value, ran at, lease until], a read that tells when it ran
//
// All times: CLOCK_BOOTTIME in nanoseconds.
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

struct Ctx;
struct String;
struct Key;
struct ServerEvent {
  std::uint64_t id, data_version;
};
using CommandFunction = int (*)(Ctx*, String**, int);
using NotificationFunction = int (*)(Ctx*, int, const char*, String*);

int (*CreateCommand)(Ctx*, const char*, CommandFunction, const char*, int, int, int);
void (*SetModuleAttribs)(Ctx*, const char*, int, int);
int (*SubscribeToKeyspaceEvents)(Ctx*, int, NotificationFunction);
int (*GetContextFlags)(Ctx*);
Key* (*OpenKey)(Ctx*, String*, int);
void (*CloseKey)(Key*);
char* (*StringDMA)(Key*, std::size_t*, int);
const char* (*StringPtrLen)(const String*, std::size_t*);
void* (*GetSharedAPI)(Ctx*, const char*);
int (*ReplyWithArray)(Ctx*, long);
int (*ReplyWithLongLong)(Ctx*, long long);
int (*ReplyWithStringBuffer)(Ctx*, const char*, std::size_t);
int (*ReplyWithNull)(Ctx*);
int (*WrongArity)(Ctx*);

constexpr int notify_string =
    1 << 3;  // keys that are loaded as a whole are not looked at: they cannot be opened then
constexpr int open_read = 1, open_quietly = 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19;
constexpr int flag_replica = 1 << 3, flag_loading = 1 << 13;  // an AOF is loaded as commands

enum class Kind : std::uint32_t { executed = 1, replicated = 2 };
struct Record {
  std::int64_t at_ns, lease_until_ns;
  Kind kind;
  char value[44];
};
static_assert(sizeof(Record) == 64);
constexpr std::size_t records_max = std::size_t{1} << 20;  // 64 MB of a sparse file

Record* records = nullptr;
std::size_t count = 0;
std::int64_t (*lease_until)() = nullptr;  // of the module under test, loaded later

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t lease(Ctx* ctx) {
  if (!lease_until)
    lease_until = reinterpret_cast<std::int64_t (*)()>(GetSharedAPI(ctx, "swim.lease-until-ns"));
  return lease_until ? lease_until() : 0;
}

int on_change(Ctx* ctx, int, const char*, String* name) {
  const std::int64_t at = now();
  if (count == records_max) return 0;
  Key* key = OpenKey(ctx, name, open_read | open_quietly);
  if (!key) return 0;
  std::size_t size = 0;
  const char* value = StringDMA(key, &size, open_read);
  if (value) {
    Record& record = records[count++];
    record.at_ns = at;
    record.lease_until_ns = lease(ctx);
    record.kind =
        (GetContextFlags(ctx) & (flag_replica | flag_loading)) != 0 ? Kind::replicated : Kind::executed;
    std::memcpy(record.value, value, std::min(size, sizeof record.value - 1));
  }
  CloseKey(key);
  return 0;
}

int get(Ctx* ctx, String** arguments, int argument_count) {
  if (argument_count != 2) return WrongArity(ctx);
  ReplyWithArray(ctx, 3);
  Key* key = OpenKey(ctx, arguments[1], open_read);
  std::size_t size = 0;
  const char* value = key ? StringDMA(key, &size, open_read) : nullptr;
  value ? ReplyWithStringBuffer(ctx, value, size) : ReplyWithNull(ctx);
  if (key) CloseKey(key);
  ReplyWithLongLong(ctx, now());
  return ReplyWithLongLong(ctx, lease(ctx));
}

bool open_file(const std::string& folder) {
  const std::string path = folder + "/trace-" + std::to_string(getpid()) + ".bin";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, records_max * sizeof(Record)) != 0) return false;
  void* memory = mmap(nullptr, records_max * sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return false;
  records = static_cast<Record*>(memory);
  return true;
}

template <class Function>
bool find(Ctx* ctx, const char* name, Function*& function) {
  // The first word of the context handed to OnLoad is the function that finds all others.
  using GetApi = int (*)(const char*, void*);
  return (*reinterpret_cast<GetApi*>(ctx))((std::string("ValkeyModule_") + name).c_str(), &function) == 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int ValkeyModule_OnLoad(Ctx* ctx, String** arguments,
                                                                          int words) {
#define TRACE_FIND(name) find(ctx, #name, name)
  const bool found = TRACE_FIND(CreateCommand) && TRACE_FIND(SetModuleAttribs) &&
                     TRACE_FIND(SubscribeToKeyspaceEvents) && TRACE_FIND(GetContextFlags) &&
                     TRACE_FIND(OpenKey) && TRACE_FIND(CloseKey) && TRACE_FIND(StringDMA) &&
                     TRACE_FIND(StringPtrLen) && TRACE_FIND(GetSharedAPI) && TRACE_FIND(ReplyWithArray) &&
                     TRACE_FIND(ReplyWithLongLong) && TRACE_FIND(ReplyWithStringBuffer) &&
                     TRACE_FIND(ReplyWithNull) && TRACE_FIND(WrongArity);
#undef TRACE_FIND
  if (!found || words != 1) return 1;
  SetModuleAttribs(ctx, "trace", 1, 1);
  std::size_t size = 0;
  const char* folder = StringPtrLen(arguments[0], &size);
  if (!open_file(std::string(folder, size))) return 1;
  return CreateCommand(ctx, "trace.get", get, "readonly fast", 1, 1, 1) == 0 &&
                 SubscribeToKeyspaceEvents(ctx, notify_string, on_change) == 0
             ? 0
             : 1;
}
