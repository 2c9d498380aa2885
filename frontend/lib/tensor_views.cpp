// Views and copies.
#include <algorithm>
#include <numeric>

#include "errors.h"
#include "kiln/semantics/operation.h"
#include "kiln/tensor.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln {

using detail::apply;
using detail::checked;
using detail::fail;
using detail::Geometry;
using detail::geometry_of;
using detail::make_view;
using detail::require;
using detail::ViewStep;
using runtime::IndexError;

namespace {

Tensor reshape_view(const Tensor &tensor, Geometry geometry) {
  ViewStep step;
  step.kind = ViewStep::Kind::Reshape;
  return make_view(tensor, std::move(step), std::move(geometry));
}

int64_t wrap(int64_t dim, int64_t rank) {
  return checked([&] { return semantics::wrap_dim(dim, rank); });
}

// A view by permuting dimensions, those already wrapped.
Tensor permute_view(const Tensor &tensor, std::vector<int64_t> dims, Geometry geometry) {
  ViewStep step;
  step.kind = ViewStep::Kind::Permute;
  step.dims = std::move(dims);
  return make_view(tensor, std::move(step), std::move(geometry));
}

Tensor slice_view(const Tensor &tensor, int64_t dim, int64_t start, int64_t end, int64_t step) {
  Geometry geometry = detail::slice_geometry(geometry_of(*require(tensor, "slice")), dim, start, end, step);
  ViewStep view;
  view.kind = ViewStep::Kind::Slice;
  view.dim = dim;
  view.start = start;
  view.end = end;
  view.step = step;
  return make_view(tensor, std::move(view), std::move(geometry));
}

} // namespace

Tensor Tensor::view(IntArrayRef sizes) const {
  return reshape_view(*this, detail::view_geometry(geometry_of(*require(*this, "view")), sizes));
}

Tensor Tensor::reshape(IntArrayRef sizes) const {
  const Geometry from = geometry_of(*require(*this, "reshape"));
  std::vector<int64_t> resolved = detail::infer_sizes(sizes, from.numel());
  if (detail::view_strides(from, resolved))
    return view(resolved);
  return apply("nn.reshape", {*this}, {{"shape", std::vector<semantics::DimExpr>(resolved.begin(), resolved.end())}});
}

Tensor Tensor::flatten(int64_t start_dim, int64_t end_dim) const {
  const Geometry from = geometry_of(*require(*this, "flatten"));
  const auto [start, end] = detail::flatten_range(from, start_dim, end_dim);
  if (from.sizes.empty())
    return reshape({1});
  if (start == end)
    return *this;
  std::vector<int64_t> sizes(from.sizes.begin(), from.sizes.begin() + start);
  sizes.push_back(std::accumulate(from.sizes.begin() + start, from.sizes.begin() + end + 1, int64_t{1}, std::multiplies<>()));
  sizes.insert(sizes.end(), from.sizes.begin() + end + 1, from.sizes.end());
  return reshape(sizes);
}

Tensor Tensor::unflatten(int64_t dim, IntArrayRef sizes) const {
  const Geometry from = geometry_of(*require(*this, "unflatten"));
  const int64_t wrapped = wrap(dim, from.rank());
  if (sizes.empty())
    fail("unflatten: sizes must be non-empty");
  if (from.sizes.empty())
    fail<IndexError>("Dimension specified as " + std::to_string(dim) + " but tensor has no dimensions");
  std::vector<int64_t> parts;
  const int64_t size = from.sizes[static_cast<std::size_t>(wrapped)];
  const bool inferred = std::find(sizes.begin(), sizes.end(), -1) != sizes.end();
  const int64_t known = std::accumulate(sizes.begin(), sizes.end(), int64_t{1},
                                        [](int64_t product, int64_t part) { return part == -1 ? product : product * part; });
  if (inferred ? known <= 0 || size % known != 0 : known != size)
    fail("unflatten: Provided sizes " + detail::sizes_text(sizes) + " don't multiply up to the size of dim " +
         std::to_string(wrapped) + " (" + detail::size_text(size) + ") in the input tensor");
  for (int64_t part : sizes)
    parts.push_back(part == -1 ? size / known : part);
  std::vector<int64_t> result(from.sizes.begin(), from.sizes.begin() + wrapped);
  result.insert(result.end(), parts.begin(), parts.end());
  result.insert(result.end(), from.sizes.begin() + wrapped + 1, from.sizes.end());
  return view(result);
}

Tensor Tensor::permute(IntArrayRef dims) const {
  Geometry geometry = detail::permute_geometry(geometry_of(*require(*this, "permute")), dims);
  std::vector<int64_t> wrapped;
  for (int64_t d : dims)
    wrapped.push_back(wrap(d, dim()));
  return permute_view(*this, std::move(wrapped), std::move(geometry));
}

Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const {
  const Geometry from = geometry_of(*require(*this, "transpose"));
  dim0 = wrap(dim0, from.rank());
  dim1 = wrap(dim1, from.rank());
  if (from.sizes.empty() || dim0 == dim1)
    return make_view(*this, {}, from);
  std::vector<int64_t> dims(from.sizes.size());
  std::iota(dims.begin(), dims.end(), 0);
  std::swap(dims[static_cast<std::size_t>(dim0)], dims[static_cast<std::size_t>(dim1)]);
  Geometry geometry = detail::permute_geometry(from, dims);
  return permute_view(*this, std::move(dims), std::move(geometry));
}

Tensor Tensor::t() const {
  require(*this, "t");
  if (dim() > 2)
    fail("t() expects a tensor with <= 2 dimensions, but self is " + std::to_string(dim()) + "D");
  return dim() < 2 ? make_view(*this, {}, geometry_of(*require(*this, "t"))) : transpose(0, 1);
}

Tensor Tensor::squeeze() const {
  const Geometry from = geometry_of(*require(*this, "squeeze"));
  Geometry geometry;
  geometry.offset = from.offset;
  for (std::size_t d = 0; d < from.sizes.size(); ++d)
    if (from.sizes[d] != 1) {
      geometry.sizes.push_back(from.sizes[d]);
      geometry.strides.push_back(from.strides[d]);
    }
  return reshape_view(*this, std::move(geometry));
}

Tensor Tensor::squeeze(int64_t dim) const {
  Geometry geometry = geometry_of(*require(*this, "squeeze"));
  const int64_t wrapped = wrap(dim, geometry.rank());
  if (geometry.sizes.empty() || geometry.sizes[static_cast<std::size_t>(wrapped)] != 1)
    return make_view(*this, {}, std::move(geometry));
  geometry.sizes.erase(geometry.sizes.begin() + wrapped);
  geometry.strides.erase(geometry.strides.begin() + wrapped);
  return reshape_view(*this, std::move(geometry));
}

Tensor Tensor::unsqueeze(int64_t dim) const {
  Geometry geometry = geometry_of(*require(*this, "unsqueeze"));
  const auto wrapped = static_cast<std::size_t>(wrap(dim, geometry.rank() + 1));
  const int64_t stride = wrapped < geometry.sizes.size() ? geometry.sizes[wrapped] * geometry.strides[wrapped] : 1;
  geometry.sizes.insert(geometry.sizes.begin() + static_cast<std::ptrdiff_t>(wrapped), 1);
  geometry.strides.insert(geometry.strides.begin() + static_cast<std::ptrdiff_t>(wrapped), stride);
  return reshape_view(*this, std::move(geometry));
}

Tensor Tensor::expand(IntArrayRef sizes) const {
  const auto impl = require(*this, "expand");
  Geometry geometry = detail::expand_geometry(geometry_of(*impl), sizes, detail::dtype_of(*impl));
  ViewStep step;
  step.kind = ViewStep::Kind::Expand;
  return make_view(*this, std::move(step), std::move(geometry));
}

Tensor Tensor::slice(int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) const {
  const Geometry from = geometry_of(*require(*this, "slice"));
  if (from.sizes.empty())
    fail("slice() cannot be applied to a 0-dim tensor.");
  dim = wrap(dim, from.rank());
  if (step <= 0)
    fail("slice step must be positive");
  const int64_t size = from.sizes[static_cast<std::size_t>(dim)];
  auto clamp = [size](int64_t position) { return std::clamp<int64_t>(position < 0 ? position + size : position, 0, size); };
  const int64_t first = clamp(start.value_or(0)), last = std::max(first, clamp(end.value_or(size)));
  return slice_view(*this, dim, first, last, step);
}

Tensor Tensor::select(int64_t dim, int64_t index) const {
  const Geometry from = geometry_of(*require(*this, "select"));
  if (from.sizes.empty())
    fail<IndexError>("select() cannot be applied to a 0-dim tensor.");
  dim = wrap(dim, from.rank());
  const int64_t size = from.sizes[static_cast<std::size_t>(dim)];
  if (index < -size || index >= size)
    fail<IndexError>("select(): index " + std::to_string(index) + " out of range for tensor of size " +
                     detail::sizes_text(from.sizes) + " at dimension " + std::to_string(dim));
  const int64_t first = index < 0 ? index + size : index;
  return slice_view(*this, dim, first, first + 1, 1).squeeze(dim);
}

Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  const Geometry from = geometry_of(*require(*this, "narrow"));
  if (from.sizes.empty())
    fail("narrow() cannot be applied to a 0-dim tensor.");
  dim = wrap(dim, from.rank());
  const int64_t size = from.sizes[static_cast<std::size_t>(dim)];
  if (length < 0)
    fail("narrow(): length must be non-negative.");
  if (start < -size || start > size)
    fail<IndexError>("start out of range (expected to be in range of [" + detail::size_text(-size) + ", " +
                     detail::size_text(size) + "], but got " + std::to_string(start) + ")");
  const int64_t first = start < 0 ? start + size : start;
  if (first > size - length)
    fail("start (" + std::to_string(first) + ") + length (" + detail::size_text(length) + ") exceeds dimension size (" +
         detail::size_text(size) + ").");
  return slice_view(*this, dim, first, first + length, 1);
}

std::vector<Tensor> Tensor::split(int64_t split_size, int64_t dim) const {
  require(*this, "split");
  if (this->dim() == 0)
    fail("split expects at least a 1-dimensional tensor");
  if (split_size < 0)
    fail("split expects split_size be non-negative, but got split_size=" + std::to_string(split_size));
  dim = wrap(dim, this->dim());
  const int64_t size = this->size(dim);
  if (split_size == 0 && size != 0)
    fail("split_size can only be 0 if dimension size is 0, but got dimension size of " + detail::size_text(size));
  const int64_t count = split_size == 0 ? 1 : std::max<int64_t>((size + split_size - 1) / split_size, 1);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < count; ++i)
    parts.push_back(narrow(dim, i * split_size, std::min(split_size, size - i * split_size)));
  return parts;
}

std::vector<Tensor> Tensor::split(IntArrayRef split_sizes, int64_t dim) const {
  require(*this, "split_with_sizes");
  if (this->dim() == 0)
    fail("split expects at least a 1-dimensional tensor");
  dim = wrap(dim, this->dim());
  const int64_t size = this->size(dim), total = std::accumulate(split_sizes.begin(), split_sizes.end(), int64_t{0});
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t length : split_sizes) {
    if (length < 0)
      fail("split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=" +
           detail::sizes_text(split_sizes));
    if (start + length <= size)
      parts.push_back(narrow(dim, start, length));
    start += length;
  }
  if (total != size)
    fail("split_with_sizes expects split_sizes to sum exactly to " + detail::size_text(size) +
         " (input tensor's size at dimension " + std::to_string(dim) +
         "), but got split_sizes=" + detail::sizes_text(split_sizes));
  return parts;
}

std::vector<Tensor> Tensor::chunk(int64_t chunks, int64_t dim) const {
  require(*this, "chunk");
  if (this->dim() == 0)
    fail("chunk expects at least a 1-dimensional tensor");
  if (chunks <= 0)
    fail("chunk expects `chunks` to be greater than 0, got: " + std::to_string(chunks));
  dim = wrap(dim, this->dim());
  const int64_t size = this->size(dim), split_size = (size + chunks - 1) / chunks;
  if (split_size == 0 && size == 0)
    return split(std::vector<int64_t>(static_cast<std::size_t>(chunks), 0), dim);
  return split(split_size, dim);
}

std::vector<Tensor> Tensor::unbind(int64_t dim) const {
  require(*this, "unbind");
  dim = wrap(dim, this->dim());
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < size(dim); ++i)
    parts.push_back(select(dim, i));
  return parts;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

// A value of the recording has no strides of its own, so a copy is a reshape to the same sizes; a dense tensor's clone keeps its
// strides.
Tensor Tensor::clone() const {
  const Geometry from = geometry_of(*require(*this, "clone"));
  Tensor copy = apply("nn.reshape", {*this}, {{"shape", std::vector<semantics::DimExpr>(from.sizes.begin(), from.sizes.end())}});
  return from.is_dense() ? detail::with_geometry(copy, from) : copy;
}

Tensor Tensor::contiguous() const {
  if (is_contiguous())
    return *this;
  return apply("nn.reshape", {*this}, {{"shape", std::vector<semantics::DimExpr>(sizes().begin(), sizes().end())}});
}

Tensor Tensor::to(DType dtype) const {
  const auto impl = detail::TensorAccess::impl(*this);
  if (detail::dtype_of(*require(*this, "to")) == dtype)
    return *this;
  return detail::apply_elementwise("nn.cast", {*this}, {{"dtype", dtype}});
}

Tensor Tensor::repeat(IntArrayRef repeats) const {
  const Geometry from = geometry_of(*require(*this, "repeat"));
  if (repeats.size() < from.sizes.size())
    fail("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  // [r0, r1, ...] over [s0, s1, ...]: expand [1, s0, 1, s1] to [r0, s0, r1, s1] and merge pairs.
  const std::size_t added = repeats.size() - from.sizes.size();
  std::vector<int64_t> apart, expanded, merged;
  for (std::size_t d = 0; d < repeats.size(); ++d) {
    const int64_t size = d < added ? 1 : from.sizes[d - added];
    if (repeats[d] < 0)
      fail("Trying to create tensor with negative dimension " + std::to_string(repeats[d] * size) + ": " +
           detail::sizes_text(repeats));
    apart.insert(apart.end(), {1, size});
    expanded.insert(expanded.end(), {repeats[d], size});
    merged.push_back(repeats[d] * size);
  }
  return reshape(apart).expand(expanded).clone().reshape(merged);
}

Tensor cat(const TensorList &tensors, int64_t dim) {
  if (tensors.empty())
    fail("torch.cat(): expected a non-empty list of Tensors");
  std::vector<detail::PromotionOperand> operands;
  for (const Tensor &tensor : tensors)
    operands.push_back({detail::dtype_of(*require(tensor, "cat")), tensor.dim(), false});
  const DType common = detail::result_type(operands);
  TensorList converted;
  for (const Tensor &tensor : tensors)
    converted.push_back(tensor.to(common));
  return apply("nn.cat", converted, {{"dim", wrap(dim, tensors.front().dim())}});
}

Tensor stack(const TensorList &tensors, int64_t dim) {
  if (tensors.empty())
    fail("stack expects a non-empty TensorList");
  const int64_t wrapped = wrap(dim, tensors.front().dim() + 1);
  TensorList parts;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].sizes() != tensors[0].sizes())
      fail("stack expects each tensor to be equal size, but got " + detail::sizes_text(tensors[0].sizes()) + " at entry 0 and " +
           detail::sizes_text(tensors[i].sizes()) + " at entry " + std::to_string(i));
    parts.push_back(tensors[i].unsqueeze(wrapped));
  }
  return cat(parts, wrapped);
}

} // namespace kiln
