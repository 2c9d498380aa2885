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

/// The attributes of a pooling's gradient: the op's own.
semantics::Attributes withLayout(semantics::Attributes attributes, std::optional<bool> channelsLast) {
  if (channelsLast)
    attributes.set("channels_last", *channelsLast);
  return attributes;
}

/// The sizes of a pooling's input that its windows slide over, of which there are `count`.
Gradient::Sizes pooledSizes(Gradient &gradient, Value input, std::optional<bool> channelsLast, int64_t count) {
  const int64_t behind = channelsLast.value_or(false) ? 1 : 0;
  Gradient::Sizes sizes = sizesFrom(gradient, input, gradient.rankOf(input) - count - behind);
  sizes.resize(static_cast<size_t>(count));
  return sizes;
}

void maxPool(ir::MaxPoolOp op, Gradient &gradient) {
  gradient.give(0, gradient.make<ir::MaxPoolBackwardOp>({gradient.cotangent(), op.getInput()},
                                                        withLayout({{"kernel_size", toVector(op.getKernelSize())},
                                                                    {"stride", toVector(op.getStride())},
                                                                    {"padding", toVector(op.getPadding())},
                                                                    {"dilation", toVector(op.getDilation())},
                                                                    {"ceil_mode", op.getCeilMode()}},
                                                                   op.getChannelsLast())));
}

void avgPool(ir::AvgPoolOp op, Gradient &gradient) {
  auto count = static_cast<int64_t>(op.getKernelSize().size());
  semantics::Attributes attributes{{"input_size", pooledSizes(gradient, op.getInput(), op.getChannelsLast(), count)},
                                   {"kernel_size", toVector(op.getKernelSize())},
                                   {"stride", toVector(op.getStride())},
                                   {"padding", toVector(op.getPadding())},
                                   {"ceil_mode", op.getCeilMode()},
                                   {"count_include_pad", op.getCountIncludePad()}};
  if (std::optional<int64_t> divisor = op.getDivisorOverride())
    attributes.set("divisor_override", *divisor);
  gradient.give(0, gradient.make<ir::AvgPoolBackwardOp>({gradient.cotangent()}, withLayout(attributes, op.getChannelsLast())));
}

void adaptiveAvgPool(ir::AdaptiveAvgPoolOp op, Gradient &gradient) {
  Gradient::Sizes sizes = pooledSizes(gradient, op.getInput(), op.getChannelsLast(), op.getOutputSize().getRank());
  gradient.give(0, gradient.make<ir::AdaptiveAvgPoolBackwardOp>({gradient.cotangent()},
                                                                withLayout({{"input_size", sizes}}, op.getChannelsLast())));
}

} // namespace

void attachWindowGradients(MLIRContext *context) {
  attachRule<ir::ConvOp, conv>(context);
  attachRule<ir::MaxPoolOp, maxPool>(context);
  attachRule<ir::AvgPoolOp, avgPool>(context);
  attachRule<ir::AdaptiveAvgPoolOp, adaptiveAvgPool>(context);
}

} // namespace kiln::passes
