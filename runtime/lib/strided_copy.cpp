// Strided copies: one loop nest, by recursion over dimensions; the innermost loop knows the element's size.
#include "strided_copy.h"

#include <algorithm>
#include <cstring>

namespace kiln::runtime {

namespace {

/// Copies `count` elements; strides in bytes.
template <std::size_t Bytes>
void copy_row(std::byte *target, int64_t target_stride, const std::byte *source, int64_t source_stride, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(target + i * target_stride, source + i * source_stride, Bytes);
}

using CopyRow = void (*)(std::byte *, int64_t, const std::byte *, int64_t, int64_t);

CopyRow copy_row_of(std::size_t element) {
  switch (element) {
  case 1:
    return copy_row<1>;
  case 2:
    return copy_row<2>;
  case 4:
    return copy_row<4>;
  default:
    return copy_row<8>;
  }
}

std::size_t bytes_of(std::span<const int64_t> sizes, std::size_t element) {
  return static_cast<std::size_t>(element_count(sizes)) * element;
}

/// Walks a strided tensor in row-major order, row by row, next to contiguous memory.
template <class VisitRow>
void for_each_row(std::span<const int64_t> sizes, std::span<const int64_t> strides, int64_t offset, int64_t &done,
                  VisitRow &visit) {
  if (sizes.size() <= 1) {
    const int64_t count = sizes.empty() ? 1 : sizes[0];
    visit(offset, sizes.empty() ? 1 : strides[0], done, count);
    done += count;
    return;
  }
  for (int64_t i = 0; i < sizes[0]; ++i)
    for_each_row(sizes.subspan(1), strides.subspan(1), offset + i * strides[0], done, visit);
}

} // namespace

int64_t element_count(std::span<const int64_t> sizes) {
  if (std::ranges::find(sizes, 0) != sizes.end())
    return 0;
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

bool fits_memory(std::span<const int64_t> sizes, std::span<const int64_t> strides, std::size_t element) {
  if (std::ranges::find(sizes, 0) != sizes.end())
    return true;
  const auto item = static_cast<int64_t>(element);
  int64_t bytes = item, before = 0, after = item; // of the whole, and to both sides of the first element
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(bytes, sizes[d], &bytes))
      return false;
    if (strides.empty())
      continue;
    int64_t &side = strides[d] < 0 ? before : after;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &reach) || __builtin_mul_overflow(reach, item, &reach) ||
        __builtin_add_overflow(side, reach, &side))
      return false;
  }
  return true;
}

bool is_contiguous(std::span<const int64_t> sizes, std::span<const int64_t> strides) {
  if (strides.empty())
    return true;
  if (std::ranges::find(sizes, 0) != sizes.end())
    return true;
  int64_t expected = 1;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] != 1 && strides[d] != expected)
      return false;
    expected *= sizes[d];
  }
  return true;
}

void gather(void *target, const void *source, std::span<const int64_t> sizes, std::span<const int64_t> strides,
            std::size_t element) {
  if (is_contiguous(sizes, strides)) {
    if (const std::size_t all = bytes_of(sizes, element))
      std::memcpy(target, source, all);
    return;
  }
  const CopyRow copy = copy_row_of(element);
  const auto bytes = static_cast<int64_t>(element);
  auto *to = static_cast<std::byte *>(target);
  const auto *from = static_cast<const std::byte *>(source);
  int64_t done = 0;
  auto visit = [&](int64_t offset, int64_t stride, int64_t position, int64_t count) {
    copy(to + position * bytes, bytes, from + offset * bytes, stride * bytes, count);
  };
  for_each_row(sizes, strides, 0, done, visit);
}

void scatter(void *target, std::span<const int64_t> sizes, std::span<const int64_t> strides, const void *source,
             std::size_t element) {
  if (is_contiguous(sizes, strides)) {
    if (const std::size_t all = bytes_of(sizes, element))
      std::memcpy(target, source, all);
    return;
  }
  const CopyRow copy = copy_row_of(element);
  const auto bytes = static_cast<int64_t>(element);
  auto *to = static_cast<std::byte *>(target);
  const auto *from = static_cast<const std::byte *>(source);
  int64_t done = 0;
  auto visit = [&](int64_t offset, int64_t stride, int64_t position, int64_t count) {
    copy(to + offset * bytes, stride * bytes, from + position * bytes, bytes, count);
  };
  for_each_row(sizes, strides, 0, done, visit);
}

} // namespace kiln::runtime
