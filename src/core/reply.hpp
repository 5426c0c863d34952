// A RESP reply as a value, so that Core answers CLUSTER commands without knowing a server.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vswim::core {

struct Reply {
  struct Simple {
    std::string text;
  };  // +OK
  struct Error {
    std::string text;
  };  // -ERR ... (with its code, without the dash)
  struct Bulk {
    std::string text;
  };
  struct Verbatim {
    std::string text;
  };  // RESP3 verbatim "txt", RESP2 bulk (CLUSTER NODES, INFO)
  struct Null {};
  using Array = std::vector<Reply>;
  struct Map {
    std::vector<std::pair<Reply, Reply>> entries;
  };  // RESP3 map, RESP2 flat array

  std::variant<Simple, Error, Bulk, Verbatim, Null, std::int64_t, Array, Map> value;

  static Reply ok() { return {Simple{"OK"}}; }
  static Reply error(std::string text) { return {Error{std::move(text)}}; }
  static Reply bulk(std::string text) { return {Bulk{std::move(text)}}; }
  static Reply integer(std::int64_t n) { return {n}; }
};

}  // namespace vswim::core
