// Comparisons and selection on tensors, under libtorch's names.
#pragma once

#include "kiln/tensor.h"

namespace kiln {

#define KILN_COMPARISON(name, symbol, mirrored)                                                                                  \
  inline Tensor name(const Tensor &a, const Tensor &b) { return a.name(b); }                                                     \
  inline Tensor name(const Tensor &a, const Scalar &b) { return a.name(b); }                                                     \
  inline Tensor operator symbol(const Tensor &a, const Tensor &b) { return a.name(b); }                                          \
  inline Tensor operator symbol(const Tensor &a, const Scalar &b) { return a.name(b); }                                          \
  inline Tensor operator symbol(const Scalar &a, const Tensor &b) { return b.mirrored(a); }
KILN_COMPARISON(eq, ==, eq)
KILN_COMPARISON(ne, !=, ne)
KILN_COMPARISON(lt, <, gt)
KILN_COMPARISON(le, <=, ge)
KILN_COMPARISON(gt, >, lt)
KILN_COMPARISON(ge, >=, le)
#undef KILN_COMPARISON

/// Elements of `input` where `condition` is true, else of `other`; all three are broadcast against each other. Throws ValueError
/// unless the condition is bool.
KILN_API Tensor where(const Tensor &condition, const Tensor &input, const Tensor &other);
KILN_API Tensor where(const Tensor &condition, const Scalar &input, const Tensor &other);
KILN_API Tensor where(const Tensor &condition, const Tensor &input, const Scalar &other);
KILN_API Tensor where(const Tensor &condition, const Scalar &input, const Scalar &other);

} // namespace kiln
