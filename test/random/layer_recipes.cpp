//===- layer_recipes.cpp - Layers and losses -------------------------------===//
//
// Products, convolutions, poolings, normalisation, dropout, embedding, cross-entropy, with weights of their own.
//
//===----------------------------------------------------------------------===//

#include "recipes.h"

namespace kiln::random {

using Integers = std::vector<int64_t>;

static bool isFloating(const TensorType &type) { return runtime::is_floating_point(type.dtype); }

static bool isConstant(const DimExpr &size) { return size.is_constant(); }

static ValueId optionalState(ProgramBuilder &builder, const TensorType &type) {
  return builder.random.oneIn(3) ? kAbsent : builder.addState(type);
}

static void addLinear(ProgramBuilder &builder) {
  ValueId input = builder.anyValue([](const TensorType &type) { return isFloating(type) && type.rank() > 0 && isConstant(type.sizes.back()); });
  if (input == kAbsent)
    return;
  const TensorType type = builder.type(input);
  DimExpr features = randomSize(builder.random);
  ValueId weight = builder.addState({type.dtype, {features, type.sizes.back()}});
  builder.add("nn.linear", {input, weight, optionalState(builder, {type.dtype, {features}})});
}

static void addMatmul(ProgramBuilder &builder) {
  ValueId left = builder.anyFloating(1, 4);
  if (left == kAbsent)
    return;
  const TensorType type = builder.type(left);
  ValueId right = builder.anyValue([&](const TensorType &other) {
    return other.dtype == type.dtype && other.rank() > 0 && other.sizes[std::max<int64_t>(0, other.rank() - 2)] == type.sizes.back();
  });
  if (right == kAbsent || builder.random.oneIn(2)) {
    if (!isConstant(type.sizes.back()))
      return;
    right = builder.addState({type.dtype, {type.sizes.back(), DimExpr(randomSize(builder.random))}});
  }
  builder.add("nn.matmul", {left, right});
}

/// A value [N, C, ...] of which all but N are constants.
static ValueId anyImage(ProgramBuilder &builder) {
  return builder.anyValue([](const TensorType &type) {
    return isFloating(type) && type.rank() >= 3 && std::all_of(type.sizes.begin() + 1, type.sizes.end(), isConstant);
  });
}

static Integers drawn(Random &random, int64_t count, std::initializer_list<int64_t> values) {
  Integers result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(random.pick(values));
  return result;
}

static void addConvolution(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId input = anyImage(builder);
  if (input == kAbsent)
    return;
  const TensorType type = builder.type(input);
  int64_t channels = *type.sizes[1].constant(), rank = type.rank() - 2;
  int64_t groups = 1;
  if (random.oneIn(3))
    for (int64_t candidate : {channels, int64_t(4), int64_t(2)})
      if (candidate > 0 && channels % candidate == 0 && groups == 1 && random.oneIn(2))
        groups = candidate;
  DimExpr outputs = groups * (groups == 1 ? randomSize(random) : random.between(1, 4));
  TensorType weight{type.dtype, {outputs, channels / groups}};
  for (int64_t size : drawn(random, rank, {1, 2, 3, 3, 5}))
    weight.sizes.push_back(size);
  builder.add("nn.conv", {input, builder.addState(weight), optionalState(builder, {type.dtype, {outputs}})},
              {{"stride", drawn(random, rank, {1, 1, 2, 3})},
               {"padding_low", drawn(random, rank, {0, 0, 1, 2})},
               {"padding_high", drawn(random, rank, {0, 0, 1, 2})},
               {"dilation", drawn(random, rank, {1, 1, 1, 2})},
               {"groups", groups}});
}

static void addPooling(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId input = anyImage(builder);
  if (input == kAbsent)
    return;
  int64_t rank = builder.type(input).rank() - 2;
  if (random.oneIn(4)) {
    std::vector<DimExpr> output;
    for (int64_t size : drawn(random, rank, {1, 1, 2, 3, 5}))
      output.push_back(size);
    builder.add("nn.adaptive_avg_pool", {input}, {{"output_size", output}});
    return;
  }
  Integers kernel = drawn(random, rank, {1, 2, 2, 3});
  Attributes attributes = {{"kernel_size", kernel},
                           {"stride", drawn(random, rank, {1, 2, 2, 3})},
                           {"padding", drawn(random, rank, {0, 0, 1})},
                           {"ceil_mode", random.oneIn(3)}};
  if (random.oneIn(2)) {
    attributes.set("count_include_pad", random.oneIn(2));
    if (random.oneIn(4))
      attributes.set("divisor_override", random.between(1, 5));
    builder.add("nn.avg_pool", {input}, attributes);
    return;
  }
  attributes.set("dilation", drawn(random, rank, {1, 1, 2}));
  builder.add(random.oneIn(4) ? "nn.max_pool_indices" : "nn.max_pool", {input}, attributes);
}

static void addBatchNorm(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId input = builder.anyValue([](const TensorType &type) { return isFloating(type) && type.rank() >= 2 && isConstant(type.sizes[1]); });
  if (input == kAbsent)
    return;
  const TensorType channels{builder.type(input).dtype, {builder.type(input).sizes[1]}};
  bool training = random.oneIn(2), tracks = !training || random.oneIn(2);
  ValueId weight = optionalState(builder, channels), bias = optionalState(builder, channels), mean = kAbsent, variance = kAbsent;
  if (tracks) {
    mean = builder.addState(channels, semantics::StateKind::Buffer);
    // A variance is not negative.
    variance = builder.addOne("nn.abs", {builder.addState(channels, semantics::StateKind::Buffer)});
  }
  auto results = builder.add("nn.batch_norm", {input, weight, bias, mean, variance},
                             {{"training", training}, {"eps", 1e-2}, {"momentum", random.pick({0.1, 0.5, 1.0})}});
  if (results && training && tracks)
    builder.write(builder.stateOf(mean), (*results)[1]);
}

static void addDropout(ProgramBuilder &builder) {
  ValueId input = builder.anyFloating();
  if (input == kAbsent)
    return;
  ValueId generator = builder.addInput({DType::Int64, {2}}, int64_t(1) << 40);
  builder.add("nn.dropout", {input, generator},
              {{"p", builder.random.pick({0.0, 0.3, 0.5, 1.0})}, {"training", !builder.random.oneIn(4)}, {"site", builder.random.below(4)}});
}

static void addEmbedding(ProgramBuilder &builder) {
  Random &random = builder.random;
  int64_t rows = random.between(1, 12);
  TensorType indices{DType::Int64, {}};
  for (int64_t d = random.below(3); d > 0; --d)
    indices.sizes.push_back(random.oneIn(3) ? DimExpr::symbol("n") : DimExpr(random.between(1, 6)));
  ValueId weight = builder.addState({builder.dtype, {rows, randomSize(random)}});
  builder.add("nn.embedding", {builder.addInput(indices, rows), weight}, {{"padding_idx", random.oneIn(3) ? random.below(rows) : -1}});
}

static void addCrossEntropy(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId input = builder.anyValue([](const TensorType &type) {
    return isFloating(type) && type.rank() >= 1 && type.rank() <= 4 && isConstant(type.sizes[type.rank() > 1]) && !(type.sizes[type.rank() > 1] == DimExpr(0));
  });
  if (input == kAbsent)
    return;
  const TensorType type = builder.type(input);
  DimExpr classes = type.sizes[type.rank() > 1];
  TensorType targets{DType::Int64, {}};
  for (int64_t d = 0; d < type.rank(); ++d)
    if (d != (type.rank() > 1))
      targets.sizes.push_back(type.sizes[d]);
  ValueId weight = random.oneIn(3) ? builder.addOne("nn.abs", {builder.addState({type.dtype, {classes}}, semantics::StateKind::Buffer)}) : kAbsent;
  builder.add("nn.cross_entropy", {input, builder.addInput(targets, *classes.constant()), weight},
              {{"reduction", std::string(random.pick({"mean", "sum", "none"}))},
               {"ignore_index", random.oneIn(2) ? int64_t(-100) : random.below(*classes.constant())},
               {"label_smoothing", random.pick({0.0, 0.0, 0.1, 1.0})}});
}

std::span<const Recipe> layerRecipes() {
  static const Recipe recipes[] = {{"linear", 6, addLinear},     {"matmul", 4, addMatmul},       {"convolution", 6, addConvolution},
                                   {"pooling", 4, addPooling},   {"batch_norm", 4, addBatchNorm}, {"dropout", 1, addDropout},
                                   {"embedding", 1, addEmbedding}, {"cross_entropy", 2, addCrossEntropy}};
  return recipes;
}

} // namespace kiln::random
