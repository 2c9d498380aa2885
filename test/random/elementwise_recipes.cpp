//===- elementwise_recipes.cpp - Element by element -----------------------===//
//
// Arithmetic, comparisons, conversions, selections.
//
//===----------------------------------------------------------------------===//

#include "recipes.h"

namespace kiln::random {

static bool anyType(const TensorType &) { return true; }

static void addUnary(ProgramBuilder &builder) {
  const char *name = builder.random.pick({"nn.relu", "nn.sigmoid", "nn.tanh", "nn.neg", "nn.exp", "nn.log", "nn.sqrt", "nn.rsqrt", "nn.abs"});
  ValueId operand = builder.random.oneIn(8) ? builder.anyValue(anyType) : builder.anyFloating();
  if (operand != kAbsent)
    builder.add(name, {operand});
}

/// What can stand beside a value of `type`: another value, a state that is broadcast, or a number.
static ValueId partner(ProgramBuilder &builder, const TensorType &type) {
  Random &random = builder.random;
  switch (random.below(4)) {
  case 0: {
    TensorType smaller{type.dtype, {}};
    for (int64_t d = random.below(type.rank() + 1); d < type.rank(); ++d)
      smaller.sizes.push_back(type.sizes[d].is_constant() && !random.oneIn(3) ? type.sizes[d] : DimExpr(1));
    return builder.addState(smaller);
  }
  case 1:
    return builder.addOne("nn.full", {},
                          {{"shape", std::vector<DimExpr>()}, {"value", static_cast<double>(random.between(-4, 4)) / 2}, {"dtype", type.dtype}});
  default:
    return builder.anyValue([&](const TensorType &other) {
      if (other.dtype != type.dtype && !random.oneIn(8))
        return false;
      try {
        semantics::broadcast(type.sizes, other.sizes);
        return true;
      } catch (const runtime::Error &) {
        return false;
      }
    });
  }
}

static void addOfTwo(ProgramBuilder &builder, const char *name) {
  ValueId left = builder.random.oneIn(8) ? builder.anyValue(anyType) : builder.anyFloating();
  if (left == kAbsent)
    return;
  ValueId right = partner(builder, builder.type(left));
  if (right == kAbsent)
    return;
  if (builder.random.oneIn(2))
    std::swap(left, right);
  builder.add(name, {left, right});
}

static void addBinary(ProgramBuilder &builder) {
  addOfTwo(builder, builder.random.pick({"nn.add", "nn.sub", "nn.mul", "nn.div", "nn.maximum", "nn.minimum"}));
}

static void addComparison(ProgramBuilder &builder) {
  addOfTwo(builder, builder.random.pick({"nn.eq", "nn.ne", "nn.lt", "nn.le", "nn.gt", "nn.ge"}));
}

static void addWhere(ProgramBuilder &builder) {
  ValueId condition = builder.anyValue([](const TensorType &type) { return type.dtype == DType::Bool; });
  if (condition == kAbsent)
    return addComparison(builder);
  ValueId left = partner(builder, {builder.dtype, builder.type(condition).sizes});
  if (left == kAbsent)
    return;
  if (ValueId right = partner(builder, builder.type(left)); right != kAbsent)
    builder.add("nn.where", {condition, left, right});
}

static void addCast(ProgramBuilder &builder) {
  if (ValueId operand = builder.anyValue(anyType); operand != kAbsent)
    builder.add("nn.cast", {operand},
                {{"dtype", builder.random.pick({DType::Float32, DType::Float32, DType::Float64, DType::Float16, DType::BFloat16,
                                                DType::Int64, DType::Int32, DType::Bool})}});
}

static void addDetach(ProgramBuilder &builder) {
  if (ValueId operand = builder.anyFloating(); operand != kAbsent)
    builder.add("nn.detach", {operand});
}

std::span<const Recipe> elementwiseRecipes() {
  static const Recipe recipes[] = {{"unary", 10, addUnary}, {"binary", 12, addBinary}, {"comparison", 2, addComparison},
                                   {"where", 3, addWhere},  {"cast", 2, addCast},      {"detach", 1, addDetach}};
  return recipes;
}

} // namespace kiln::random
