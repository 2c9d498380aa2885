//===- shape_recipes.cpp - Other shapes, and less of them ------------------===//
//
// Reshapes, transposes, slices, joins, reductions, writes of states.
//
//===----------------------------------------------------------------------===//

#include "recipes.h"

#include <algorithm>
#include <numeric>

namespace kiln::random {

static ValueId anyOfRank(ProgramBuilder &builder, int64_t lowest, int64_t highest = 5) {
  bool floating = !builder.random.oneIn(6);
  return builder.anyValue([=](const TensorType &type) {
    return type.rank() >= lowest && type.rank() <= highest && (!floating || runtime::is_floating_point(type.dtype));
  });
}

/// Joins two neighbours, splits a dimension, or adds or drops one of size 1.
static void addReshape(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId operand = anyOfRank(builder, 0, 4);
  if (operand == kAbsent)
    return;
  std::vector<DimExpr> shape = builder.type(operand).sizes;
  auto rank = static_cast<int64_t>(shape.size());
  int64_t at = random.below(rank + 1);
  if (rank >= 2 && random.oneIn(2)) {
    at = random.below(rank - 1);
    shape[at] = shape[at] * shape[at + 1];
    shape.erase(shape.begin() + at + 1);
  } else if (at < rank && shape[at].is_constant() && random.oneIn(2)) {
    int64_t size = *shape[at].constant();
    for (int64_t factor : {2, 3, 4})
      if (size > 0 && size % factor == 0) {
        shape[at] = size / factor;
        shape.insert(shape.begin() + at + random.below(2), DimExpr(factor));
        break;
      }
  } else if (at < rank && shape[at] == DimExpr(1)) {
    shape.erase(shape.begin() + at);
  } else {
    shape.insert(shape.begin() + at, DimExpr(1));
  }
  builder.add("nn.reshape", {operand}, {{"shape", shape}});
}

static void addPermute(ProgramBuilder &builder) {
  ValueId operand = anyOfRank(builder, 2);
  if (operand == kAbsent)
    return;
  std::vector<int64_t> dims(builder.type(operand).rank());
  std::iota(dims.begin(), dims.end(), 0);
  for (size_t i = dims.size(); i > 1; --i)
    std::swap(dims[i - 1], dims[builder.random.below(static_cast<int64_t>(i))]);
  builder.add("nn.permute", {operand}, {{"dims", dims}});
}

static void addExpand(ProgramBuilder &builder) {
  ValueId operand = anyOfRank(builder, 0, 4);
  if (operand == kAbsent)
    return;
  std::vector<DimExpr> shape = builder.type(operand).sizes;
  for (DimExpr &size : shape)
    if (size == DimExpr(1))
      size = builder.random.between(1, 5);
  if (builder.random.oneIn(2))
    shape.insert(shape.begin(), builder.random.oneIn(3) && builder.binds("n") ? DimExpr::symbol("n") : DimExpr(builder.random.between(1, 4)));
  builder.add("nn.expand", {operand}, {{"shape", shape}});
}

/// Of a symbolic size only the step may be drawn: what a start asks of the size, a recorded program states as a condition.
static Attributes randomSlice(ProgramBuilder &builder, const TensorType &type) {
  Random &random = builder.random;
  int64_t dim = random.below(type.rank());
  DimExpr start = 0, end = type.sizes[dim];
  if (auto size = end.constant()) {
    start = random.below(*size + 1);
    end = random.between(*start.constant(), *size);
  }
  return {{"dim", dim}, {"start", start}, {"end", end}, {"step", random.pick<int64_t>({1, 1, 2, 3})}};
}

static void addSlice(ProgramBuilder &builder) {
  ValueId operand = anyOfRank(builder, 1);
  if (operand != kAbsent)
    builder.add("nn.slice", {operand}, randomSlice(builder, builder.type(operand)));
}

static void addSliceScatter(ProgramBuilder &builder) {
  ValueId operand = anyOfRank(builder, 1);
  if (operand == kAbsent)
    return;
  Attributes slice = randomSlice(builder, builder.type(operand));
  ValueId source = builder.addOne("nn.slice", {operand}, slice);
  if (source == kAbsent)
    return;
  if (ValueId changed = builder.addOne("nn.neg", {source}); changed != kAbsent)
    source = changed;
  builder.add("nn.slice_scatter", {operand, source}, slice);
}

static void addCat(ProgramBuilder &builder) {
  ValueId first = anyOfRank(builder, 1);
  if (first == kAbsent)
    return;
  const TensorType type = builder.type(first);
  int64_t dim = builder.random.below(type.rank());
  std::vector<ValueId> parts = {first};
  for (int64_t i = builder.random.between(1, 3); i > 0; --i)
    parts.push_back(builder.anyValue([&](const TensorType &other) {
      if (other.dtype != type.dtype || other.rank() != type.rank())
        return false;
      for (int64_t d = 0; d < type.rank(); ++d)
        if (d != dim && !(other.sizes[d] == type.sizes[d]))
          return false;
      return true;
    }));
  builder.add("nn.cat", parts, {{"dim", dim}});
}

static void addReduction(ProgramBuilder &builder) {
  Random &random = builder.random;
  ValueId operand = anyOfRank(builder, 1);
  if (operand == kAbsent)
    return;
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < builder.type(operand).rank(); ++d)
    if (random.oneIn(2))
      dims.push_back(random.oneIn(4) ? d - builder.type(operand).rank() : d);
  if (!dims.empty())
    builder.add(random.pick({"nn.sum", "nn.mean"}), {operand}, {{"dims", dims}, {"keepdim", random.oneIn(2)}});
}

static void addSoftmax(ProgramBuilder &builder) {
  ValueId operand = builder.anyFloating(1);
  if (operand != kAbsent)
    builder.add(builder.random.pick({"nn.softmax", "nn.log_softmax"}), {operand},
                {{"dim", builder.random.below(builder.type(operand).rank())}});
}

/// Writes a value into a state of its type, which may have readers before and after.
static void addWrite(ProgramBuilder &builder) {
  if (builder.program.states.empty())
    return;
  const semantics::RecordedState &state = builder.random.pick(builder.program.states);
  const std::string path = state.path;
  const TensorType type = semantics::type_of(state.initial);
  ValueId value = builder.anyValue([&](const TensorType &other) { return other == type; });
  if (value == kAbsent)
    return;
  builder.write(path, value);
  if (builder.random.oneIn(2))
    builder.read(path);
}

std::span<const Recipe> shapeRecipes() {
  static const Recipe recipes[] = {{"reshape", 4, addReshape}, {"permute", 4, addPermute},
                                   {"expand", 2, addExpand},   {"slice", 3, addSlice},
                                   {"cat", 3, addCat},         {"slice_scatter", 1, addSliceScatter},
                                   {"reduction", 5, addReduction}, {"softmax", 2, addSoftmax},
                                   {"write", 3, addWrite}};
  return recipes;
}

} // namespace kiln::random
