// Exhaustive visits of variants: std::visit(Overloaded{...}, value).
#pragma once

namespace vswim {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace vswim
