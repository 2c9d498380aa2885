// ExpandingArray: one number for each of a fixed count of dimensions; a single number stands for all of them.
//
// As in libtorch, the type of kernel sizes, strides and paddings: 3, {3, 5}, a vector and an array all convert to it. It
// remembers whether it was one number, because Python prints what it was given: kernel_size=2 or kernel_size=(2, 3).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "kiln/int_array_ref.h"
#include "kiln/runtime/export.h"

namespace kiln {

namespace detail {
/// Throws ValueError with libtorch's text.
[[noreturn]] KILN_API void throw_wrong_count(std::size_t expected, std::size_t found);
} // namespace detail

template <std::size_t D, class T = int64_t> class ExpandingArray {
public:
  ExpandingArray(std::initializer_list<T> values) { assign(values.begin(), values.size()); }
  ExpandingArray(const std::vector<T> &values) { assign(values.begin(), values.size()); }
  ExpandingArray(IntArrayRef values) { assign(values.begin(), values.size()); }
  ExpandingArray(const std::array<T, D> &values) : values_(values) {}
  /// The same number in all dimensions.
  ExpandingArray(T value) : is_single_(true) { values_.fill(value); }

  const std::array<T, D> &operator*() const { return values_; }
  const std::array<T, D> *operator->() const { return &values_; }
  T operator[](std::size_t dim) const { return values_[dim]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  static constexpr std::size_t size() { return D; }
  std::vector<T> vec() const { return {values_.begin(), values_.end()}; }
  operator IntArrayRef() const { return std::span<const int64_t>(values_); }
  /// Whether it was made from one number.
  bool is_single() const { return is_single_; }

private:
  template <class Iterator> void assign(Iterator from, std::size_t count) {
    if (count != D)
      detail::throw_wrong_count(D, count);
    std::copy_n(from, D, values_.begin());
  }

  std::array<T, D> values_;
  bool is_single_ = false;
};

/// The same where a number may be missing: "as many as the input has".
template <std::size_t D> class ExpandingArrayWithOptionalElem : public ExpandingArray<D, std::optional<int64_t>> {
  using Base = ExpandingArray<D, std::optional<int64_t>>;

public:
  ExpandingArrayWithOptionalElem(std::initializer_list<std::optional<int64_t>> values) : Base(values) {}
  ExpandingArrayWithOptionalElem(const std::vector<std::optional<int64_t>> &values) : Base(values) {}
  ExpandingArrayWithOptionalElem(const std::vector<int64_t> &values)
      : Base(std::vector<std::optional<int64_t>>(values.begin(), values.end())) {}
  ExpandingArrayWithOptionalElem(int64_t value) : Base(std::optional<int64_t>(value)) {}
  ExpandingArrayWithOptionalElem(std::nullopt_t) : Base(std::optional<int64_t>()) {}
};

} // namespace kiln
