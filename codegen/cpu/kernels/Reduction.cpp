//===- Reduction.cpp - sums and means -------------------------------------===//
//
// Neighbouring dimensions that are both kept or both reduced are one, so the operand is an alternation of the two. If the last is
// reduced, its elements are added lane by lane; if it is kept, lanes are neighbouring results. Floats are added in a wider type (f32
// for 16-bit ones, else f64), integers in the result's; so the order, which depends on the instruction set, hardly shows.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "kiln/schedule/GridUnits.h"
#include "kiln/semantics/reduced_dims.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class Reduction {
public:
  explicit Reduction(KernelContext &context);
  LogicalResult emit();

private:
  struct Group {
    DimExpr size;
    bool isReduced;
  };

  void emitInnerReduced();
  void emitInnerKept();
  Value beginOf(Value keptNumber);
  Value widen(Value element);
  Values addAll(size_t reduced, Value begin, Values sums, function_ref<Values(Value, Values)> innermost);
  void writeLanes(Value number, int64_t lanes, Value sum);
  void write(Value number, Value column, int64_t lanes, Value sum);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  Value input;
  Type element, accumulator;
  SmallVector<Group> groups;
  std::vector<DimExpr> strides;
  /// Kept groups, with a last dimension of size 1 so that each index is a row.
  Box kept;
  std::vector<DimExpr> keptStrides;
  SmallVector<size_t> reducedGroups;
  DimExpr count = 1;
  LogicalResult result = success();
};

Reduction::Reduction(KernelContext &context)
    : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
      input(context.anchors[0]) {
  schedule::BufferType type = context.kernel.getAnchorType(0);
  element = type.getElementType();
  std::vector<DimExpr> sizes = type.getSizes();
  std::vector<bool> isReduced =
      semantics::reduced_dims(sizes.size(), cast<DenseI64ArrayAttr>(context.kernel.getAnchorAttribute("dims")).asArrayRef());
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (isReduced[d])
      count = count * sizes[d];
    if (sizes[d] == DimExpr(1))
      continue;
    if (!groups.empty() && groups.back().isReduced == isReduced[d])
      groups.back().size = groups.back().size * sizes[d];
    else
      groups.push_back({sizes[d], isReduced[d]});
  }
  if (groups.empty())
    groups.push_back({DimExpr(1), false});

  std::vector<DimExpr> groupSizes, keptSizes;
  for (const Group &group : groups)
    groupSizes.push_back(group.size);
  strides = rowMajorStrides(groupSizes);
  for (size_t g = 0; g < groups.size(); ++g)
    if (groups[g].isReduced) {
      reducedGroups.push_back(g);
    } else {
      keptSizes.push_back(groups[g].size);
      keptStrides.push_back(strides[g]);
    }
  keptSizes.push_back(1);
  keptStrides.push_back(0);
  kept = Box::all(keptSizes);
  if (!isa<FloatType>(element))
    accumulator = context.kernel.getBodyBlock().getArgument(0).getType();
  else
    accumulator = KernelBuilder::computeType(element) == element ? Type(b.getF64Type()) : Type(b.getF32Type());
}

/// Where the elements of a result begin.
Value Reduction::beginOf(Value keptNumber) { return Row(kept, keptNumber).offset(b, keptStrides); }

Value Reduction::widen(Value value) {
  Type type = KernelBuilder::vectorOf(accumulator, KernelBuilder::lanesIn(value));
  if (type == value.getType())
    return value;
  if (isa<FloatType>(accumulator))
    return arith::ExtFOp::create(b, type, value);
  bool isUnsigned = isBool(element) || element.isUnsignedInteger();
  return isUnsigned ? Value(arith::ExtUIOp::create(b, type, value)) : Value(arith::ExtSIOp::create(b, type, value));
}

/// Loops over the reduced groups from number `reduced` on; `innermost` gets the offset of the innermost loop's iteration.
Values Reduction::addAll(size_t reduced, Value begin, Values sums, function_ref<Values(Value, Values)> innermost) {
  if (reduced == reducedGroups.size())
    return innermost(begin, sums);
  size_t group = reducedGroups[reduced];
  return b.loop(b.constant(0), b.size(groups[group].size), 1, sums, [&](Value i, ValueRange carried) {
    return addAll(reduced + 1, b.add(begin, b.mul(i, b.size(strides[group]))), Values(carried), innermost);
  });
}

void Reduction::emitInnerReduced() {
  constexpr int64_t kSets = 4; // hides the latency of additions
  int64_t lanes = b.lanesOf(accumulator);
  Value inner = b.size(groups.back().size);
  Value middle = b.roundDown(inner, kSets * lanes);
  Type vector = KernelBuilder::vectorOf(accumulator, lanes);
  reducedGroups.pop_back(); // the innermost is not one of the loops of addAll

  b.loop(context.begin0, context.end0, 1, [&](Value number) {
    Values zeros(kSets, b.constant(vector, 0));
    zeros.push_back(b.constant(accumulator, 0));
    Values sums = addAll(0, beginOf(number), zeros, [&](Value begin, Values sums) {
      Value rest = sums.pop_back_val();
      sums = b.loop(b.constant(0), middle, kSets * lanes, sums, [&](Value i, ValueRange carried) {
        Values next;
        for (int64_t set = 0; set < kSets; ++set)
          next.push_back(b.sum(carried[set], widen(b.load(input, element, b.add(begin, b.add(i, set * lanes)), lanes))));
        return next;
      });
      Values last = b.loop(middle, inner, 1, {rest}, [&](Value i, ValueRange carried) {
        return Values{b.sum(carried[0], widen(b.load(input, element, b.add(begin, i))))};
      });
      sums.push_back(last[0]);
      return sums;
    });
    Value pairs = b.sum(b.sum(sums[0], sums[1]), b.sum(sums[2], sums[3]));
    Value sum = b.sum(b.sumOfLanes(pairs), sums[kSets]);
    Value columns = b.size(writer.getBox().columns());
    write(b.div(number, columns), b.rem(number, columns), 1, sum);
  });
}

void Reduction::emitInnerKept() {
  int64_t lanes = b.lanesOf(accumulator);
  Value inner = b.size(groups.back().size);
  // Results are numbered by the kept groups; a line is all of the last group.
  Value endResult = b.minimum(b.mul(context.end0, schedule::kSummedColumns), b.size(kept.rows()));
  Value firstResult = b.minimum(b.mul(context.begin0, schedule::kSummedColumns), endResult);
  Value firstLine = b.div(firstResult, inner);
  Value endLine = b.div(b.add(endResult, b.sub(inner, b.constant(1))), inner);
  b.loop(firstLine, endLine, 1, [&](Value line) {
    Value lineBegin = b.mul(line, inner);
    Value begin = b.maximum(b.sub(firstResult, lineBegin), b.constant(0));
    Value end = b.minimum(b.sub(endResult, lineBegin), inner);
    // A cache line of the operand at a time: several vectors, which also hide the latency of additions.
    auto results = [&](Value column, int64_t width, int64_t vectors) {
      Value number = b.add(lineBegin, column);
      Values zeros(vectors, b.constant(KernelBuilder::vectorOf(accumulator, width), 0));
      Values sums = addAll(0, beginOf(number), zeros, [&](Value at, Values sums) {
        for (int64_t v = 0; v < vectors; ++v)
          sums[v] = b.sum(sums[v], widen(b.load(input, element, b.add(at, v * width), width)));
        return sums;
      });
      for (int64_t v = 0; v < vectors; ++v)
        writeLanes(b.add(number, v * width), width, sums[v]);
    };
    constexpr int64_t kVectors = 4;
    Value wide = b.add(begin, b.roundDown(b.sub(end, begin), kVectors * lanes));
    Value middle = b.add(wide, b.roundDown(b.sub(end, wide), lanes));
    b.loop(begin, wide, kVectors * lanes, [&](Value column) { results(column, lanes, kVectors); });
    b.loop(wide, middle, lanes, [&](Value column) { results(column, lanes, 1); });
    b.loop(middle, end, 1, [&](Value column) { results(column, 1, 1); });
  });
}

/// Writes results number, number + 1, ... Lanes may lie in several rows of the result (of shape [2, 1], say): then they are
/// written one by one.
void Reduction::writeLanes(Value number, int64_t width, Value sum) {
  Value columns = b.size(writer.getBox().columns());
  bool isOneRow = writer.getBox().columns() == groups.back().size;
  if (isOneRow || width == 1) {
    write(b.div(number, columns), b.rem(number, columns), width, sum);
    return;
  }
  for (int64_t lane = 0; lane < width; ++lane) {
    Value position = b.add(number, lane);
    write(b.div(position, columns), b.rem(position, columns), 1, vector::ExtractOp::create(b, sum, ArrayRef<int64_t>{lane}));
  }
}

void Reduction::write(Value rowNumber, Value column, int64_t lanes, Value sum) {
  if (*context.kernel.getAnchor() == "nn.mean") {
    Value number = arith::SIToFPOp::create(b, accumulator, b.size(count));
    sum = arith::DivFOp::create(b, sum, b.broadcast(number, lanes));
  }
  Row row(writer.getBox(), rowNumber);
  if (failed(writer.write(row, column, lanes, b.rounded(sum, context.kernel.getBodyBlock().getArgument(0).getType()))))
    result = failure();
}

LogicalResult Reduction::emit() {
  if (groups.back().isReduced)
    emitInnerReduced();
  else
    emitInnerKept();
  return result;
}

} // namespace

LogicalResult emitReduction(KernelContext &context) { return Reduction(context).emit(); }

} // namespace kiln::codegen
