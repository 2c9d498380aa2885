// Element types of tensors: names, sizes and the mapping from C++ types.
//
// The numbering is part of the artifact ABI (abi.h) and never changes; new types are appended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kiln/runtime/export.h"

namespace kiln::runtime {

enum class DType : uint8_t {
  Bool = 0,
  UInt8 = 1,
  Int8 = 2,
  Int16 = 3,
  Int32 = 4,
  Int64 = 5,
  Float16 = 6,
  BFloat16 = 7,
  Float32 = 8,
  Float64 = 9,
};

/// Bytes of one element.
KILN_API std::size_t element_size(DType dtype);
/// PyTorch's name without the module: "float32", "int64", "bool", ...
KILN_API std::string_view name(DType dtype);
/// The name PyTorch's C++ messages use: "Float", "Double", "Long", "Int", "Bool", "Half", ...
KILN_API std::string_view scalar_type_name(DType dtype);
constexpr bool is_floating_point(DType dtype) { return dtype >= DType::Float16; }
constexpr bool is_integral(DType dtype) { return dtype < DType::Float16; }

template <class T> struct dtype_of;
template <> struct dtype_of<bool> { static constexpr DType value = DType::Bool; };
template <> struct dtype_of<uint8_t> { static constexpr DType value = DType::UInt8; };
template <> struct dtype_of<int8_t> { static constexpr DType value = DType::Int8; };
template <> struct dtype_of<int16_t> { static constexpr DType value = DType::Int16; };
template <> struct dtype_of<int32_t> { static constexpr DType value = DType::Int32; };
template <> struct dtype_of<int64_t> { static constexpr DType value = DType::Int64; };
template <> struct dtype_of<float> { static constexpr DType value = DType::Float32; };
template <> struct dtype_of<double> { static constexpr DType value = DType::Float64; };

} // namespace kiln::runtime
