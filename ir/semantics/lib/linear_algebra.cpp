// Householder QR (Golub and Van Loan, Matrix Computations, 5.2), columns stored one after another.
#include "kiln/semantics/linear_algebra.h"

#include <cmath>

#include "kernels.h"

namespace kiln::semantics {

namespace {

using Column = std::span<double>;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

// column -= v * (scale * (v . column)): the reflection I - scale v v^T.
void reflect(std::span<const double> v, double scale, Column column) {
  const double factor = scale * dot(v, column);
  for (std::size_t i = 0; i < v.size(); ++i)
    column[i] -= factor * v[i];
}

// Replaces the columns of `a` ([rows, cols], rows >= cols) by those of Q, each times the sign of
// its diagonal element of R.
void orthogonalize(std::vector<double> &a, std::size_t rows, std::size_t cols) {
  auto below = [&](std::size_t column, std::size_t row) {
    return Column(a).subspan(column * rows + row, rows - row);
  };
  std::vector<double> scales(cols, 0.0), signs(cols);
  // Reduce to R. The reflection's vector v replaces the column from the diagonal down; R itself is
  // not wanted.
  for (std::size_t k = 0; k < cols; ++k) {
    const Column v = below(k, k);
    const double diagonal = v[0];
    const double tail = dot(v.subspan(1), v.subspan(1));
    double result = diagonal; // R's diagonal element; without a tail there is nothing to reflect
    if (tail != 0) {
      result = -std::copysign(std::sqrt(diagonal * diagonal + tail), diagonal);
      v[0] = diagonal - result; // no cancellation: the signs differ
      scales[k] = 2 / (v[0] * v[0] + tail);
      for (std::size_t j = k + 1; j < cols; ++j)
        reflect(v, scales[k], below(j, k));
    }
    signs[k] = result > 0 ? 1 : result < 0 ? -1 : 0;
  }
  // Accumulate Q = H_0 ... H_{cols-1} I, last reflection first, column by column.
  std::vector<double> q(rows * cols, 0.0);
  for (std::size_t j = 0; j < cols; ++j) {
    const Column column = Column(q).subspan(j * rows, rows);
    column[j] = 1;
    for (std::size_t k = j + 1; k-- > 0;)
      if (scales[k] != 0)
        reflect(below(k, k), scales[k], column.subspan(k));
    for (double &value : column)
      value *= signs[j];
  }
  a = std::move(q);
}

} // namespace

Tensor qr_orthogonal(const Tensor &gaussian) {
  if (gaussian.dim() != 2)
    throw ValueError("qr_orthogonal needs a matrix, but got a tensor of shape " +
                     gaussian.shape_text());
  if (gaussian.dtype() != DType::Float32 && gaussian.dtype() != DType::Float64)
    throw ValueError("\"geqrf_cpu\" not implemented for '" +
                     std::string(runtime::scalar_type_name(gaussian.dtype())) + "'");
  const bool wide = gaussian.size(0) < gaussian.size(1);
  const Tensor tall = wide ? gaussian.transpose(0, 1) : gaussian;
  const Tensor columns = tall.transpose(0, 1).to(DType::Float64).contiguous();
  std::vector<double> values(columns.data<double>(), columns.data<double>() + columns.numel());
  orthogonalize(values, static_cast<std::size_t>(tall.size(0)),
                static_cast<std::size_t>(tall.size(1)));
  const Tensor q =
      Tensor::from<double>(values, sizes_of(columns)); // [cols, rows] of the tall matrix
  return (wide ? q : q.transpose(0, 1)).contiguous().to(gaussian.dtype());
}

} // namespace kiln::semantics
