// The matrix product of the reference kernels: plain dot products, four columns at a time to keep
// the adders busy.
#include "matrix_product.h"

#include "kernels.h"

namespace kiln::semantics {

namespace {

template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

template <int columns, class T>
void dot_columns(const T *row, const T *weights, const T *bias, T *out, int64_t depth) {
  using Sum = Accumulator<T>;
  Sum sums[columns] = {};
  for (int64_t k = 0; k < depth; ++k) {
    const Sum value = static_cast<Sum>(row[k]);
    for (int c = 0; c < columns; ++c)
      sums[c] += value * static_cast<Sum>(weights[c * depth + k]);
  }
  for (int c = 0; c < columns; ++c)
    out[c] = static_cast<T>(bias ? sums[c] + static_cast<Sum>(bias[c]) : sums[c]);
}

} // namespace

void matrix_product(const Tensor &lhs, const Tensor &transposed, const Tensor &bias,
                    const Tensor &out, const char *kernel) {
  const Tensor a = lhs.contiguous(), b = transposed.contiguous(),
               c = bias.defined() ? bias.contiguous() : bias;
  const int64_t rows = a.size(0), depth = a.size(1), columns = b.size(0);
  dispatch_numbers(a.dtype(), kernel, [&]<class T>(Type<T>) {
    const T *left = a.data<T>(), *right = b.data<T>(), *add = c.defined() ? c.data<T>() : nullptr;
    T *to = out.data<T>();
    for (int64_t m = 0; m < rows; ++m) {
      const T *row = left + m * depth;
      int64_t n = 0;
      for (; n + 4 <= columns; n += 4)
        dot_columns<4>(row, right + n * depth, add ? add + n : nullptr, to + m * columns + n,
                       depth);
      for (; n < columns; ++n)
        dot_columns<1>(row, right + n * depth, add ? add + n : nullptr, to + m * columns + n,
                       depth);
    }
  });
}

} // namespace kiln::semantics
