// Sizes and strides of views.
#include "geometry.h"

#include <algorithm>
#include <numeric>

#include "errors.h"
#include "kiln/runtime/tensor.h"
#include "kiln/semantics/operation.h"
#include "recorder.h"

namespace kiln::detail {

using semantics::wrap_dim;

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

Geometry Geometry::contiguous(std::vector<int64_t> sizes) {
  Geometry result;
  result.strides = runtime::contiguous_strides(sizes);
  result.sizes = std::move(sizes);
  return result;
}

int64_t Geometry::numel() const { return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>()); }

bool Geometry::is_contiguous() const {
  int64_t expected = 1;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] == 0)
      return true;
    if (sizes[d] != 1 && strides[d] != expected)
      return false;
    if (sizes[d] != 1)
      expected *= sizes[d];
  }
  return true;
}

bool Geometry::is_dense() const {
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < sizes.size(); ++d)
    if (sizes[d] != 1)
      order.push_back(d);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return strides[a] < strides[b]; });
  int64_t expected = 1;
  for (std::size_t d : order) {
    if (strides[d] != expected)
      return false;
    expected *= sizes[d];
  }
  return true;
}

bool Geometry::may_overlap_itself() const {
  for (std::size_t d = 0; d < sizes.size(); ++d)
    if (strides[d] == 0 && sizes[d] > 1)
      return true;
  return false;
}

//===----------------------------------------------------------------------===//
// view
//===----------------------------------------------------------------------===//

std::vector<int64_t> infer_sizes(std::span<const int64_t> sizes, int64_t numel) {
  std::vector<int64_t> result(sizes.begin(), sizes.end());
  int64_t known = 1;
  std::optional<std::size_t> inferred;
  for (std::size_t d = 0; d < result.size(); ++d) {
    if (result[d] == -1) {
      if (inferred)
        fail<runtime::ValueError>("only one dimension can be inferred");
      inferred = d;
    } else if (result[d] < 0) {
      fail<runtime::ValueError>("invalid shape dimension " + std::to_string(result[d]));
    } else {
      known *= result[d];
    }
  }
  if (numel == known || (inferred && known > 0 && numel % known == 0)) {
    if (inferred) {
      if (known == 0)
        fail<runtime::ValueError>("cannot reshape tensor of 0 elements into shape " + sizes_text(sizes) +
                                  " because the unspecified dimension size -1 can be any value and is ambiguous");
      result[*inferred] = numel / known;
    }
    return result;
  }
  fail<runtime::ValueError>("shape '" + sizes_text(sizes) + "' is invalid for input of size " + size_text(numel));
}

// A view exists when every run of dimensions that is merged or split lies in memory without a gap: walk the old dimensions from
// the last, collect runs whose strides fit together, and cut each run into the new sizes.
std::optional<std::vector<int64_t>> view_strides(const Geometry &from, std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size());
  if (from.sizes.empty()) {
    std::fill(strides.begin(), strides.end(), 1);
    return strides;
  }
  const int64_t numel = from.numel();
  if (numel == 0) {
    if (std::equal(sizes.begin(), sizes.end(), from.sizes.begin(), from.sizes.end()))
      return from.strides;
    return runtime::contiguous_strides(sizes);
  }
  int64_t view_dim = static_cast<int64_t>(sizes.size()) - 1;
  int64_t run_stride = from.strides.back(), run_size = 1, view_size = 1;
  for (int64_t d = from.rank() - 1; d >= 0; --d) {
    run_size *= from.sizes[d];
    const bool run_ends = d == 0 || (from.sizes[d - 1] != 1 && from.strides[d - 1] != run_size * run_stride);
    if (!run_ends)
      continue;
    while (view_dim >= 0 && (view_size < run_size || sizes[view_dim] == 1)) {
      strides[view_dim] = view_size * run_stride;
      view_size *= sizes[view_dim];
      --view_dim;
    }
    if (view_size != run_size)
      return std::nullopt;
    if (d > 0) {
      run_stride = from.strides[d - 1];
      run_size = view_size = 1;
    }
  }
  if (view_dim != -1)
    return std::nullopt;
  return strides;
}

Geometry view_geometry(const Geometry &from, std::span<const int64_t> sizes) {
  Geometry result = from;
  result.sizes = infer_sizes(sizes, from.numel());
  std::optional<std::vector<int64_t>> strides = view_strides(from, result.sizes);
  if (!strides)
    fail<runtime::ValueError>(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across "
        "two contiguous subspaces). Use .reshape(...) instead.");
  result.strides = std::move(*strides);
  return result;
}

std::pair<int64_t, int64_t> flatten_range(const Geometry &from, int64_t start, int64_t end) {
  start = checked([&] { return wrap_dim(start, from.rank()); });
  end = checked([&] { return wrap_dim(end, from.rank()); });
  if (start > end)
    fail<runtime::ValueError>("flatten() has invalid args: start_dim cannot come after end_dim");
  return {start, end};
}

//===----------------------------------------------------------------------===//
// permute, expand, slice
//===----------------------------------------------------------------------===//

Geometry permute_geometry(const Geometry &from, std::span<const int64_t> dims) {
  if (static_cast<int64_t>(dims.size()) != from.rank())
    fail<runtime::ValueError>("permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                              "desired ordering of dimensions i.e. input.dim() = " +
                              std::to_string(from.rank()) + " is not equal to len(dims) = " + std::to_string(dims.size()));
  Geometry result;
  result.offset = from.offset;
  std::vector<bool> seen(dims.size(), false);
  for (int64_t dim : dims) {
    const auto wrapped = static_cast<std::size_t>(checked([&] { return wrap_dim(dim, from.rank()); }));
    if (seen[wrapped])
      fail<runtime::ValueError>("permute(): duplicate dims are not allowed.");
    seen[wrapped] = true;
    result.sizes.push_back(from.sizes[wrapped]);
    result.strides.push_back(from.strides[wrapped]);
  }
  return result;
}

Geometry expand_geometry(const Geometry &from, std::span<const int64_t> sizes, runtime::DType dtype) {
  const std::size_t rank = sizes.size(), added = rank - std::min(rank, from.sizes.size());
  if (rank < from.sizes.size())
    fail<runtime::ValueError>("expand(torch." + std::string(runtime::scalar_type_name(dtype)) + "Tensor{" +
                              sizes_text(from.sizes) + "}, size=" + sizes_text(sizes) + "): the number of sizes provided (" +
                              std::to_string(rank) + ") must be greater or equal to the number of dimensions in the tensor (" +
                              std::to_string(from.rank()) + ")");
  Geometry result;
  result.offset = from.offset;
  result.sizes.assign(sizes.begin(), sizes.end());
  result.strides.resize(rank);
  for (std::size_t d = rank; d-- > 0;) {
    const bool existing = d >= added;
    const int64_t size = existing ? from.sizes[d - added] : 1;
    int64_t stride = existing ? from.strides[d - added] : (d + 1 < rank ? result.sizes[d + 1] * result.strides[d + 1] : 1);
    int64_t &target = result.sizes[d];
    if (target == -1) {
      if (!existing)
        fail<runtime::ValueError>("The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension " +
                                  std::to_string(d));
      target = size;
    }
    if (size != target) {
      if (size != 1)
        fail<runtime::ValueError>("The expanded size of the tensor (" + size_text(target) + ") must match the existing size (" +
                                  size_text(size) + ") at non-singleton dimension " + std::to_string(d) +
                                  ".  Target sizes: " + sizes_text(sizes) + ".  Tensor sizes: " + sizes_text(from.sizes));
      stride = 0;
    }
    result.strides[d] = stride;
  }
  return result;
}

Geometry slice_geometry(const Geometry &from, int64_t dim, int64_t start, int64_t end, int64_t step) {
  Geometry result = from;
  result.offset += start * from.strides[dim];
  result.sizes[dim] = (end - start + step - 1) / step;
  result.strides[dim] *= step;
  return result;
}

//===----------------------------------------------------------------------===//
// Element-wise results
//===----------------------------------------------------------------------===//

std::vector<int64_t> broadcast_sizes(std::span<const int64_t> a, std::span<const int64_t> b) {
  std::vector<int64_t> result(std::max(a.size(), b.size()));
  for (std::size_t i = 1; i <= result.size(); ++i) {
    const int64_t left = i <= a.size() ? a[a.size() - i] : 1, right = i <= b.size() ? b[b.size() - i] : 1;
    if (left != right && left != 1 && right != 1)
      fail<runtime::ValueError>("The size of tensor a (" + size_text(left) + ") must match the size of tensor b (" +
                                size_text(right) + ") at non-singleton dimension " + std::to_string(result.size() - i));
    result[result.size() - i] = left == 1 ? right : left;
  }
  return result;
}

// PyTorch's TensorIterator: an insertion sort of the dimensions by the operands' strides, first operand first, that leaves
// dimensions alone where no operand says how they should be ordered.
Geometry elementwise_geometry(std::vector<int64_t> sizes, std::span<const Geometry> operands) {
  const std::size_t rank = sizes.size();
  std::vector<std::vector<int64_t>> strides; // broadcast dimensions have stride 0
  bool all_contiguous = true;
  for (const Geometry &operand : operands) {
    std::vector<int64_t> aligned(rank, 0);
    const std::size_t added = rank - operand.sizes.size();
    for (std::size_t d = 0; d < operand.sizes.size(); ++d)
      aligned[d + added] = operand.sizes[d] == 1 && sizes[d + added] != 1 ? 0 : operand.strides[d];
    strides.push_back(std::move(aligned));
    all_contiguous = all_contiguous && operand.sizes == sizes && operand.is_contiguous();
  }
  if (all_contiguous || rank < 2)
    return Geometry::contiguous(std::move(sizes));
  // 1: a comes after b (is slower in memory); -1: before; 0: nobody knows.
  auto should_swap = [&](std::size_t a, std::size_t b) {
    for (const std::vector<int64_t> &operand : strides) {
      if (operand[a] == 0 || operand[b] == 0)
        continue;
      if (operand[a] != operand[b])
        return operand[a] < operand[b] ? -1 : 1;
      if (sizes[a] > sizes[b])
        return 1;
    }
    return 0;
  };
  std::vector<std::size_t> order(rank); // fastest dimension first
  for (std::size_t i = 0; i < rank; ++i)
    order[i] = rank - 1 - i;
  for (std::size_t i = 1; i < rank; ++i) {
    std::size_t moved = i;
    for (std::size_t j = i; j-- > 0;) {
      const int comparison = should_swap(order[j], order[moved]);
      if (comparison > 0) {
        std::swap(order[j], order[moved]);
        moved = j;
      } else if (comparison < 0) {
        break;
      }
    }
  }
  Geometry result;
  result.strides.resize(rank);
  int64_t stride = 1;
  for (std::size_t d : order) {
    result.strides[d] = stride;
    stride *= std::max<int64_t>(sizes[d], 1);
  }
  result.sizes = std::move(sizes);
  return result;
}

std::string size_text(int64_t size) {
  const Recorder *recorder = Recorder::current();
  return recorder ? recorder->size_text(size) : std::to_string(size);
}

std::string sizes_text(std::span<const int64_t> sizes) {
  std::string text = "[";
  for (std::size_t d = 0; d < sizes.size(); ++d)
    text += (d ? ", " : "") + size_text(sizes[d]);
  return text + "]";
}

} // namespace kiln::detail
