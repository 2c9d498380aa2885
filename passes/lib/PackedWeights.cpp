//===- PackedWeights.cpp - weights of convolutions in panels --------------===//
//
// See PackedWeights.h. Permutations and reshapes around nn.pack_panels, which nn-hoist-prepare takes out of a call where the
// weight is fixed.
//
//===----------------------------------------------------------------------===//

#include "PackedWeights.h"

#include "kiln/semantics/channel_groups.h"

using namespace mlir;

namespace kiln::passes {

Value packedRows(OpBuilder &builder, Location location, Value weight, const DimSizes &matrices, int64_t panel) {
  Value matrix = ir::createOp<ir::ReshapeOp>(builder, location, {weight}, {{"shape", matrices}});
  return ir::createOp<ir::PackPanelsOp>(builder, location, {matrix}, {{"panel", panel}});
}

Value packedByOutputs(OpBuilder &builder, Location location, Value weight, int64_t groups, int64_t panel) {
  ArrayRef<int64_t> sizes = typeOf(weight).getShape();
  int64_t matrices = groups / semantics::groups_together(groups, sizes[0] / groups, sizes[1], panel);
  int64_t depth = typeOf(weight).getNumElements() / sizes[0];
  return packedRows(builder, location, rotatedLast(builder, location, weight), {matrices, sizes[0] / matrices, depth}, panel);
}

Value packedByInputs(OpBuilder &builder, Location location, Value weight, int64_t groups, int64_t panel) {
  RankedTensorType type = typeOf(weight);
  ArrayRef<int64_t> sizes = type.getShape();
  if (groups == sizes[0] && sizes[1] == 1) // one matrix serves the convolution and its gradient
    return packedByOutputs(builder, location, weight, groups, panel);
  int64_t outputs = sizes[0] / groups, inputs = sizes[1], taps = type.getNumElements() / (sizes[0] * inputs);
  auto reshaped = [&](Value value, const DimSizes &shape) {
    return Value(ir::createOp<ir::ReshapeOp>(builder, location, {value}, {{"shape", shape}}));
  };
  auto permuted = [&](Value value, const std::vector<int64_t> &dims) {
    return Value(ir::createOp<ir::PermuteOp>(builder, location, {value}, {{"dims", dims}}));
  };
  if (inputs % panel == 0) { // with the channels last, which the convolution packs too, panels are moved as they are
    Value last = rotatedLast(builder, location, weight);
    Value moved = permuted(reshaped(last, {groups, outputs, taps, inputs / panel, panel}), {0, 3, 2, 1, 4});
    return reshaped(moved, {groups, inputs / panel, taps * outputs, panel});
  }
  Value rows = permuted(reshaped(weight, {groups, outputs, inputs, taps}), {0, 2, 3, 1});
  int64_t together = semantics::groups_together(groups, inputs, outputs, panel);
  return packedRows(builder, location, rows, {groups / together, together * inputs, taps * outputs}, panel);
}

} // namespace kiln::passes
