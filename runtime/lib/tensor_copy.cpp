// Copies between tensors of any strides and element types.
//
// A conversion goes through int64 or double, a block of elements at a time: both hold every value of the types on their side
// exactly, so ten loads and twenty stores replace a hundred loops without a second rounding.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "concat.h"
#include "kiln/runtime/half.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

namespace {

constexpr int64_t kBlock = 256; // elements converted at a time

//===----------------------------------------------------------------------===//
// Element conversions
//===----------------------------------------------------------------------===//

// Types of one's own, so that overloads tell them from uint16_t.
struct HalfBits {
  uint16_t bits;
};
struct BFloat16Bits {
  uint16_t bits;
};

// Truncation as the processor's instruction has it, which PyTorch shows: out of range and NaN become the smallest value.
int64_t truncate_to_int64(double value) { return value >= -0x1p63 && value < 0x1p63 ? static_cast<int64_t>(value) : INT64_MIN; }
int32_t truncate_to_int32(double value) {
  return value > -0x1p31 - 1 && value < 0x1p31 ? static_cast<int32_t>(value) : INT32_MIN;
}

template <class T> struct Element {
  using Wide = int64_t;
  static int64_t widen(T value) { return static_cast<int64_t>(value); }
  static T narrow(int64_t value) { return static_cast<T>(value); }
  // Narrow integers keep the low bits of the 32-bit truncation, as PyTorch's do.
  static T narrow(double value) { return static_cast<T>(truncate_to_int32(value)); }
};
template <> struct Element<int64_t> {
  using Wide = int64_t;
  static int64_t widen(int64_t value) { return value; }
  static int64_t narrow(int64_t value) { return value; }
  static int64_t narrow(double value) { return truncate_to_int64(value); }
};
// Read as a byte: a file may hold another value than 0 and 1, which a C++ bool may not.
template <> struct Element<bool> {
  using Wide = int64_t;
  static int64_t widen(uint8_t value) { return value != 0; }
  static uint8_t narrow(int64_t value) { return value != 0; }
  static uint8_t narrow(double value) { return value != 0; } // NaN is true
};
template <> struct Element<float> {
  using Wide = double;
  static double widen(float value) { return value; }
  static float narrow(int64_t value) { return static_cast<float>(value); }
  static float narrow(double value) { return static_cast<float>(value); }
};
template <> struct Element<double> {
  using Wide = double;
  static double widen(double value) { return value; }
  static double narrow(int64_t value) { return static_cast<double>(value); }
  static double narrow(double value) { return value; }
};
// PyTorch rounds to float first, from double and from integers alike.
template <> struct Element<HalfBits> {
  using Wide = double;
  static double widen(uint16_t bits) { return float_from_half(bits); }
  static uint16_t narrow(int64_t value) { return half_from_float(static_cast<float>(value)); }
  static uint16_t narrow(double value) { return half_from_float(static_cast<float>(value)); }
};
template <> struct Element<BFloat16Bits> {
  using Wide = double;
  static double widen(uint16_t bits) { return float_from_bfloat16(bits); }
  static uint16_t narrow(int64_t value) { return bfloat16_from_float(static_cast<float>(value)); }
  static uint16_t narrow(double value) { return bfloat16_from_float(static_cast<float>(value)); }
};

// Calls visit with a value of the type whose Element describes `dtype`.
template <class Visit> void with_element(DType dtype, Visit visit) {
  switch (dtype) {
  case DType::Bool: return visit(Element<bool>());
  case DType::UInt8: return visit(Element<uint8_t>());
  case DType::Int8: return visit(Element<int8_t>());
  case DType::Int16: return visit(Element<int16_t>());
  case DType::Int32: return visit(Element<int32_t>());
  case DType::Int64: return visit(Element<int64_t>());
  case DType::Float16: return visit(Element<HalfBits>());
  case DType::BFloat16: return visit(Element<BFloat16Bits>());
  case DType::Float32: return visit(Element<float>());
  case DType::Float64: return visit(Element<double>());
  }
}

// `count` elements, `stride` elements apart; a buffer of a row's converted values lies densely.
template <class Wide> using LoadRow = void (*)(const std::byte *from, int64_t stride, int64_t count, Wide *to);
template <class Wide> using StoreRow = void (*)(const Wide *from, int64_t count, std::byte *to, int64_t stride);

template <class E, class Wide> void load_row(const std::byte *from, int64_t stride, int64_t count, Wide *to) {
  using Stored = decltype(E::narrow(Wide()));
  const auto *source = reinterpret_cast<const Stored *>(from);
  for (int64_t i = 0; i < count; ++i)
    to[i] = E::widen(source[i * stride]);
}

template <class E, class Wide> void store_row(const Wide *from, int64_t count, std::byte *to, int64_t stride) {
  using Stored = decltype(E::narrow(Wide()));
  auto *target = reinterpret_cast<Stored *>(to);
  for (int64_t i = 0; i < count; ++i)
    target[i * stride] = E::narrow(from[i]);
}

//===----------------------------------------------------------------------===//
// Iteration
//===----------------------------------------------------------------------===//

// The common loop nest of two tensors of equal sizes, with dimensions merged where both allow it. Strides in elements.
struct LoopNest {
  std::vector<int64_t> sizes, to_strides, from_strides;

  LoopNest(const Tensor &to, const Tensor &from) {
    for (int64_t d = 0; d < to.dim(); ++d) {
      const int64_t size = to.sizes()[d], a = to.strides()[d], b = from.strides()[d];
      if (size == 1)
        continue;
      if (!sizes.empty() && to_strides.back() == a * size && from_strides.back() == b * size) {
        sizes.back() *= size;
        to_strides.back() = a;
        from_strides.back() = b;
      } else {
        sizes.push_back(size);
        to_strides.push_back(a);
        from_strides.push_back(b);
      }
    }
    if (sizes.empty()) {
      sizes = {1};
      to_strides = from_strides = {1};
    }
  }

  // Calls visit(offset in to, offset in from) at the start of each innermost row.
  template <class Visit> void rows(Visit visit) const {
    const std::size_t outer = sizes.size() - 1;
    std::vector<int64_t> index(outer, 0);
    int64_t to = 0, from = 0;
    for (;;) {
      visit(to, from);
      std::size_t d = outer;
      for (; d-- > 0;) {
        to += to_strides[d];
        from += from_strides[d];
        if (++index[d] < sizes[d])
          break;
        to -= to_strides[d] * sizes[d];
        from -= from_strides[d] * sizes[d];
        index[d] = 0;
      }
      if (d == static_cast<std::size_t>(-1))
        return;
    }
  }
};

template <class Wide> void convert(const Tensor &to, const Tensor &from, LoadRow<Wide> load, StoreRow<Wide> store) {
  const LoopNest nest(to, from);
  const int64_t count = nest.sizes.back(), to_stride = nest.to_strides.back(), from_stride = nest.from_strides.back();
  const auto to_bytes = static_cast<int64_t>(element_size(to.dtype()));
  const auto from_bytes = static_cast<int64_t>(element_size(from.dtype()));
  auto *to_data = static_cast<std::byte *>(to.data());
  const auto *from_data = static_cast<const std::byte *>(from.data());
  Wide buffer[kBlock];
  nest.rows([&](int64_t to_offset, int64_t from_offset) {
    for (int64_t i = 0; i < count; i += kBlock) {
      const int64_t block = std::min(kBlock, count - i);
      load(from_data + (from_offset + i * from_stride) * from_bytes, from_stride, block, buffer);
      store(buffer, block, to_data + (to_offset + i * to_stride) * to_bytes, to_stride);
    }
  });
}

// Copies elements as bytes, so that even a NaN's payload stays.
template <class Word> void copy_words(const Tensor &to, const Tensor &from) {
  const LoopNest nest(to, from);
  const int64_t count = nest.sizes.back(), to_stride = nest.to_strides.back(), from_stride = nest.from_strides.back();
  auto *to_data = static_cast<Word *>(to.data());
  const auto *from_data = static_cast<const Word *>(from.data());
  nest.rows([&](int64_t to_offset, int64_t from_offset) {
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(to_data + to_offset + i * to_stride, from_data + from_offset + i * from_stride, sizeof(Word));
  });
}

} // namespace

void Tensor::copy_(const Tensor &source) const {
  if (sizes_ != source.sizes_)
    throw ValueError(concat(
        {"copy_: expected a source of shape ", shape_text(), ", found ", source.shape_text(), "; use expand to broadcast"}));
  if (numel() == 0)
    return;
  if (dtype_ == source.dtype_) {
    if (is_contiguous() && source.is_contiguous()) {
      std::memmove(data(), source.data(), nbytes());
      return;
    }
    switch (element_size(dtype_)) {
    case 1: return copy_words<uint8_t>(*this, source);
    case 2: return copy_words<uint16_t>(*this, source);
    case 4: return copy_words<uint32_t>(*this, source);
    default: return copy_words<uint64_t>(*this, source);
    }
  }
  with_element(source.dtype_, [&](auto from) {
    using From = decltype(from);
    using Wide = typename From::Wide;
    with_element(dtype_, [&](auto to) { convert<Wide>(*this, source, load_row<From, Wide>, store_row<decltype(to), Wide>); });
  });
}

Tensor Tensor::clone() const {
  Tensor result(sizes_, dtype_);
  result.copy_(*this);
  return result;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_)
    return *this;
  Tensor result(sizes_, dtype);
  result.copy_(*this);
  return result;
}

} // namespace kiln::runtime
