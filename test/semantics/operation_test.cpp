// The table, symbolic shape inference, and what PyTorch can't be asked: Philox dropout, packed
// weights' errors, costs.
#include <gtest/gtest.h>

#include <cmath>

#include "kiln/semantics/operation.h"
#include "kiln/semantics/philox.h"

namespace kiln::semantics {

namespace {

using Dims = std::vector<DimExpr>;
const DimExpr batch = DimExpr::symbol("batch"), length = DimExpr::symbol("length");

TensorType type(Dims sizes, DType dtype = DType::Float32) { return {dtype, std::move(sizes)}; }

std::vector<TensorType> infer_types(std::string_view name,
                                    std::vector<std::optional<TensorType>> operands,
                                    const Attributes &attributes = {}) {
  return infer(name, operands, attributes);
}

// The one result's shape.
std::string shape(std::string_view name, std::vector<std::optional<TensorType>> operands,
                  const Attributes &attributes = {}) {
  const std::vector<TensorType> types = infer_types(name, std::move(operands), attributes);
  return types.size() == 1 ? types[0].shape_text() : "not one result";
}

std::string error_of(std::string_view name, std::vector<std::optional<TensorType>> operands,
                     const Attributes &attributes = {}) {
  try {
    infer(name, operands, attributes);
  } catch (const runtime::Error &error) {
    return error.what();
  }
  return "no error";
}

TEST(Operations, AreFoundByName) {
  ASSERT_NE(find_operation("nn.linear"), nullptr);
  EXPECT_EQ(find_operation("nn.linear")->name, "nn.linear");
  EXPECT_EQ(find_operation("linear"), nullptr);
  EXPECT_EQ(find_operation("nn.read"), nullptr); // not pure: no entry
  EXPECT_THROW(infer_types("nn.unknown", {}), runtime::KeyError);
  const std::vector<const Operation *> all = all_operations();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_NE(all[i]->infer, nullptr) << all[i]->name;
    EXPECT_NE(all[i]->evaluate, nullptr) << all[i]->name;
    EXPECT_TRUE(i == 0 || all[i - 1]->name < all[i]->name) << all[i]->name;
  }
}

TEST(Operations, CheckTheirOperands) {
  EXPECT_EQ(error_of("nn.linear", {type({2, 3})}), "nn.linear takes 2 to 3 operands, but got 1");
  EXPECT_EQ(error_of("nn.relu", {std::nullopt}),
            "nn.relu: operand 0 is absent, but it is not optional");
  EXPECT_EQ(error_of("nn.cast", {type({2})}), "attribute 'dtype' is missing");
  EXPECT_EQ(error_of("nn.cast", {type({2})}, {{"dtype", int64_t{3}}}),
            "attribute 'dtype' has another type");
}

TEST(Infer, Broadcasts) {
  EXPECT_EQ(shape_text(broadcast({batch, 1, 3}, {length, 1})), "[batch, length, 3]");
  EXPECT_EQ(shape_text(broadcast({}, {batch})), "[batch]");
  EXPECT_EQ(shape_text(broadcast({2 * batch}, {batch + batch})), "[2 * batch]");
  EXPECT_EQ(error_of("nn.add", {type({batch, 3}), type({length, 3})}),
            "The size of tensor a (batch) must match the size of tensor b (length) at "
            "non-singleton dimension 0\n"
            "the shapes are [batch, 3] and [length, 3]; sizes known only at run time must be the "
            "same expression on both sides, or 1");
  EXPECT_EQ(error_of("nn.add", {type({2}), type({2}, DType::Float64)}),
            "nn.add needs operands of one dtype, but got Float and Double\nconvert one of them "
            "(nn.cast) first");
}

TEST(Infer, SymbolicShapes) {
  EXPECT_EQ(shape("nn.linear", {type({batch, 784}), type({10, 784}), type({10})}), "[batch, 10]");
  EXPECT_EQ(shape("nn.linear", {type({784}), type({10, 784})}), "[10]");
  EXPECT_EQ(shape("nn.matmul", {type({batch, 1, 4, 5}), type({length, 5, 6})}),
            "[batch, length, 4, 6]");
  EXPECT_EQ(shape("nn.matmul", {type({batch, 5}), type({5})}), "[batch]");
  EXPECT_EQ(shape("nn.reshape", {type({batch, 28, 28})}, {{"shape", Dims{batch, 784}}}),
            "[batch, 784]");
  EXPECT_EQ(shape("nn.reshape", {type({batch, 4})}, {{"shape", Dims{2 * batch, 2}}}),
            "[2 * batch, 2]");
  EXPECT_EQ(shape("nn.permute", {type({batch, 2, 3})}, {{"dims", std::vector<int64_t>{2, 0, 1}}}),
            "[3, batch, 2]");
  EXPECT_EQ(shape("nn.expand", {type({1, 3})}, {{"shape", Dims{batch, 3}}}), "[batch, 3]");
  EXPECT_EQ(
      shape("nn.slice", {type({batch, 9})},
            {{"dim", int64_t{0}}, {"start", DimExpr(0)}, {"end", batch}, {"step", int64_t{2}}}),
      "[(batch + 1) floordiv 2, 9]");
  EXPECT_EQ(
      shape("nn.cat", {type({batch, 3}), type({batch, 3}), type({1, 3})}, {{"dim", int64_t{0}}}),
      "[2 * batch + 1, 3]");
  EXPECT_EQ(
      shape("nn.sum", {type({batch, 3})}, {{"dims", std::vector<int64_t>{1}}, {"keepdim", true}}),
      "[batch, 1]");
  EXPECT_EQ(shape("nn.embedding", {type({batch, length}, DType::Int64), type({100, 16})}),
            "[batch, length, 16]");
  EXPECT_EQ(shape("nn.pack_panels", {type({70, 5})}, {{"panel", int64_t{32}}}), "[3, 5, 32]");
  EXPECT_EQ(shape("nn.packed_linear", {type({batch, 5}), type({3, 5, 32})},
                  {{"out_features", int64_t{70}}}),
            "[batch, 70]");
  EXPECT_EQ(
      shape("nn.full", {}, {{"shape", Dims{batch, 2}}, {"value", 1.0}, {"dtype", DType::Float32}}),
      "[batch, 2]");
}

TEST(Infer, BatchNormResults) {
  const TensorType input = type({batch, 5}), channel = type({5});
  const Attributes training{{"training", true}, {"momentum", 0.1}, {"eps", 1e-5}};
  const Attributes evaluation{{"training", false}, {"momentum", 0.1}, {"eps", 1e-5}};
  EXPECT_EQ(infer_types("nn.batch_norm", {input, channel, channel, channel, channel}, training),
            (std::vector<TensorType>{input, channel, channel, channel, channel}));
  EXPECT_EQ(infer_types("nn.batch_norm", {input, std::nullopt, std::nullopt, channel, channel},
                        evaluation),
            (std::vector<TensorType>{input}));
  EXPECT_EQ(infer_types("nn.batch_norm", {input}, training),
            (std::vector<TensorType>{input, channel, channel}));
}

TEST(Infer, SymbolicErrors) {
  EXPECT_EQ(error_of("nn.linear", {type({batch, 5}), type({4, 3}), type({4})}),
            "addmm: mat1 and mat2 shapes cannot be multiplied (batchx5 and 3x4)\nlinear from 3 to "
            "4 features needs an input whose "
            "last dimension is 3, but the input is [batch, 5]");
  EXPECT_EQ(error_of("nn.linear", {type({batch, 2, 5}), type({4, 3})}),
            "mm: mat1 and mat2 shapes cannot be multiplied ((2 * batch)x5 and 3x4)\nlinear from 3 "
            "to 4 features needs an input whose "
            "last dimension is 3, but the input is [batch, 2, 5]");
  EXPECT_EQ(error_of("nn.reshape", {type({batch, 4})}, {{"shape", Dims{4, 4}}}),
            "shape '[4, 4]' is invalid for input of size 4 * batch\nthe input is [batch, 4]");
  EXPECT_EQ(
      error_of(
          "nn.slice", {type({batch, 9})},
          {{"dim", int64_t{0}}, {"start", DimExpr(0)}, {"end", batch + 1}, {"step", int64_t{1}}}),
      "slice needs 0 <= start <= end <= size, but got start 0, end batch + 1 and size batch");
  EXPECT_EQ(error_of("nn.packed_linear", {type({batch, 5}), type({3, 5, 32})},
                     {{"out_features", int64_t{97}}}),
            "nn.packed_linear with 97 out_features needs packed weights of shape "
            "[ceil(out_features / panel), in_features, panel], "
            "but got [3, 5, 32]");
  EXPECT_THROW(
      evaluate("nn.full", {}, {{"shape", Dims{batch}}, {"value", 1.0}, {"dtype", DType::Float32}}),
      runtime::ValueError);
}

// Integers that are no doubles, integers that wrap or don't fit, and sizes: as torch.full has them.
TEST(Full, IntegersAndSizes) {
  auto full = [](Attribute value, DType dtype) {
    return evaluate("nn.full", {}, {{"shape", Dims{}}, {"value", std::move(value)}, {"dtype", dtype}})[0];
  };
  EXPECT_EQ(*full(int64_t{9007199254740993}, DType::Int64).data<int64_t>(), 9007199254740993);
  EXPECT_EQ(*full(INT64_MIN, DType::Int64).data<int64_t>(), INT64_MIN);
  EXPECT_EQ(*full(int64_t{9007199254740993}, DType::Float32).data<float>(), 9007199254740992.0f);
  EXPECT_EQ(*full(INT64_MAX, DType::Bool).data<bool>(), true);
  EXPECT_EQ(*full(int64_t{-255}, DType::UInt8).data<uint8_t>(), 1);
  EXPECT_EQ(*full(DimExpr(7), DType::Float64).data<double>(), 7);
  EXPECT_EQ(shape("nn.full", {}, {{"shape", Dims{}}, {"value", batch}, {"dtype", DType::Float32}}), "[]");
  const std::pair<int64_t, DType> outside[] = {{256, DType::UInt8},    {-256, DType::UInt8},  {300, DType::Int8},
                                               {-129, DType::Int8},    {1 << 15, DType::Int16}, {int64_t{1} << 31, DType::Int32}};
  for (const auto &[value, dtype] : outside)
    EXPECT_THROW(full(value, dtype), runtime::ValueError) << value;
  EXPECT_EQ(error_of("nn.full", {}, {{"shape", Dims{}}, {"value", int64_t{300}}, {"dtype", DType::Int8}}),
            "value cannot be converted to type int8_t without overflow\nthe value is 300");
  EXPECT_THROW(full(batch, DType::Float32), runtime::ValueError) << "a size that is not known";
}

TEST(Infer, MultiplyAdds) {
  auto cost = [](std::string_view name, std::vector<std::optional<TensorType>> operands,
                 const Attributes &attributes = {}) {
    return find_operation(name)->multiply_adds(operands, attributes).text();
  };
  EXPECT_EQ(cost("nn.linear", {type({batch, 784}), type({128, 784}), type({128})}),
            "100352 * batch");
  EXPECT_EQ(cost("nn.linear", {type({batch, length, 8}), type({4, 8})}), "32 * batch * length");
  EXPECT_EQ(cost("nn.matmul", {type({batch, 4, 5}), type({5, 6})}), "120 * batch");
  EXPECT_EQ(
      cost("nn.packed_linear", {type({batch, 5}), type({1, 5, 8})}, {{"out_features", int64_t{7}}}),
      "35 * batch");
  EXPECT_EQ(find_operation("nn.relu")->multiply_adds, nullptr);
}

//===----------------------------------------------------------------------===//
// Philox and dropout
//===----------------------------------------------------------------------===//

// Known answers of the authors' Random123 distribution (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, Layout) {
  for (uint32_t i = 0; i < 4; ++i)
    EXPECT_EQ(philox_bits24({}, i), philox4x32({0, 0, 0, 0}, {0, 0})[i] >> 8);
  EXPECT_EQ(philox_bits24({.seed = 0xa4093822'299f31d0}, (uint64_t{5} << 34) + 6),
            philox4x32({1, 5, 0, 0}, {0x299f31d0, 0xa4093822})[2] >> 8);
  EXPECT_EQ(philox_uniform({}, 0), static_cast<float>(0x6627e8) / 16777216.0f);
  EXPECT_EQ(philox_bits24({.seed = 0x299f31d0'a4093822,
                           .offset = 0xffffffff'13198a2e,
                           .site = 0x03707344 ^ 0xffffffff},
                          (uint64_t{5} << 34) + 6),
            philox4x32({1, 5, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0})[2] >> 8);
}

TEST(Philox, Threshold) {
  EXPECT_EQ(philox_threshold(0), 0u);
  EXPECT_EQ(philox_threshold(1), 1u << 24);
  EXPECT_EQ(philox_threshold(0.5), 1u << 23);
  EXPECT_EQ(philox_threshold(0x1p-25), 1u); // rounds up: a uniform below p is dropped
  for (double p : {0.1, 0.3, 0.9})
    for (uint64_t i = 0; i < 1000; ++i)
      EXPECT_EQ(philox_keeps({.seed = 42}, i, p), philox_uniform({.seed = 42}, i) >= p);
}

TEST(Dropout, ScalesWhatItKeeps) {
  const int64_t count = 20000;
  const Tensor input = Tensor::scalar(3.0f).expand({100, count / 100});
  const Attributes attributes{{"p", 0.25}, {"training", true}, {"site", int64_t{3}}};
  const PhiloxStream stream{.seed = 1234, .offset = 5, .site = 3};
  const Tensor generator = Tensor::from<int64_t>(std::vector<int64_t>{1234, 5}, {2});
  const Tensor output = evaluate("nn.dropout", std::vector<Tensor>{input, generator}, attributes)[0];
  int64_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float value = output.data<float>()[i];
    EXPECT_EQ(value, philox_keeps(stream, static_cast<uint64_t>(i), 0.25) ? 4.0f : 0.0f);
    kept += value != 0;
  }
  // Four standard deviations of the binomial distribution.
  EXPECT_NEAR(static_cast<double>(kept), 0.75 * count, 4 * std::sqrt(count * 0.75 * 0.25));
}

TEST(Dropout, NeedsAGeneratorWhereItDraws) {
  auto attributes = [](double p, bool training) {
    return Attributes{{"p", p}, {"training", training}, {"site", int64_t{0}}};
  };
  EXPECT_EQ(error_of("nn.dropout", {type({2})}, attributes(0.5, true)),
            "nn.dropout needs a generator in training");
  for (auto [p, training] : {std::pair(0.0, true), {1.0, true}, {0.5, false}})
    EXPECT_EQ(shape("nn.dropout", {type({2})}, attributes(p, training)), "[2]");
  EXPECT_EQ(error_of("nn.dropout", {type({2}), type({2})}, attributes(0.5, true)),
            "nn.dropout needs its generator as int64[2], seed and offset, but got float32[2]");
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

TEST(Training, SymbolicShapes) {
  const Attributes loss{{"ignore_index", int64_t{-100}}, {"label_smoothing", 0.0},
                        {"reduction", std::string("none")}};
  const TensorType labels = type({batch, length}, DType::Int64);
  EXPECT_EQ(shape("nn.cross_entropy", {type({batch, 10, length}), labels}, loss),
            "[batch, length]");
  EXPECT_EQ(shape("nn.cross_entropy_backward",
                  {type({batch, length}), type({batch, 10, length}), labels}, loss),
            "[batch, 10, length]");
  EXPECT_EQ(error_of("nn.cross_entropy_backward",
                     {type({}), type({batch, 10, length}), labels}, loss),
            "nn.cross_entropy_backward needs a gradient of the loss's type float32[batch, length], "
            "but got float32[]");
  EXPECT_EQ(error_of("nn.cross_entropy", {type({batch, 10}), type({batch, 10})}, loss),
            "nn.cross_entropy takes class indices as its target, but got class probabilities of "
            "type Float");
  EXPECT_EQ(shape("nn.embedding_backward", {type({batch, length, 8}), labels},
                  {{"num_embeddings", DimExpr(100)}}),
            "[100, 8]");
  EXPECT_EQ(error_of("nn.embedding_backward", {type({batch, 8}), labels},
                     {{"num_embeddings", DimExpr(100)}}),
            "nn.embedding_backward needs a gradient of the shape of the indices and the features "
            "of a row, but the gradient is [batch, 8], the indices are [batch, length]");
  EXPECT_EQ(shape("nn.where", {type({batch, 1}, DType::Bool), type({length}), type({})}),
            "[batch, length]");
  EXPECT_EQ(infer_types("nn.lt", {type({batch}), type({})})[0], type({batch}, DType::Bool));
  EXPECT_EQ(error_of("nn.lt", {type({2}), type({2}, DType::Int64)}),
            "nn.lt needs operands of one dtype, but got Float and Long\nconvert one of them "
            "(nn.cast) first");

  const Attributes norm{{"training", true}, {"momentum", 0.1}, {"eps", 1e-5}};
  const TensorType channels = type({3});
  EXPECT_EQ(infer_types("nn.batch_norm", {type({batch, 3, length})}, norm).size(), 3u);
  EXPECT_EQ(infer_types("nn.batch_norm",
                        {type({batch, 3}), std::nullopt, std::nullopt, channels, channels}, norm)
                .size(),
            5u);
  EXPECT_EQ(infer_types("nn.batch_norm_backward",
                        {type({batch, 3}), type({batch, 3}), channels, channels}),
            (std::vector<TensorType>{type({batch, 3}), channels, channels}));
  EXPECT_EQ(error_of("nn.batch_norm_backward",
                     {type({batch, 3}), type({batch, 3}), type({batch}), channels}),
            "nn.batch_norm_backward needs batch_mean of type float32[3], but got float32[batch]");
}

TEST(Training, OptimizersCheckTheirLists) {
  const Attributes options{{"count", int64_t{1}},  {"indices", std::vector<int64_t>{0}},
                           {"momentum", 0.9},      {"dampening", 0.0},
                           {"weight_decay", 0.0},  {"nesterov", false},
                           {"maximize", false}};
  const TensorType parameter = type({2}), rate = type({}, DType::Float64);
  auto error = [&](std::vector<std::optional<TensorType>> operands, auto... changes) {
    Attributes changed = options;
    (changed.set(changes.first, changes.second), ...);
    return error_of("nn.sgd", operands, changed);
  };
  auto change = [](const char *name, Attribute value) { return std::pair(name, value); };
  EXPECT_EQ(infer_types("nn.sgd", {parameter, parameter, parameter, type({4}), rate}, options),
            (std::vector<TensorType>{parameter, parameter}));
  EXPECT_EQ(error({parameter, parameter, type({4}), rate}),
            "nn.sgd takes 1 parameters, 1 gradients, 1 momentum_buffers, steps and lr, but got 4 "
            "operands");
  EXPECT_EQ(error({parameter, type({3}), parameter, type({4}), rate}),
            "nn.sgd needs gradients of their parameters' types, but number 0 is float32[3], its "
            "parameter float32[2]");
  EXPECT_EQ(error({parameter, parameter, parameter, type({}), rate}),
            "nn.sgd needs steps of one dimension and type float32, but got float32[]");
  EXPECT_EQ(error({parameter, parameter, parameter, type({4}), type({})}),
            "nn.sgd needs a learning rate of type float64[], but got float32[]");
  EXPECT_EQ(error({parameter, parameter, parameter, type({4}), rate},
                  change("indices", std::vector<int64_t>{4})),
            "nn.sgd has index 4, but steps are float32[4]");
  EXPECT_EQ(error({parameter, parameter, parameter, type({4}), rate}, change("count", int64_t{0})),
            "nn.sgd needs at least one parameter, but its count is 0");
  EXPECT_EQ(error({parameter, parameter, parameter, type({4}), rate}, change("nesterov", true),
                  change("dampening", 0.5)),
            "Nesterov momentum requires a momentum and zero dampening");
  EXPECT_EQ(error({type({2}, DType::Int64), type({2}, DType::Int64), type({2}, DType::Int64),
                   type({4}), rate}),
            "nn.sgd changes floating-point parameters, but parameter 0 is int64[2]");
}

// What PyTorch 2.15 does when one goes backward through each a second time.
TEST(Training, WhatBackwardKeeps) {
  const Attributes drops{{"p", 0.5}, {"training", true}};
  auto saves = [](const char *name, const Attributes &attributes,
                  std::vector<bool> requires_grad = {true, true, true}) {
    return find_operation(name)->saves_for_backward(requires_grad, attributes);
  };
  for (const char *name : {"nn.add", "nn.sub", "nn.neg", "nn.reshape", "nn.permute", "nn.expand",
                           "nn.slice", "nn.slice_scatter", "nn.cat", "nn.cast", "nn.sum", "nn.mean"})
    EXPECT_FALSE(saves(name, {})) << name;
  for (const char *name :
       {"nn.mul", "nn.div", "nn.maximum", "nn.minimum", "nn.relu", "nn.sigmoid", "nn.tanh",
        "nn.exp", "nn.log", "nn.sqrt", "nn.rsqrt", "nn.abs", "nn.where", "nn.linear", "nn.matmul",
        "nn.batch_norm", "nn.dropout", "nn.embedding", "nn.softmax", "nn.log_softmax",
        "nn.cross_entropy"}) {
    EXPECT_TRUE(saves(name, drops)) << name;
    EXPECT_TRUE(find_operation(name)->differentiable) << name;
  }
  for (const char *name : {"nn.eq", "nn.ge", "nn.detach", "nn.full", "nn.constant", "nn.sgd",
                           "nn.adam", "nn.batch_norm_backward", "nn.softmax_backward"})
    EXPECT_FALSE(find_operation(name)->differentiable) << name;

  // The gradient of a bias needs nothing; a dropout that drops nothing is its input.
  EXPECT_FALSE(saves("nn.linear", {}, {false, false, true}));
  EXPECT_TRUE(saves("nn.linear", {}, {false, true, true}));
  EXPECT_FALSE(saves("nn.dropout", {{"p", 0.5}, {"training", false}}));
  EXPECT_FALSE(saves("nn.dropout", {{"p", 0.0}, {"training", true}}));
  EXPECT_TRUE(saves("nn.dropout", {{"p", 1.0}, {"training", true}}));
}

} // namespace

} // namespace kiln::semantics
