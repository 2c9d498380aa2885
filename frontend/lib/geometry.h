// Sizes and strides of views: the arithmetic behind view, permute, slice and the rest, for concrete and symbolic tensors alike.
//
// Each function returns the view's geometry or throws with PyTorch's text, exactly where PyTorch throws.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kiln/runtime/dtype.h"

namespace kiln::detail {

struct Geometry {
  std::vector<int64_t> sizes, strides;
  int64_t offset = 0;

  static Geometry contiguous(std::vector<int64_t> sizes);
  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }
  int64_t numel() const;
  bool is_contiguous() const;
  /// Every element has a place of its own and there are no holes: some permutation of the dimensions is contiguous.
  bool is_dense() const;
  /// Two elements may share a place.
  bool may_overlap_itself() const;
};

/// Sizes as PyTorch's messages print them; while recording, stand-in numbers print as the names they stand for.
std::string sizes_text(std::span<const int64_t> sizes);
std::string size_text(int64_t size);

/// `sizes` with a -1 worked out for `numel` elements.
std::vector<int64_t> infer_sizes(std::span<const int64_t> sizes, int64_t numel);
/// Strides of a view with other sizes, empty where only a copy can have them.
std::optional<std::vector<int64_t>> view_strides(const Geometry &from, std::span<const int64_t> sizes);

Geometry view_geometry(const Geometry &from, std::span<const int64_t> sizes);
Geometry permute_geometry(const Geometry &from, std::span<const int64_t> dims);
Geometry expand_geometry(const Geometry &from, std::span<const int64_t> sizes, runtime::DType dtype);
Geometry slice_geometry(const Geometry &from, int64_t dim, int64_t start, int64_t end, int64_t step);

/// Dimensions from start to end of a flatten, wrapped and checked.
std::pair<int64_t, int64_t> flatten_range(const Geometry &from, int64_t start, int64_t end);

/// PyTorch's broadcasting; throws its text.
std::vector<int64_t> broadcast_sizes(std::span<const int64_t> a, std::span<const int64_t> b);

/// Geometry that PyTorch gives the result of an element-wise operation: the operands' order of dimensions is kept where they
/// agree, so `x.t().relu()` is as transposed as `x.t()`.
Geometry elementwise_geometry(std::vector<int64_t> sizes, std::span<const Geometry> operands);

} // namespace kiln::detail
