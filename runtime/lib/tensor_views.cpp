// Views of tensors: the same storage, other sizes and strides.
//
// Each follows the ATen function of the same name, in what it accepts and in the text with which it refuses.
#include <algorithm>
#include <optional>

#include "concat.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

namespace {

using Sizes = std::vector<int64_t>;

// Index of dimension `dim` of a tensor of `rank`; a scalar counts as one-dimensional.
std::size_t wrap(int64_t dim, int64_t rank) {
  rank = std::max<int64_t>(rank, 1);
  if (dim < -rank || dim >= rank)
    throw IndexError(
        concat({"Dimension out of range (expected to be in range of [", -rank, ", ", rank - 1, "], but got ", dim, ")"}));
  return static_cast<std::size_t>(dim < 0 ? dim + rank : dim);
}

// The sizes that `view(sizes)` asks for, with -1 resolved.
Sizes resolve_sizes(Sizes sizes, int64_t numel) {
  const std::string shape = shape_text(sizes);
  std::optional<std::size_t> inferred;
  int64_t known = 1;
  bool overflowed = false, has_zero = false;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == -1) {
      if (inferred)
        throw ValueError("only one dimension can be inferred");
      inferred = d;
    } else if (sizes[d] < 0) {
      throw ValueError(concat({"invalid shape dimension ", sizes[d], " at index ", d, " of shape ", shape}));
    } else {
      has_zero |= sizes[d] == 0;
      overflowed |= __builtin_mul_overflow(known, sizes[d], &known);
    }
  }
  if (has_zero)
    known = 0;
  else if (overflowed)
    throw ValueError(concat({"shape '", shape, "' is invalid for input of size ", numel}));
  if (known == numel || (inferred && known > 0 && numel % known == 0)) {
    if (inferred) {
      if (known == 0)
        throw ValueError(concat({"cannot reshape tensor of 0 elements into shape ", shape,
                                 " because the unspecified dimension size -1 can be any value and is ambiguous"}));
      sizes[*inferred] = numel / known;
    }
    return sizes;
  }
  throw ValueError(concat({"shape '", shape, "' is invalid for input of size ", numel}));
}

// Strides with which memory of `old_sizes` and `old_strides` is read as `sizes`; empty when there are none.
//
// The old dimensions fall into groups that lie in memory without a step (each stride is the next one's times its size). The new
// sizes must be a refinement of the groups: every group's element count is the product of consecutive new sizes.
std::optional<Sizes> view_strides(std::span<const int64_t> old_sizes, std::span<const int64_t> old_strides,
                                  std::span<const int64_t> sizes, int64_t numel) {
  if (numel == 0)
    return std::ranges::equal(old_sizes, sizes) ? Sizes(old_strides.begin(), old_strides.end()) : contiguous_strides(sizes);
  Sizes strides(sizes.size(), 1);
  if (old_sizes.empty())
    return strides;
  std::size_t next = sizes.size(); // new dimensions from `next` on have their strides
  int64_t base = old_strides.back(), group = 1;
  for (std::size_t d = old_sizes.size(); d-- > 0;) {
    group *= old_sizes[d];
    if (d > 0 && (old_sizes[d - 1] == 1 || old_strides[d - 1] == group * base))
      continue;
    int64_t covered = 1;
    while (next > 0 && (covered < group || sizes[next - 1] == 1)) {
      --next;
      strides[next] = covered * base;
      covered *= sizes[next];
    }
    if (covered != group)
      return std::nullopt;
    if (d > 0) {
      base = old_strides[d - 1];
      group = 1;
    }
  }
  if (next != 0)
    return std::nullopt;
  return strides;
}

} // namespace

Tensor Tensor::view(Sizes sizes) const {
  sizes = resolve_sizes(std::move(sizes), numel());
  auto strides = view_strides(sizes_, strides_, sizes, numel());
  if (!strides)
    throw ValueError("view size is not compatible with input tensor's size and stride (at least one dimension spans "
                     "across two contiguous subspaces). Use .reshape(...) instead.");
  return Tensor(storage_, std::move(sizes), std::move(*strides), offset_, dtype_);
}

Tensor Tensor::reshape(Sizes sizes) const {
  sizes = resolve_sizes(std::move(sizes), numel());
  if (auto strides = view_strides(sizes_, strides_, sizes, numel()))
    return Tensor(storage_, std::move(sizes), std::move(*strides), offset_, dtype_);
  return clone().view(std::move(sizes));
}

Tensor Tensor::permute(Sizes dims) const {
  if (dims.size() != sizes_.size())
    throw ValueError(concat({"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                             "desired ordering of dimensions i.e. input.dim() = ",
                             dim(), " is not equal to len(dims) = ", dims.size()}));
  Sizes sizes, strides;
  std::vector<bool> seen(sizes_.size());
  for (int64_t dim : dims) {
    const std::size_t d = wrap(dim, this->dim());
    if (seen[d])
      throw ValueError("permute(): duplicate dims are not allowed.");
    seen[d] = true;
    sizes.push_back(sizes_[d]);
    strides.push_back(strides_[d]);
  }
  return Tensor(storage_, std::move(sizes), std::move(strides), offset_, dtype_);
}

Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const {
  const std::size_t a = wrap(dim0, dim()), b = wrap(dim1, dim());
  Tensor result = *this;
  if (a != b) {
    std::swap(result.sizes_[a], result.sizes_[b]);
    std::swap(result.strides_[a], result.strides_[b]);
  }
  return result;
}

Tensor Tensor::expand(Sizes sizes) const {
  if (sizes.size() < sizes_.size())
    throw ValueError(concat({"expand(torch.", scalar_type_name(dtype_), "Tensor{", shape_text(),
                             "}, size=", runtime::shape_text(sizes), "): the number of sizes provided (", sizes.size(),
                             ") must be greater or equal to the number of dimensions in the tensor (", dim(), ")"}));
  const std::string target = runtime::shape_text(sizes);
  const std::size_t leading = sizes.size() - sizes_.size();
  Sizes strides(sizes.size(), 0);
  for (std::size_t d = sizes.size(); d-- > 0;) {
    if (d < leading) {
      if (sizes[d] == -1)
        throw ValueError("The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension " +
                         std::to_string(d));
      continue;
    }
    const int64_t old_size = sizes_[d - leading];
    if (sizes[d] == -1)
      sizes[d] = old_size;
    if (sizes[d] == old_size)
      strides[d] = strides_[d - leading];
    else if (old_size != 1)
      throw ValueError(
          concat({"The expanded size of the tensor (", sizes[d], ") must match the existing size (", old_size,
                  ") at non-singleton dimension ", d, ".  Target sizes: ", target, ".  Tensor sizes: ", shape_text()}));
  }
  return Tensor(storage_, std::move(sizes), std::move(strides), offset_, dtype_);
}

Tensor Tensor::slice(int64_t dim, int64_t start, int64_t end, int64_t step) const {
  if (sizes_.empty())
    throw IndexError("slice() cannot be applied to a 0-dim tensor.");
  const std::size_t d = wrap(dim, this->dim());
  if (step <= 0)
    throw ValueError("slice step must be positive");
  const int64_t size = sizes_[d];
  start = std::clamp<int64_t>(start < 0 ? start + size : start, 0, size);
  end = std::clamp<int64_t>(end < 0 ? end + size : end, start, size);
  const int64_t count = (end - start) / step + ((end - start) % step != 0);
  Sizes sizes = sizes_, strides = strides_;
  int64_t stride = strides[d];
  // A step beyond the size selects one element at most; its stride is never followed.
  if (__builtin_mul_overflow(stride, step, &strides[d]))
    strides[d] = stride;
  sizes[d] = count;
  // A slice may be empty and start behind the last element: the offset must not wander off with it. Nor where another dimension has
  // size 0, and the strides are any numbers.
  const int64_t offset = offset_ + (count == 0 || numel() == 0 ? 0 : start * stride);
  return Tensor(storage_, std::move(sizes), std::move(strides), offset, dtype_);
}

Tensor Tensor::select(int64_t dim, int64_t index) const {
  if (sizes_.empty())
    throw IndexError("select() cannot be applied to a 0-dim tensor.");
  const std::size_t d = wrap(dim, this->dim());
  const int64_t size = sizes_[d];
  if (index < -size || index >= size)
    throw IndexError(concat({"select(): index ", index, " out of range for tensor of size ", shape_text(), " at dimension ", d}));
  Sizes sizes = sizes_, strides = strides_;
  const int64_t offset = offset_ + (numel() == 0 ? 0 : (index < 0 ? index + size : index) * strides[d]);
  sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(d));
  strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(d));
  return Tensor(storage_, std::move(sizes), std::move(strides), offset, dtype_);
}

Tensor Tensor::squeeze(int64_t dim) const {
  const std::size_t d = wrap(dim, this->dim());
  Tensor result = *this;
  if (!sizes_.empty() && sizes_[d] == 1) {
    result.sizes_.erase(result.sizes_.begin() + static_cast<std::ptrdiff_t>(d));
    result.strides_.erase(result.strides_.begin() + static_cast<std::ptrdiff_t>(d));
  }
  return result;
}

Tensor Tensor::unsqueeze(int64_t dim) const {
  const std::size_t d = wrap(dim, this->dim() + 1);
  int64_t stride = 1;
  if (d < sizes_.size() && __builtin_mul_overflow(sizes_[d], strides_[d], &stride))
    stride = 1;
  Tensor result = *this;
  result.sizes_.insert(result.sizes_.begin() + static_cast<std::ptrdiff_t>(d), 1);
  result.strides_.insert(result.strides_.begin() + static_cast<std::ptrdiff_t>(d), stride);
  return result;
}

} // namespace kiln::runtime
