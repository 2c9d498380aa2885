// TensorOptions and the names of element types.
#pragma once

#include "kiln/runtime/dtype.h"

namespace kiln {

using runtime::DType;

inline constexpr DType kBool = DType::Bool;
inline constexpr DType kUInt8 = DType::UInt8, kByte = DType::UInt8;
inline constexpr DType kInt8 = DType::Int8, kChar = DType::Int8;
inline constexpr DType kInt16 = DType::Int16, kShort = DType::Int16;
inline constexpr DType kInt32 = DType::Int32, kInt = DType::Int32;
inline constexpr DType kInt64 = DType::Int64, kLong = DType::Int64;
inline constexpr DType kFloat16 = DType::Float16, kHalf = DType::Float16;
inline constexpr DType kBFloat16 = DType::BFloat16;
inline constexpr DType kFloat32 = DType::Float32, kFloat = DType::Float32;
inline constexpr DType kFloat64 = DType::Float64, kDouble = DType::Float64;

/// What a factory makes: element type, and whether the tensor is to be trained. Converts from an element type, so
/// `ones({3}, kBool)` reads as in libtorch.
class TensorOptions {
public:
  TensorOptions() = default;
  TensorOptions(DType dtype) : dtype_(dtype), has_dtype_(true) {}

  TensorOptions dtype(DType value) const {
    TensorOptions result = *this;
    result.dtype_ = value;
    result.has_dtype_ = true;
    return result;
  }
  TensorOptions requires_grad(bool value) const {
    TensorOptions result = *this;
    result.requires_grad_ = value;
    return result;
  }
  DType dtype() const { return dtype_; }
  bool has_dtype() const { return has_dtype_; }
  DType dtype_or(DType otherwise) const { return has_dtype_ ? dtype_ : otherwise; }
  bool requires_grad() const { return requires_grad_; }

private:
  DType dtype_ = DType::Float32;
  bool has_dtype_ = false;
  bool requires_grad_ = false;
};

inline TensorOptions dtype(DType value) { return TensorOptions(value); }
inline TensorOptions requires_grad(bool value = true) { return TensorOptions().requires_grad(value); }

} // namespace kiln
