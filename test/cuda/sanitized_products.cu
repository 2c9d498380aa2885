// A program for device_test.cpp, compiled with AddressSanitizer and UndefinedBehaviorSanitizer: products of many sizes on memory that
// ends where the matrices end, and integers at their limits.
#include "device_host_launch.h"
#include "product.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

using namespace kiln::device;

static i64 columns, inner;

#define KILN_PRODUCT(name, type, form, left, right)                                                                                  \
  KILN_KERNEL(name, kProductThreads, (const type *KILN_RESTRICT a, const type *KILN_RESTRICT b, type *r, i64 rows)) {                 \
    const i64 across = columns;                                                                                                      \
    form<type>(rows, across, inner, left, right, [=](i64 row, i64 column, type sum) { r[row * across + column] = sum; });             \
  }
KILN_PRODUCT(tiles_panels, f32, product_in_tiles, (Matrix<f32>{a, inner}), (Panels<f32, 32>{b, inner}))
KILN_PRODUCT(tiles_matrix, f32, product_in_tiles, (Matrix<f32>{a, inner}), (Matrix<f32>{b, inner}))
KILN_PRODUCT(tiles_transposed, f64, product_in_tiles, (Transposed<f64>{a, rows}), (Transposed<f64>{b, columns}))
KILN_PRODUCT(few_panels, f32, product_of_few_rows, (Matrix<f32>{a, inner}), (Panels<f32, 32>{b, inner}))
KILN_PRODUCT(few_matrix, f32, product_of_few_rows, (Matrix<f32>{a, inner}), (Matrix<f32>{b, inner}))
KILN_PRODUCT(few_transposed, f64, product_of_few_rows, (Transposed<f64>{a, rows}), (Transposed<f64>{b, columns}))

KILN_KERNEL(extremes, 1, (i64 *r)) {
  const i64 least = static_cast<i64>(9223372036854775808ull);
  r[0] = add_wrapped(least, i64(-1));
  r[1] = mul_wrapped(least, i64(-1));
  r[2] = abs_wrapped(least);
  r[3] = to_integer<i64>(1e300);
  r[4] = to_integer<i32>(nan_f32());
  r[5] = sub_wrapped(i32(-2147483647 - 1), i32(1));
}

namespace {

template <class T> T value(i64 i) { return static_cast<T>(i * 37 % 19 - 9); } // sums of products are exact

template <class T> bool check(const char *name, i64 rows, bool isTransposed, bool isPacked) {
  const i64 packedColumns = isPacked ? (columns + 31) / 32 * 32 : columns;
  auto allocate = [](i64 count) { return std::unique_ptr<T[]>(new T[static_cast<std::size_t>(count)]()); };
  auto a = allocate(rows * inner), b = allocate(packedColumns * inner), r = allocate(rows * columns);
  auto leftAt = [&](i64 row, i64 k) -> T & { return a[isTransposed ? k * rows + row : row * inner + k]; };
  auto rightAt = [&](i64 column, i64 k) -> T & {
    return b[isPacked ? (column / 32 * inner + k) * 32 + column % 32 : isTransposed ? k * columns + column : column * inner + k];
  };
  for (i64 k = 0; k < inner; ++k) {
    for (i64 row = 0; row < rows; ++row)
      leftAt(row, k) = value<T>(row + 3 * k);
    for (i64 column = 0; column < columns; ++column)
      rightAt(column, k) = value<T>(5 * column + k);
  }
  const long long arguments[] = {reinterpret_cast<long long>(a.get()), reinterpret_cast<long long>(b.get()),
                                 reinterpret_cast<long long>(r.get()), rows};
  for (const host::Kernel *kernel = kiln_device_kernels(); kernel; kernel = kernel->next)
    for (unsigned seed = 0; std::string(kernel->name) == name && seed < 3; ++seed)
      for (long long blocks : {1ll, 4ll}) {
        const std::string error = host::launch(*kernel, blocks, arguments, seed);
        for (i64 row = 0; row < rows; ++row)
          for (i64 column = 0; column < columns; ++column) {
            T sum = 0;
            for (i64 k = 0; k < inner; ++k)
              sum += value<T>(row + 3 * k) * value<T>(5 * column + k);
            if (!error.empty() || r[row * columns + column] != sum) {
              std::printf("%s %lld x %lld x %lld: %s\n", name, rows, columns, inner, error.empty() ? "wrong" : error.c_str());
              return false;
            }
          }
      }
  return true;
}

} // namespace

int main() {
  bool isRight = true;
  for (i64 n : {1, 70})
    for (i64 k : {0, 1, 33})
      for (i64 m : {0, 4, 65}) {
        columns = n;
        inner = k;
        isRight &= check<f32>("tiles_panels", m, false, true) && check<f32>("tiles_matrix", m, false, false) &&
                   check<f64>("tiles_transposed", m, true, false) && check<f32>("few_panels", m, false, true) &&
                   check<f32>("few_matrix", m, false, false) && check<f64>("few_transposed", m, true, false);
      }
  std::vector<i64> r(6);
  const long long arguments[] = {reinterpret_cast<long long>(r.data())};
  for (const host::Kernel *kernel = kiln_device_kernels(); kernel; kernel = kernel->next)
    if (std::string(kernel->name) == "extremes")
      isRight &= host::launch(*kernel, 1, arguments, 0).empty();
  const i64 least = -9223372036854775807 - 1;
  isRight &= r == std::vector<i64>{9223372036854775807, least, least, least, -2147483647 - 1, 2147483647};
  std::puts(isRight ? "all right" : "wrong");
  return isRight ? 0 : 1;
}
