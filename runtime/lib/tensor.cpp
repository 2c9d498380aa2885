// Storage, construction of tensors, and their basic properties.
//
// Every Tensor that exists has passed the checks of one of the two constructors: its element count times its element size fits a
// signed 64-bit integer, and all its elements lie inside its storage. Views (tensor_views.cpp) go through the same constructor.
#include "kiln/runtime/tensor.h"

#include <algorithm>
#include <cstdlib>

#include "concat.h"

namespace kiln::runtime {

namespace {

constexpr std::size_t kAlignment = 64;

// Product of the sizes, or -1 on overflow. A size of 0 makes the product 0 whatever the others are.
int64_t checked_numel(std::span<const int64_t> sizes) {
  int64_t count = 1;
  bool overflowed = false;
  for (int64_t size : sizes) {
    if (size == 0)
      return 0;
    overflowed |= __builtin_mul_overflow(count, size, &count);
  }
  return overflowed ? -1 : count;
}

void refuse_negative_sizes(std::span<const int64_t> sizes) {
  for (int64_t size : sizes)
    if (size < 0)
      throw ValueError(concat({"Trying to create tensor with negative dimension ", size, ": ", shape_text(sizes)}));
}

// Bytes that elements at `offset` with these sizes and strides reach to, or -1 on overflow.
int64_t required_bytes(std::span<const int64_t> sizes, std::span<const int64_t> strides, int64_t offset, int64_t item_bytes) {
  if (std::ranges::find(sizes, 0) != sizes.end())
    return 0; // whatever the strides are: none is followed
  int64_t last = offset;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    int64_t extent;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &extent) || __builtin_add_overflow(last, extent, &last))
      return -1;
  }
  int64_t bytes;
  if (__builtin_add_overflow(last, 1, &last) || __builtin_mul_overflow(last, item_bytes, &bytes))
    return -1;
  return bytes;
}

} // namespace

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  // calloc leaves large blocks to the kernel's zero pages; aligning by hand keeps that.
  void *base = bytes <= static_cast<std::size_t>(INT64_MAX) ? std::calloc(bytes + kAlignment, 1) : nullptr;
  if (!base)
    throw Error(concat({"DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes,
                        " bytes. Error code 12 (Cannot allocate memory)"}));
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  const std::size_t skip = (kAlignment - address % kAlignment) % kAlignment;
  return wrap(static_cast<std::byte *>(base) + skip, bytes, [base] { std::free(base); });
}

std::shared_ptr<Storage> Storage::wrap(void *data, std::size_t bytes, std::function<void()> release) {
  return std::shared_ptr<Storage>(new Storage(static_cast<std::byte *>(data), bytes, std::move(release)));
}

Storage::~Storage() {
  if (release_)
    release_();
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

Tensor::Tensor(std::vector<int64_t> sizes, DType dtype) : sizes_(std::move(sizes)), dtype_(dtype) {
  refuse_negative_sizes(sizes_);
  const int64_t count = checked_numel(sizes_);
  int64_t bytes;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(element_size(dtype)), &bytes))
    throw ValueError("Storage size calculation overflowed with sizes=" + runtime::shape_text(sizes_));
  strides_ = contiguous_strides(sizes_);
  storage_ = Storage::allocate(static_cast<std::size_t>(bytes));
}

Tensor::Tensor(std::shared_ptr<Storage> storage, std::vector<int64_t> sizes, std::vector<int64_t> strides, int64_t offset,
               DType dtype)
    : storage_(std::move(storage)), sizes_(std::move(sizes)), strides_(std::move(strides)), offset_(offset), dtype_(dtype) {
  const auto item_bytes = static_cast<int64_t>(element_size(dtype));
  if (!storage_)
    throw ValueError("a view needs a storage");
  if (sizes_.size() != strides_.size())
    throw ValueError("mismatch in length of strides and shape");
  refuse_negative_sizes(sizes_);
  for (int64_t stride : strides_)
    if (stride < 0)
      throw ValueError("as_strided: Negative strides are not supported at the moment, got strides: " +
                       runtime::shape_text(strides_));
  if (offset < 0)
    throw ValueError("Tensor: invalid storage offset " + std::to_string(offset));
  int64_t all_bytes;
  const int64_t count = checked_numel(sizes_);
  if (count < 0 || __builtin_mul_overflow(count, item_bytes, &all_bytes))
    throw ValueError("numel: integer multiplication overflow");
  const int64_t bytes = required_bytes(sizes_, strides_, offset, item_bytes);
  if (bytes < 0)
    throw ValueError(concat({"Storage size calculation overflowed with sizes=", runtime::shape_text(sizes_),
                             " and strides=", runtime::shape_text(strides_)}));
  if (static_cast<std::size_t>(bytes) > storage_->bytes())
    throw ValueError(concat({"setStorage: sizes ", runtime::shape_text(sizes_), ", strides ", runtime::shape_text(strides_),
                             ", storage offset ", offset, ", and itemsize ", item_bytes, " requiring a storage size of ", bytes,
                             " are out of bounds for storage of size ", storage_->bytes()}));
  // An empty view may point anywhere, as in PyTorch; keeping its offset inside the storage keeps `data()` defined.
  if (count == 0 && static_cast<uint64_t>(offset) > storage_->bytes() / static_cast<uint64_t>(item_bytes))
    offset_ = 0;
}

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

int64_t Tensor::size(int64_t dim) const {
  const int64_t rank = this->dim();
  if (rank == 0)
    throw IndexError(concat({"Dimension specified as ", dim, " but tensor has no dimensions"}));
  if (dim < -rank || dim >= rank)
    throw IndexError(
        concat({"Dimension out of range (expected to be in range of [", -rank, ", ", rank - 1, "], but got ", dim, ")"}));
  return sizes_[static_cast<std::size_t>(dim < 0 ? dim + rank : dim)];
}

int64_t Tensor::numel() const { return checked_numel(sizes_); }

bool Tensor::is_contiguous() const {
  if (numel() == 0)
    return true;
  int64_t expected = 1;
  for (std::size_t d = sizes_.size(); d-- > 0;) {
    if (sizes_[d] == 1)
      continue; // its stride is never used
    if (strides_[d] != expected)
      return false;
    expected *= sizes_[d];
  }
  return true;
}

bool Tensor::is_same(const Tensor &other) const {
  return storage_ == other.storage_ && offset_ == other.offset_ && sizes_ == other.sizes_ && strides_ == other.strides_ &&
         dtype_ == other.dtype_;
}

std::string Tensor::shape_text() const { return runtime::shape_text(sizes_); }

void Tensor::require_dtype(DType dtype) const {
  if (dtype != dtype_)
    throw TypeError(concat({"expected scalar type ", scalar_type_name(dtype), " but found ", scalar_type_name(dtype_)}));
}

std::string shape_text(std::span<const int64_t> sizes) {
  std::string text = "[";
  for (std::size_t d = 0; d < sizes.size(); ++d)
    text += (d ? ", " : "") + std::to_string(sizes[d]);
  return text + "]";
}

std::vector<int64_t> contiguous_strides(std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (std::size_t d = sizes.size(); d-- > 1;)
    if (__builtin_mul_overflow(strides[d], std::max<int64_t>(sizes[d], 1), &strides[d - 1]))
      throw ValueError("Stride calculation overflowed");
  return strides;
}

} // namespace kiln::runtime
