// Tensors: construction, PyTorch's view rules, copies and casts. Expected strides, values and texts are PyTorch's.
#include <cmath>
#include <iterator>
#include <limits>

#include "kiln/runtime/files.h"
#include "kiln/runtime/half.h"
#include "kiln/runtime/tensor.h"
#include "test_files.h"

// AddressSanitizer's allocator must say no as the C library's does.
extern "C" __attribute__((visibility("default"))) const char *__asan_default_options();
const char *__asan_default_options() { return "allocator_may_return_null=1"; }

namespace kiln::runtime {
namespace {

using Sizes = std::vector<int64_t>;

Tensor arange(Sizes sizes) {
  Tensor result(std::move(sizes), DType::Float32);
  for (int64_t i = 0; i < result.numel(); ++i)
    result.data<float>()[i] = static_cast<float>(i);
  return result;
}

constexpr DType kAllTypes[] = {DType::Bool,  DType::UInt8,   DType::Int8,     DType::Int16,   DType::Int32,
                               DType::Int64, DType::Float16, DType::BFloat16, DType::Float32, DType::Float64};

TEST(DTypeTest, NamesAndSizes) {
  const std::string names[] = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"};
  const std::string scalar_names[] = {"Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double"};
  const std::size_t sizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
  for (DType dtype : kAllTypes) {
    const auto i = static_cast<std::size_t>(dtype);
    EXPECT_EQ(name(dtype), names[i]);
    EXPECT_EQ(scalar_type_name(dtype), scalar_names[i]);
    EXPECT_EQ(element_size(dtype), sizes[i]);
    EXPECT_EQ(is_floating_point(dtype), !is_integral(dtype));
  }
  EXPECT_EQ(message_of<TypeError>([] { element_size(static_cast<DType>(10)); }), "unknown element type number 10");
}

TEST(HalfTest, EveryHalfAndItsRounding) {
  // The formula of IEEE 754 in double, which holds every step exactly.
  auto value = [](uint16_t bits, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1, exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
      return mantissa ? std::nan("") : sign * HUGE_VAL;
    return sign * std::ldexp(exponent ? mantissa + (1 << mantissa_bits) : mantissa, std::max(exponent, 1) - bias - mantissa_bits);
  };
  struct Format {
    int exponent_bits, mantissa_bits;
    float (*to_float)(uint16_t);
    uint16_t (*from_float)(float);
  };
  for (const Format &format :
       {Format{5, 10, float_from_half, half_from_float}, Format{8, 7, float_from_bfloat16, bfloat16_from_float}})
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto here = static_cast<uint16_t>(bits);
      const double exact = value(here, format.exponent_bits, format.mantissa_bits);
      const float result = format.to_float(here);
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(result) && std::isnan(format.to_float(format.from_float(result))));
        continue;
      }
      ASSERT_EQ(result, exact);
      ASSERT_EQ(format.from_float(result), here);
      // Between this number and the next away from zero: the middle goes to the even one, the floats beside it to their side.
      const auto next = static_cast<uint16_t>(here + 1);
      const double after = value(next, format.exponent_bits, format.mantissa_bits);
      if (std::isnan(after) || std::isinf(exact) || std::isinf(after))
        continue;
      const auto middle = static_cast<float>((exact + after) / 2);
      if (middle != (exact + after) / 2)
        continue; // bfloat16's smallest numbers are floats' smallest
      ASSERT_EQ(format.from_float(middle), here % 2 == 0 ? here : next);
      ASSERT_EQ(format.from_float(std::nextafter(middle, 0.0f)), here);
      ASSERT_EQ(format.from_float(std::nextafter(middle, std::signbit(exact) ? -INFINITY : INFINITY)), next);
    }
  EXPECT_EQ(half_from_float(65519.99f), 0x7bff);
  EXPECT_EQ(half_from_float(65520.0f), 0x7c00);
  EXPECT_EQ(bfloat16_from_float(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(TensorTest, IsZeroFilledAlignedAndContiguous) {
  const Tensor tensor({2, 3}, DType::Int16);
  EXPECT_EQ(values<int16_t>(tensor), std::vector<int16_t>(6, 0));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u);
  EXPECT_EQ(list(tensor.strides()), (Sizes{3, 1}));
  EXPECT_EQ(tensor.nbytes(), 12u);
  EXPECT_TRUE(tensor.is_contiguous());
  EXPECT_FALSE(Tensor().defined());
  EXPECT_EQ(list(Tensor({2, 0, 3}, DType::Float32).strides()), (Sizes{3, 3, 1}));
  EXPECT_EQ(Tensor({}, DType::Float32).numel(), 1);
  EXPECT_EQ(Tensor({}, DType::Float32).shape_text(), "[]");
}

TEST(TensorTest, RefusesImpossibleSizes) {
  auto make = [](Sizes sizes) { return message_of([&] { Tensor(sizes, DType::Float32); }); };
  EXPECT_EQ(make({-1, 2}), "Trying to create tensor with negative dimension -1: [-1, 2]");
  EXPECT_EQ(make({int64_t(1) << 40, int64_t(1) << 40}),
            "Storage size calculation overflowed with sizes=[1099511627776, 1099511627776]");
  EXPECT_EQ(make({int64_t(1) << 61}), "Storage size calculation overflowed with sizes=[2305843009213693952]");
  EXPECT_EQ(make({0, int64_t(1) << 40, int64_t(1) << 40}), "Stride calculation overflowed");
  EXPECT_EQ(make({int64_t(1) << 52}),
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 18014398509481984 bytes. Error "
            "code 12 (Cannot allocate memory)");
}

TEST(TensorTest, ViewOfStorageStaysInside) {
  const auto storage = Storage::allocate(16);
  auto make = [&](Sizes sizes, Sizes strides, int64_t offset) {
    return message_of<ValueError>([&] { Tensor(storage, sizes, strides, offset, DType::Float32); });
  };
  EXPECT_EQ(make({2, 2}, {2, 1}, 0), "no exception");
  EXPECT_EQ(make({3}, {0}, 3), "no exception");
  EXPECT_EQ(make({0}, {1}, 9), "no exception");
  EXPECT_EQ(make({3, 3}, {3, 1}, 0),
            "setStorage: sizes [3, 3], strides [3, 1], storage offset 0, and itemsize 4 requiring a storage "
            "size of 36 are out of bounds for storage of size 16");
  EXPECT_EQ(make({2}, {1}, 9),
            "setStorage: sizes [2], strides [1], storage offset 9, and itemsize 4 requiring a storage size of 44 are "
            "out of bounds for storage of size 16");
  EXPECT_EQ(make({2}, {-1}, 1), "as_strided: Negative strides are not supported at the moment, got strides: [-1]");
  EXPECT_EQ(make({2}, {1}, -1), "Tensor: invalid storage offset -1");
  EXPECT_EQ(make({2}, {1, 2}, 0), "mismatch in length of strides and shape");
  EXPECT_EQ(make({3}, {INT64_MAX / 2 + 1}, 0),
            "Storage size calculation overflowed with sizes=[3] and strides=[4611686018427387904]");
  EXPECT_EQ(make({int64_t(1) << 62, 2}, {0, 0}, 0), "numel: integer multiplication overflow");
}

TEST(TensorTest, ReleasesWrappedMemoryOnce) {
  float memory[4] = {1, 2, 3, 4};
  int released = 0;
  {
    Tensor view;
    {
      const Tensor tensor(Storage::wrap(memory, sizeof(memory), [&] { ++released; }), {2, 2}, {2, 1}, 0, DType::Float32);
      view = tensor.select(0, 1);
    }
    EXPECT_EQ(released, 0);
    EXPECT_EQ(values<float>(view), (std::vector<float>{3, 4}));
  }
  EXPECT_EQ(released, 1);
}

// 600 views of random sizes and strides, with the strides that PyTorch gives them or its refusal.
TEST(TensorTest, ViewsExactlyWherePyTorchDoes) {
  auto numbers = [](const std::string &text) {
    std::istringstream stream(text);
    return Sizes(std::istream_iterator<int64_t>(stream), {});
  };
  std::istringstream lines(read_file(data_path("runtime/view_cases.txt")));
  int cases = 0, refused = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ';');)
      fields.push_back(field);
    ASSERT_EQ(fields.size(), 4u) << line;
    const Sizes sizes = numbers(fields[0]), strides = numbers(fields[1]), target = numbers(fields[2]);
    const Tensor base(Storage::allocate(1 << 16), sizes, strides, 0, DType::Float32);
    for (int64_t i = 0; i < 1 << 14; ++i)
      reinterpret_cast<float *>(base.storage()->data())[i] = static_cast<float>(i);
    if (fields[3] == " refused") {
      ++refused;
      EXPECT_EQ(
          message_of<ValueError>([&] { base.view(target); }),
          "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
          "subspaces). Use .reshape(...) instead.")
          << line;
      EXPECT_NE(base.reshape(target).storage(), base.storage()) << line;
    } else {
      EXPECT_EQ(list(base.view(target).strides()), numbers(fields[3])) << line;
      EXPECT_EQ(base.reshape(target).storage(), base.storage()) << line;
    }
    EXPECT_EQ(values<float>(base.reshape(target)), values<float>(base)) << line;
  }
  EXPECT_EQ(cases, 600);
  EXPECT_GT(refused, 50);
}

TEST(TensorTest, RefusesWrongSizesAsPyTorchDoes) {
  const Tensor x = arange({2, 3}), empty({0, 2}, DType::Float32);
  auto view = [](const Tensor &tensor, Sizes sizes) { return message_of<ValueError>([&] { tensor.view(sizes); }); };
  EXPECT_EQ(view(arange({5}), {2, 3}), "shape '[2, 3]' is invalid for input of size 5");
  EXPECT_EQ(view(x, {-1, 4}), "shape '[-1, 4]' is invalid for input of size 6");
  EXPECT_EQ(view(x, {-1, -1}), "only one dimension can be inferred");
  EXPECT_EQ(view(x, {-2, 3}), "invalid shape dimension -2 at index 0 of shape [-2, 3]");
  EXPECT_EQ(view(empty, {0, -1}),
            "cannot reshape tensor of 0 elements into shape [0, -1] because the unspecified dimension size -1 can be "
            "any value and is ambiguous");
  EXPECT_EQ(view(empty, {5}), "shape '[5]' is invalid for input of size 0");
  EXPECT_EQ(view(x, {int64_t(1) << 32, int64_t(1) << 32}), "shape '[4294967296, 4294967296]' is invalid for input of size 6");
  EXPECT_EQ(list(empty.view({-1, 2}).sizes()), (Sizes{0, 2}));
}

TEST(TensorTest, PermutesAndTransposes) {
  const Tensor x = arange({2, 3}), scalar = Tensor::scalar(1.0f);
  EXPECT_EQ(values<float>(x.permute({1, 0})), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_TRUE(x.permute({-2, -1}).is_same(x));
  EXPECT_TRUE(x.transpose(0, -1).is_same(x.permute({1, 0})));
  EXPECT_TRUE(scalar.transpose(0, -1).is_same(scalar));
  EXPECT_EQ(scalar.permute({}).item<float>(), 1);
  auto permute = [&](Sizes dims) { return message_of([&] { x.permute(dims); }); };
  EXPECT_EQ(permute({0}),
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
            "of dimensions i.e. input.dim() = 2 is not equal to len(dims) = 1");
  EXPECT_EQ(permute({0, 0}), "permute(): duplicate dims are not allowed.");
  EXPECT_EQ(permute({0, 2}), "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(message_of<IndexError>([&] { x.transpose(0, 2); }),
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(message_of<IndexError>([&] { scalar.transpose(0, 1); }),
            "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
}

TEST(TensorTest, Expands) {
  const Tensor x = arange({2, 3}), row = arange({1, 3});
  EXPECT_EQ(list(x.expand({4, -1, 3}).strides()), (Sizes{0, 3, 1}));
  EXPECT_EQ(list(row.expand({0, 3}).strides()), (Sizes{0, 1}));
  EXPECT_EQ(values<float>(row.expand({2, 3})), (std::vector<float>{0, 1, 2, 0, 1, 2}));
  auto expand = [](const Tensor &tensor, Sizes sizes) { return message_of<ValueError>([&] { tensor.expand(sizes); }); };
  EXPECT_EQ(expand(x, {3}),
            "expand(torch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1) must be greater or equal to the "
            "number of dimensions in the tensor (2)");
  EXPECT_EQ(expand(x.to(DType::Float64), {3}).substr(0, 27), "expand(torch.DoubleTensor{[");
  EXPECT_EQ(expand(x, {2, 4}),
            "The expanded size of the tensor (4) must match the existing size (3) at non-singleton dimension 1.  Target "
            "sizes: [2, 4].  Tensor sizes: [2, 3]");
  EXPECT_EQ(expand(x, {2, -2}),
            "The expanded size of the tensor (-2) must match the existing size (3) at non-singleton dimension 1.  Target "
            "sizes: [2, -2].  Tensor sizes: [2, 3]");
  EXPECT_EQ(expand(x, {-1, 2, 3}), "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0");
  EXPECT_EQ(expand(arange({1}), {int64_t(1) << 62, 2}), "numel: integer multiplication overflow");
}

TEST(TensorTest, SlicesAndSelects) {
  const Tensor x = arange({2, 3}), scalar = Tensor::scalar(1.0f);
  EXPECT_EQ(values<float>(x.slice(1, -2, 100, 2)), (std::vector<float>{1, 4}));
  EXPECT_EQ(list(x.slice(1, -2, 100, 2).strides()), (Sizes{3, 2}));
  EXPECT_EQ(list(x.slice(1, 2, 1, 1).sizes()), (Sizes{2, 0}));
  // Without elements strides are any numbers, and nothing may be computed with them.
  const Tensor none(x.storage(), {8, 0}, {int64_t(1) << 62, 1}, 0, DType::Float32);
  EXPECT_EQ(list(none.slice(0, 4, 8, 1).sizes()), (Sizes{4, 0}));
  EXPECT_EQ(list(x.slice(-1, -9, -8, 1).sizes()), (Sizes{2, 0}));
  EXPECT_EQ(list(x.slice(0, 0, INT64_MAX, INT64_MAX).sizes()), (Sizes{1, 3}));
  EXPECT_EQ(values<float>(x.slice(0, INT64_MIN, INT64_MAX, 1)), values<float>(x));
  EXPECT_EQ(message_of<ValueError>([&] { x.slice(0, 0, 1, 0); }), "slice step must be positive");
  EXPECT_EQ(message_of<IndexError>([&] { x.slice(2, 0, 1, 1); }),
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(message_of<IndexError>([&] { scalar.slice(0, 0, 1, 1); }), "slice() cannot be applied to a 0-dim tensor.");

  EXPECT_EQ(values<float>(x.select(1, -1)), (std::vector<float>{2, 5}));
  EXPECT_EQ(message_of<IndexError>([&] { x.select(0, 5); }),
            "select(): index 5 out of range for tensor of size [2, 3] at dimension 0");
  EXPECT_EQ(message_of<IndexError>([&] { x.select(0, -3); }),
            "select(): index -3 out of range for tensor of size [2, 3] at dimension 0");
  EXPECT_EQ(message_of<IndexError>([&] { scalar.select(0, 0); }), "select() cannot be applied to a 0-dim tensor.");
}

TEST(TensorTest, SqueezesAndUnsqueezes) {
  const Tensor x = arange({2, 3}), transposed = x.transpose(0, 1), scalar = Tensor::scalar(1.0f);
  EXPECT_TRUE(x.squeeze(0).is_same(x));
  EXPECT_EQ(list(x.unsqueeze(-3).squeeze(0).sizes()), (Sizes{2, 3}));
  EXPECT_TRUE(scalar.squeeze(0).is_same(scalar));
  EXPECT_EQ(list(x.unsqueeze(0).strides()), (Sizes{6, 3, 1}));
  EXPECT_EQ(list(transposed.unsqueeze(0).strides()), (Sizes{3, 1, 3}));
  EXPECT_EQ(list(transposed.unsqueeze(1).strides()), (Sizes{1, 6, 3}));
  EXPECT_EQ(list(transposed.unsqueeze(2).strides()), (Sizes{1, 3, 1}));
  EXPECT_EQ(list(scalar.unsqueeze(0).sizes()), (Sizes{1}));
  EXPECT_EQ(message_of<IndexError>([&] { x.squeeze(2); }),
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(message_of<IndexError>([&] { x.unsqueeze(3); }),
            "Dimension out of range (expected to be in range of [-3, 2], but got 3)");
  EXPECT_EQ(message_of<IndexError>([&] { scalar.unsqueeze(1); }),
            "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
}

TEST(TensorTest, SizeCountsFromBothEnds) {
  const Tensor x = arange({2, 3});
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.size(-1), 3);
  EXPECT_EQ(message_of<IndexError>([&] { x.size(2); }), "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(message_of<IndexError>([&] { x.size(-3); }),
            "Dimension out of range (expected to be in range of [-2, 1], but got -3)");
  EXPECT_EQ(message_of<IndexError>([&] { Tensor::scalar(1.0f).size(0); }),
            "Dimension specified as 0 but tensor has no dimensions");
}

TEST(TensorTest, ContiguityIgnoresSizesOfOne) {
  EXPECT_TRUE(arange({3, 1}).transpose(0, 1).is_contiguous());
  EXPECT_TRUE(Tensor({0, 3}, DType::Float32).transpose(0, 1).is_contiguous());
  EXPECT_FALSE(arange({2, 3}).transpose(0, 1).is_contiguous());
  EXPECT_TRUE(arange({2, 3}).contiguous().is_contiguous());
  EXPECT_FALSE(arange({1, 3}).expand({2, 3}).is_contiguous());
}

TEST(TensorTest, TypedAccessChecksTheType) {
  const Tensor x = arange({2, 3});
  EXPECT_EQ(message_of<TypeError>([&] { x.data<double>(); }), "expected scalar type Double but found Float");
  EXPECT_EQ(message_of<ValueError>([&] { x.item<float>(); }), "a Tensor with 6 elements cannot be converted to Scalar");
  EXPECT_EQ(x.select(0, 1).select(0, 2).item<int64_t>(), 5);
  const std::vector<float> three{1, 2, 3};
  EXPECT_EQ(message_of<ValueError>([&] {
              Tensor::from(std::span(three), {2, 2});
            }),
            "shape '[2, 2]' is invalid for input of size 3");
}

TEST(TensorTest, CopiesAnyStrides) {
  const Tensor x = arange({4, 3, 2}), target({4, 2, 3}, DType::Float32);
  target.copy_(x.permute({0, 2, 1}));
  EXPECT_EQ(values<float>(target), values<float>(x.transpose(1, 2)));
  // Through views on both sides, and with a conversion of more than one block.
  const Tensor wide({3, 1000}, DType::Int32), source = arange({1000, 3});
  wide.slice(1, 0, 1000, 2).copy_(source.slice(0, 0, 500, 1).transpose(0, 1));
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t column = 0; column < 1000; ++column)
      ASSERT_EQ(wide.data<int32_t>()[row * 1000 + column], column % 2 ? 0 : column / 2 * 3 + row);
  x.copy_(Tensor::scalar<int64_t>(7).expand({4, 3, 2}));
  EXPECT_EQ(values<float>(x), std::vector<float>(24, 7));
  EXPECT_EQ(message_of<ValueError>([&] { x.copy_(arange({2})); }),
            "copy_: expected a source of shape [4, 3, 2], found [2]; use expand to broadcast");
}

TEST(TensorTest, CopyKeepsTheBitsOfNaN) {
  const std::vector<uint32_t> bits{0x7fc12345u, 0xff812345u};
  Tensor x({2, 2}, DType::Float32);
  std::memcpy(x.slice(0, 0, 1, 1).data(), bits.data(), 8);
  const Tensor y = x.transpose(0, 1).clone();
  EXPECT_EQ(std::memcmp(static_cast<float *>(y.data()) + 2, &bits[1], 4), 0);
}

TEST(TensorTest, ToTheSameTypeIsTheSameTensor) {
  const Tensor x = arange({2});
  EXPECT_TRUE(x.to(DType::Float32).is_same(x));
  EXPECT_FALSE(x.clone().is_same(x));
}

// Each type to each type, on the values where rounding, overflow and truncation show.
TEST(TensorTest, CastsAsPyTorchDoes) {
  const StateDict recorded = load_safetensors(data_path("runtime/casts.safetensors"));
  for (DType from : kAllTypes)
    for (DType to : kAllTypes) {
      const std::string from_name(name(from)), pair = from_name + "." + std::string(name(to));
      const Tensor &source = recorded.at(from_name), &expected = recorded.at(pair), result = source.to(to);
      ASSERT_EQ(result.dtype(), to);
      for (int64_t i = 0; i < source.numel(); ++i) {
        const Tensor a = result.select(0, i), b = expected.select(0, i);
        // A NaN's sign and payload differ between PyTorch's scalar and vector code.
        if (is_floating_point(to) && std::isnan(b.item<double>()))
          EXPECT_TRUE(std::isnan(a.item<double>())) << pair << " element " << i;
        else
          EXPECT_TRUE(equal_bits(a, b)) << pair << " element " << i << ": " << a.item<double>() << ", expected "
                                        << b.item<double>();
      }
    }
}

} // namespace
} // namespace kiln::runtime
