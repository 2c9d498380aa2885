// IntArrayRef: a view of sizes, strides or dimension numbers that somebody else owns.
//
// A parameter type, as in libtorch: `{2, 3}`, a vector and a single number all convert to it. Never keep one longer than the
// call.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <vector>

namespace kiln {

class IntArrayRef {
public:
  IntArrayRef() = default;
  IntArrayRef(std::initializer_list<int64_t> values) : values_(values.begin(), values.size()) {}
  IntArrayRef(const std::vector<int64_t> &values) : values_(values) {}
  IntArrayRef(std::span<const int64_t> values) : values_(values) {}
  /// One number. The reference must outlive the call, as everything here.
  IntArrayRef(const int64_t &value) : values_(&value, 1) {}

  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  int64_t operator[](std::size_t index) const { return values_[index]; }
  int64_t front() const { return values_.front(); }
  int64_t back() const { return values_.back(); }
  std::vector<int64_t> vec() const { return {values_.begin(), values_.end()}; }
  operator std::span<const int64_t>() const { return values_; }

  friend bool operator==(IntArrayRef a, IntArrayRef b) { return a.vec() == b.vec(); }
  friend std::ostream &operator<<(std::ostream &stream, IntArrayRef array) {
    stream << '[';
    for (std::size_t i = 0; i < array.size(); ++i)
      stream << (i ? ", " : "") << array[i];
    return stream << ']';
  }

private:
  std::span<const int64_t> values_;
};

} // namespace kiln
