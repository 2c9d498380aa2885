//===- random_program.cpp - A whole random program --------------------------===//
//
// Inputs, operations by their weights, gradients, writes, outputs.
//
//===----------------------------------------------------------------------===//

#include "recipes.h"

namespace kiln::random {

int64_t randomSize(Random &random) { return random.pick<int64_t>({1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33}); }

TensorType randomType(Random &random, DType dtype) {
  TensorType type{dtype, {}};
  for (int64_t rank = random.pick<int64_t>({0, 1, 2, 2, 2, 3, 4, 4, 4}); rank > 0; --rank)
    type.sizes.push_back(randomSize(random));
  for (DimExpr &size : type.sizes)
    if (ProgramBuilder::largestCount(type.sizes) > 4000)
      size = random.between(1, 6);
  // A batch is the first dimension; seldom another one is dynamic.
  if (type.rank() > 0 && random.oneIn(2))
    type.sizes[0] = DimExpr::symbol("n");
  if (type.rank() > 1 && random.oneIn(8))
    type.sizes[random.below(type.rank())] = DimExpr::symbol("m");
  return type;
}

static void addOperation(ProgramBuilder &builder) {
  std::vector<const Recipe *> recipes;
  for (std::span<const Recipe> family : {elementwiseRecipes(), shapeRecipes(), layerRecipes()})
    for (const Recipe &recipe : family)
      recipes.insert(recipes.end(), recipe.weight, &recipe);
  builder.random.pick(recipes)->add(builder);
}

/// A scalar of some value, and what it is differentiated by.
static std::vector<ValueId> addGradients(ProgramBuilder &builder) {
  ValueId value = builder.anyFloating();
  std::vector<ValueId> targets;
  for (const semantics::RecordedState &state : builder.program.states)
    for (const semantics::RecordedOperation &operation : builder.program.functions[0].operations)
      if (operation.name == "nn.read" && state.kind == semantics::StateKind::Parameter &&
          builder.stateOf(operation.results[0]) == state.path && !builder.random.oneIn(4))
        targets.push_back(operation.results[0]);
  for (const Input &input : builder.inputs)
    if (runtime::is_floating_point(builder.type(input.value).dtype))
      targets.push_back(input.value);
  if (value == kAbsent || targets.empty())
    return {};
  if (builder.type(value).rank() > 0) {
    std::vector<int64_t> dims;
    for (int64_t d = 0; d < builder.type(value).rank(); ++d)
      dims.push_back(d);
    // Not all elements alike: their squares.
    value = builder.addOne("nn.mul", {value, value});
    value = value == kAbsent ? kAbsent : builder.addOne(builder.random.pick({"nn.sum", "nn.mean"}), {value}, {{"dims", dims}, {"keepdim", false}});
  }
  return value == kAbsent ? std::vector<ValueId>() : builder.addBackward(value, targets);
}

ProgramBuilder randomProgram(uint64_t seed, int64_t operations) {
  ProgramBuilder builder(seed);
  Random &random = builder.random;
  for (int64_t i = random.between(1, 3); i > 0; --i)
    builder.addInput(randomType(random, random.oneIn(8) ? random.pick({DType::Int64, DType::Bool, DType::Float32, DType::UInt8}) : builder.dtype));
  for (int64_t i = random.between(1, operations); i > 0; --i)
    addOperation(builder);
  size_t forward = builder.valueCount();
  std::vector<ValueId> outputs = random.oneIn(2) ? addGradients(builder) : std::vector<ValueId>();
  for (int64_t i = random.between(1, 3); i > 0; --i)
    outputs.push_back(static_cast<ValueId>(std::max(random.below(static_cast<int64_t>(forward)), random.below(static_cast<int64_t>(forward)))));
  builder.finish(outputs);
  return builder;
}

} // namespace kiln::random
