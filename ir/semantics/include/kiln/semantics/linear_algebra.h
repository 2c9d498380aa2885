// Matrix factorizations that initialisers need.
#pragma once

#include "kiln/runtime/tensor.h"

namespace kiln::semantics {

/// The (semi-)orthogonal matrix that torch.nn.init.orthogonal_ makes of a matrix of normal numbers:
/// Q of the QR factorization of `gaussian` [rows, cols], or of its transpose where rows < cols,
/// transposed back; each column (row) multiplied by the sign of R's diagonal, which makes Q unique.
/// Computed in double; the result has the shape and type of `gaussian`, which is float32 or
/// float64. Throws ValueError for other types or ranks.
KILN_API runtime::Tensor qr_orthogonal(const runtime::Tensor &gaussian);

} // namespace kiln::semantics
