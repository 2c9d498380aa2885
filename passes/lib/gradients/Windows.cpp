//===- Windows.cpp - gradients of convolutions and pooling ----------------===//
//
// Rules of ops with windows. Each gradient walks over the same windows as the op itself, and is an op of its own: sums of shifted
// copies would be as many passes over the data as a window has taps.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

#include <numeric>

using namespace mlir;

namespace kiln::passes {
namespace {

std::vector<int64_t> toVector(ArrayRef<int64_t> values) { return {values.begin(), values.end()}; }

/// The sizes of a value from dimension `first` on.
Gradient::Sizes sizesFrom(Gradient &gradient, Value value, int64_t first) {
  Gradient::Sizes sizes = gradient.sizesOf(value);
  return {sizes.begin() + first, sizes.end()};
}

/// The last sizes of a value, as many as a window has dimensions.
Gradient::Sizes spatialSizes(Gradient &gradient, Value value, ArrayRef<int64_t> window) {
  return sizesFrom(gradient, value, gradient.rankOf(value) - static_cast<int64_t>(window.size()));
}

void conv(ir::ConvOp op, Gradient &gradient) {
  Value cotangent = gradient.cotangent();
  auto attributes = [&](const char *name, Gradient::Sizes sizes) {
    return semantics::Attributes{{name, std::move(sizes)},
                                 {"stride", toVector(op.getStride())},
                                 {"padding_low", toVector(op.getPaddingLow())},
                                 {"padding_high", toVector(op.getPaddingHigh())},
                                 {"dilation", toVector(op.getDilation())},
                                 {"groups", static_cast<int64_t>(op.getGroups())}};
  };
  if (gradient.needs(0))
    gradient.give(0, gradient.make<ir::ConvBackwardInputOp>({cotangent, op.getWeight()},
                                                            attributes("input_size", sizesFrom(gradient, op.getInput(), 2))));
  if (gradient.needs(1))
    gradient.give(1, gradient.make<ir::ConvBackwardWeightOp>({cotangent, op.getInput()},
                                                             attributes("kernel_size", sizesFrom(gradient, op.getWeight(), 2))));
  if (op.getBias() && gradient.needs(2)) {
    SmallVector<int64_t> dims(static_cast<size_t>(gradient.rankOf(cotangent)) - 1);
    std::iota(dims.begin(), dims.end(), 1);
    dims[0] = 0; // all but the channels
    gradient.give(2, gradient.sum(cotangent, dims, /*keepdim=*/false));
  }
}

/// Gradients of poolings are of [N, C, ...]; around them values of a pooling with its channels last are permuted.
class ChannelsFirst {
public:
  template <class OpTy> ChannelsFirst(OpTy op, Gradient &gradient) : gradient(gradient), isLast(op.getChannelsLast().value_or(false)) {}

  Value of(Value value) const { return rotated(value, [](int64_t d, int64_t rank) { return d == 1 ? rank - 1 : d - 1; }); }
  Value undone(Value value) const { return rotated(value, [](int64_t d, int64_t rank) { return d + 1 < rank ? d + 1 : 1; }); }

private:
  Value rotated(Value value, int64_t (*from)(int64_t, int64_t)) const {
    if (!isLast)
      return value;
    std::vector<int64_t> dims = {0};
    for (int64_t rank = gradient.rankOf(value), d = 1; d < rank; ++d)
      dims.push_back(from(d, rank));
    return gradient.make<ir::PermuteOp>({value}, {{"dims", dims}});
  }

  Gradient &gradient;
  bool isLast;
};

void maxPool(ir::MaxPoolOp op, Gradient &gradient) {
  ChannelsFirst first(op, gradient);
  gradient.give(0, first.undone(gradient.make<ir::MaxPoolBackwardOp>({first.of(gradient.cotangent()), first.of(op.getInput())},
                                                                     {{"kernel_size", toVector(op.getKernelSize())},
                                                                      {"stride", toVector(op.getStride())},
                                                                      {"padding", toVector(op.getPadding())},
                                                                      {"dilation", toVector(op.getDilation())},
                                                                      {"ceil_mode", op.getCeilMode()}})));
}

void avgPool(ir::AvgPoolOp op, Gradient &gradient) {
  ChannelsFirst first(op, gradient);
  semantics::Attributes attributes{{"input_size", spatialSizes(gradient, first.of(op.getInput()), op.getKernelSize())},
                                   {"kernel_size", toVector(op.getKernelSize())},
                                   {"stride", toVector(op.getStride())},
                                   {"padding", toVector(op.getPadding())},
                                   {"ceil_mode", op.getCeilMode()},
                                   {"count_include_pad", op.getCountIncludePad()}};
  if (std::optional<int64_t> divisor = op.getDivisorOverride())
    attributes.set("divisor_override", *divisor);
  gradient.give(0, first.undone(gradient.make<ir::AvgPoolBackwardOp>({first.of(gradient.cotangent())}, attributes)));
}

void adaptiveAvgPool(ir::AdaptiveAvgPoolOp op, Gradient &gradient) {
  ChannelsFirst first(op, gradient);
  Value input = first.of(op.getInput());
  const int64_t spatial = gradient.rankOf(input) - op.getOutputSize().getRank();
  gradient.give(0, first.undone(gradient.make<ir::AdaptiveAvgPoolBackwardOp>({first.of(gradient.cotangent())},
                                                                             {{"input_size", sizesFrom(gradient, input, spatial)}})));
}

} // namespace

void attachWindowGradients(MLIRContext *context) {
  attachRule<ir::ConvOp, conv>(context);
  attachRule<ir::MaxPoolOp, maxPool>(context);
  attachRule<ir::AvgPoolOp, avgPool>(context);
  attachRule<ir::AdaptiveAvgPoolOp, adaptiveAvgPool>(context);
}

} // namespace kiln::passes
