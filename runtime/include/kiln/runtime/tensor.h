// Concrete tensors: a typed, strided view of shared storage, with PyTorch's view semantics.
//
// A Tensor is a handle: copying one shares the storage. Nothing here computes; operations live in kiln/semantics (the compiler's
// reference kernels) and in compiled code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kiln/runtime/dtype.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/export.h"

namespace kiln::runtime {

/// A block of bytes, 64-byte aligned when allocated here. Shared between a tensor and its views.
class KILN_API Storage {
public:
  /// Allocates `bytes` zeroed bytes. Throws Error when memory is not to be had.
  static std::shared_ptr<Storage> allocate(std::size_t bytes);
  /// Wraps memory that somebody else owns; `release` runs when the last user is gone (may be empty).
  static std::shared_ptr<Storage> wrap(void *data, std::size_t bytes, std::function<void()> release);
  ~Storage();
  Storage(const Storage &) = delete;
  Storage &operator=(const Storage &) = delete;

  std::byte *data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

private:
  Storage(std::byte *data, std::size_t bytes, std::function<void()> release)
      : data_(data), bytes_(bytes), release_(std::move(release)) {}
  std::byte *data_;
  std::size_t bytes_;
  std::function<void()> release_;
};

class KILN_API Tensor {
public:
  /// An undefined tensor: `defined()` is false and nothing else may be asked of it.
  Tensor() = default;
  /// A zero-filled contiguous tensor. Throws ValueError for a negative size or a size that overflows.
  Tensor(std::vector<int64_t> sizes, DType dtype);
  /// A view of `storage`. `strides` and `offset` in elements. Throws ValueError when any element would lie outside the storage.
  Tensor(std::shared_ptr<Storage> storage, std::vector<int64_t> sizes, std::vector<int64_t> strides,
         int64_t offset, DType dtype);

  /// Copies `values` into a new contiguous tensor.
  template <class T> static Tensor from(std::span<const T> values, std::vector<int64_t> sizes);
  /// A tensor without dimensions.
  template <class T> static Tensor scalar(T value) { return from(std::span<const T>(&value, 1), {}); }

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  int64_t dim() const { return static_cast<int64_t>(sizes_.size()); }
  std::span<const int64_t> sizes() const { return sizes_; }
  std::span<const int64_t> strides() const { return strides_; }
  /// Size of a dimension; negative counts from the end. Throws IndexError with PyTorch's text.
  int64_t size(int64_t dim) const;
  int64_t offset() const { return offset_; }
  int64_t numel() const;
  std::size_t nbytes() const { return static_cast<std::size_t>(numel()) * element_size(dtype_); }
  bool is_contiguous() const;
  const std::shared_ptr<Storage> &storage() const { return storage_; }

  /// First element. `data<T>()` throws TypeError when T is not the tensor's element type.
  void *data() const { return storage_->data() + offset_ * static_cast<int64_t>(element_size(dtype_)); }
  template <class T> T *data() const {
    require_dtype(dtype_of<T>::value);
    return static_cast<T *>(data());
  }
  /// The only element of a one-element tensor, converted to T.
  template <class T> T item() const;

  // Views: share storage; throw with PyTorch's text where PyTorch throws.
  Tensor view(std::vector<int64_t> sizes) const; // one size may be -1
  Tensor permute(std::vector<int64_t> dims) const;
  Tensor transpose(int64_t dim0, int64_t dim1) const;
  Tensor expand(std::vector<int64_t> sizes) const; // -1 keeps a size
  Tensor slice(int64_t dim, int64_t start, int64_t end, int64_t step) const;
  Tensor select(int64_t dim, int64_t index) const;
  Tensor squeeze(int64_t dim) const;
  Tensor unsqueeze(int64_t dim) const;
  /// A view where strides allow it, else a contiguous copy.
  Tensor reshape(std::vector<int64_t> sizes) const;

  // Copies.
  Tensor contiguous() const; // *this when already contiguous
  Tensor clone() const;      // always new, contiguous
  /// Values converted as PyTorch's `to(dtype)` converts them (float to int truncates; anything non-zero is true).
  Tensor to(DType dtype) const;
  /// Writes `source` (same sizes, any dtype, any strides) into this tensor's elements. Throws ValueError.
  void copy_(const Tensor &source) const;

  /// Same storage, offset, sizes, strides and dtype.
  bool is_same(const Tensor &other) const;
  /// "[2, 3]".
  std::string shape_text() const;

private:
  void require_dtype(DType dtype) const;
  std::shared_ptr<Storage> storage_;
  std::vector<int64_t> sizes_, strides_;
  int64_t offset_ = 0;
  DType dtype_ = DType::Float32;
};

/// "[2, 3]", as PyTorch prints sizes in messages.
KILN_API std::string shape_text(std::span<const int64_t> sizes);
/// Strides of a contiguous tensor; a size of 0 counts as 1, as in PyTorch.
KILN_API std::vector<int64_t> contiguous_strides(std::span<const int64_t> sizes);
/// Calls `visit(element_offset)` for each element in row-major order; the workhorse of strided code.
template <class Visit> void for_each_offset(const Tensor &tensor, Visit visit);

} // namespace kiln::runtime

#include "kiln/runtime/tensor_inl.h"
