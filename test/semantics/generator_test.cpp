// The random number generator against numbers that PyTorch drew, bit for bit (recorded by
// make_random_numbers.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "kiln/runtime/files.h"
#include "kiln/semantics/generator.h"
#include "kiln/semantics/linear_algebra.h"

namespace kiln::semantics {

namespace {

const runtime::StateDict &recorded() {
  static const runtime::StateDict tensors =
      runtime::load_safetensors(std::string(KILN_TEST_DATA) + "/semantics/generator.safetensors");
  return tensors;
}

constexpr DType kFloats[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
constexpr DType kIntegers[] = {DType::Int64, DType::Int32, DType::Int16, DType::Int8, DType::UInt8, DType::Bool};

std::string prefix(DType dtype) { return std::string(runtime::name(dtype)) + "."; }

void expect_same_bits(const Tensor &tensor, const std::string &name) {
  SCOPED_TRACE(name);
  const Tensor found = tensor.contiguous(), expected = recorded().at(name).contiguous();
  ASSERT_EQ(found.dtype(), expected.dtype());
  ASSERT_EQ(found.shape_text(), expected.shape_text());
  EXPECT_TRUE(found.numel() == 0 || std::memcmp(found.data(), expected.data(), found.nbytes()) == 0);
}

// Seeds with 0, lets `fill` draw into a new tensor, compares.
void check(const std::string &name, std::vector<int64_t> sizes, DType dtype,
           const std::function<void(Generator &, const Tensor &)> &fill, uint64_t seed = 0) {
  Generator generator(seed);
  const Tensor tensor(std::move(sizes), dtype);
  fill(generator, tensor);
  expect_same_bits(tensor, name);
}

TEST(Generator, Uniform) {
  for (DType dtype : kFloats) {
    check(prefix(dtype) + "rand", {5}, dtype, [](Generator &g, const Tensor &t) { g.uniform_(t); });
    check(prefix(dtype) + "uniform", {100}, dtype, [](Generator &g, const Tensor &t) { g.uniform_(t, -0.3, 0.3); });
  }
}

TEST(Generator, Normal) {
  for (DType dtype : kFloats) {
    for (int64_t size : {1, 3, 15, 16, 20, 32, 100, 1000})
      check(prefix(dtype) + "normal." + std::to_string(size), {size}, dtype, [](Generator &g, const Tensor &t) { g.normal_(t); });
    check(prefix(dtype) + "normal.scaled", {50}, dtype, [](Generator &g, const Tensor &t) { g.normal_(t, 0.3, 0.7); });
  }
}

TEST(Generator, KeepsTheSecondNormalOfAPair) {
  for (DType dtype : {DType::Float32, DType::Float64})
    check(prefix(dtype) + "normal.sequence", {23}, dtype, [](Generator &g, const Tensor &t) {
      g.normal_(t.slice(0, 0, 3, 1));
      g.uniform_(t.slice(0, 3, 4, 1));
      g.normal_(t.slice(0, 4, 21, 1));
      g.normal_(t.slice(0, 21, 23, 1));
    });
}

TEST(Generator, FillsInTheOrderOfMemory) {
  for (DType dtype : {DType::Float32, DType::Float64})
    for (bool normal : {true, false}) {
      Generator generator(0);
      const Tensor tensor = Tensor({5, 4}, dtype).transpose(0, 1);
      normal ? generator.normal_(tensor) : generator.uniform_(tensor);
      expect_same_bits(tensor, prefix(dtype) + (normal ? "normal" : "uniform") + ".transposed");
    }
}

TEST(Generator, BernoulliAndIntegers) {
  for (DType dtype : kFloats) {
    check(prefix(dtype) + "bernoulli", {50}, dtype, [](Generator &g, const Tensor &t) { g.bernoulli_(t, 0.3); });
    check(prefix(dtype) + "random", {20}, dtype, [](Generator &g, const Tensor &t) { g.random_(t); });
  }
  for (DType dtype : kIntegers)
    check(prefix(dtype) + "random", {20}, dtype, [](Generator &g, const Tensor &t) { g.random_(t); });
  for (int64_t high : {int64_t{2}, int64_t{10}, int64_t{1000}, (int64_t{1} << 28) - 1, int64_t{1} << 28, int64_t{1} << 40})
    check("randint." + std::to_string(high), {20}, DType::Int64,
          [high](Generator &g, const Tensor &t) { g.random_(t, 0, high); });
  check("randint.negative", {20}, DType::Int64,
        [](Generator &g, const Tensor &t) { g.random_(t, -(int64_t{1} << 60), int64_t{1} << 60); });
  for (int64_t size : {0, 1, 2, 10, 100})
    expect_same_bits(Generator(0).randperm(size), "randperm." + std::to_string(size));
}

TEST(Generator, Seeds) {
  const auto fill = [](Generator &g, const Tensor &t) { g.uniform_(t); };
  check("seed.large", {5}, DType::Float32, fill, (uint64_t{1} << 40) + 12345);
  check("seed.negative", {5}, DType::Float32, fill, static_cast<uint64_t>(-1));
  check("long", {5}, DType::Float32, [](Generator &g, const Tensor &t) { // past the twister's first refills
    g.uniform_(Tensor({1995}, DType::Float32));
    g.uniform_(t);
  });
  Generator generator;
  EXPECT_EQ(generator.initial_seed(), 67280421310721u);
  generator.normal_(Tensor({1}, DType::Float32));
  generator.manual_seed(7); // forgets the pending normal, too
  EXPECT_EQ(generator.initial_seed(), 7u);
  const Tensor first({3}, DType::Float64), second({3}, DType::Float64);
  generator.normal_(first);
  Generator(7).normal_(second);
  EXPECT_EQ(std::memcmp(first.data(), second.data(), first.nbytes()), 0);
  default_generator().manual_seed(3);
  EXPECT_EQ(default_generator().initial_seed(), 3u);
}

// nn.Linear's default initialisation: kaiming_uniform with a = sqrt(5), then the bias.
TEST(Generator, LinearParameters) {
  for (auto [inner, outer] : {std::pair<int64_t, int64_t>{7, 5}, {50, 10}}) {
    Generator generator(0);
    const Tensor all({outer * inner + outer}, DType::Float32);
    const double fan_in = static_cast<double>(inner), gain = std::sqrt(2.0 / (1 + std::pow(std::sqrt(5.0), 2)));
    const double weight_bound = std::sqrt(3.0) * (gain / std::sqrt(fan_in)), bias_bound = 1 / std::sqrt(fan_in);
    generator.uniform_(all.slice(0, 0, outer * inner, 1), -weight_bound, weight_bound);
    generator.uniform_(all.slice(0, outer * inner, outer * inner + outer, 1), -bias_bound, bias_bound);
    expect_same_bits(all, "linear." + std::to_string(inner) + "." + std::to_string(outer));
  }
}

template <class Body> std::string error_of(Body body) {
  try {
    body();
  } catch (const runtime::ValueError &error) {
    return error.what();
  }
  return "no error";
}

// Texts as PyTorch 2.15 prints them.
TEST(Generator, Errors) {
  Generator g;
  const Tensor floats({3}, DType::Float32), integers({3}, DType::Int64), bytes({3}, DType::UInt8);
  EXPECT_EQ(error_of([&] { g.uniform_(floats, 1, 0); }),
            "uniform_ expects to return a [from, to) range, but found from=1 > to=0");
  EXPECT_EQ(error_of([&] { g.uniform_(floats, -INFINITY, 0); }), "from is out of bounds for float");
  EXPECT_EQ(error_of([&] { g.uniform_(floats, NAN, 0); }), "from is out of bounds for float");
  EXPECT_EQ(error_of([&] { g.uniform_(floats, -3e38, 3e38); }),
            "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and "
            "from=-3e+38 which result in to-from "
            "to exceed the limit");
  EXPECT_EQ(error_of([&] { g.uniform_(integers, 0, 1); }), "\"check_uniform_bounds\" not implemented for 'Long'");
  EXPECT_EQ(error_of([&] { g.normal_(floats, 0, -1); }), "normal expects std >= 0.0, but found std -1");
  EXPECT_EQ(error_of([&] { g.normal_(floats, 0, NAN); }), "normal expects std >= 0.0, but found std nan");
  EXPECT_EQ(error_of([&] { g.normal_(integers); }), "\"normal_kernel_cpu\" not implemented for 'Long'");
  EXPECT_EQ(error_of([&] { g.bernoulli_(floats, 1.5); }), "bernoulli_ expects p to be in [0, 1], but got p=1.5");
  EXPECT_EQ(error_of([&] { g.random_(integers, 3, 3); }), "random_ expects 'from' to be less than 'to', but got from=3 >= to=3");
  EXPECT_EQ(error_of([&] { g.random_(bytes, 0, 300); }), "to - 1 is out of bounds for unsigned char");
  EXPECT_EQ(error_of([&] { g.randperm(-1); }), "Trying to create tensor with negative dimension -1: [-1]");
}

TEST(LinearAlgebra, OrthogonalMatricesAgreeWithPyTorch) {
  for (DType dtype : {DType::Float32, DType::Float64})
    for (auto [rows, columns] : {std::pair<int, int>{6, 6}, {7, 4}, {4, 7}, {20, 20}, {1, 5}, {3, 1}}) {
      const std::string name = prefix(dtype) + "orthogonal." + std::to_string(rows) + "." + std::to_string(columns);
      SCOPED_TRACE(name);
      const Tensor found = qr_orthogonal(recorded().at(name + ".gaussian"));
      ASSERT_EQ(found.dtype(), dtype);
      ASSERT_TRUE(found.is_contiguous());
      const Tensor a = found.to(DType::Float64), b = recorded().at(name).to(DType::Float64).contiguous();
      ASSERT_EQ(a.shape_text(), b.shape_text());
      const double tolerance = dtype == DType::Float32 ? 2e-6 : 1e-13;
      for (int64_t i = 0; i < a.numel(); ++i)
        EXPECT_NEAR(a.data<double>()[i], b.data<double>()[i], tolerance) << "element " << i;
    }
}

TEST(LinearAlgebra, OrthogonalCornerCases) {
  EXPECT_EQ(qr_orthogonal(Tensor({0, 3}, DType::Float32)).shape_text(), "[0, 3]");
  // R's diagonal is zero: PyTorch multiplies the column by sign(0).
  const Tensor zero = qr_orthogonal(Tensor({3, 1}, DType::Float64));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(zero.data<double>()[i], 0.0);
  EXPECT_THROW(qr_orthogonal(Tensor({3}, DType::Float32)), runtime::ValueError);
  EXPECT_THROW(qr_orthogonal(Tensor({3, 3}, DType::Int64)), runtime::ValueError);
}

} // namespace

} // namespace kiln::semantics
