//===- InterfaceModels.cpp - how ops of the nn dialect join passes --------===//
//
// The models of the interfaces in Interfaces.td, an op a section, and their registration.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"
#include "kiln/passes/Interfaces.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include "kiln/passes/Interfaces.cpp.inc"

using namespace mlir;

namespace kiln::passes {
namespace {

/// Size `dim` of a value; empty when there is no such value or dimension, or when the size is open (`?` without
/// encoding).
std::optional<semantics::DimExpr> knownSize(Value value, int64_t dim) {
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
  if (!type || dim < 0 || dim >= type.getRank())
    return std::nullopt;
  if (!type.isDynamicDim(dim))
    return semantics::DimExpr(type.getDimSize(dim));
  if (!ir::isNNTensorType(type))
    return std::nullopt;
  return ir::sizeOf(type, dim);
}

/// -1 for what is no ranked tensor, which no dimension is below.
int64_t rankOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

//===----------------------------------------------------------------------===//
// nn.linear
//===----------------------------------------------------------------------===//

struct LinearScaling : ChannelScalableInterface::ExternalModel<LinearScaling, ir::LinearOp> {
  int64_t getChannelDim(Operation *op) const { return rankOf(op->getResult(0)) - 1; }
  Value getScaledWeight(Operation *op) const { return cast<ir::LinearOp>(op).getWeight(); }
  int64_t getWeightChannelDim(Operation *) const { return 0; }
  Value getScaledBias(Operation *op) const { return cast<ir::LinearOp>(op).getBias(); }
  Value buildWith(Operation *op, OpBuilder &builder, Location location, Value weight, Value bias) const {
    return ir::LinearOp::create(builder, location, cast<ir::LinearOp>(op).getInput(), weight, bias).getOutput();
  }
};

struct LinearSizes : OperandSizesInterface::ExternalModel<LinearSizes, ir::LinearOp> {
  OptionalSizes getRequiredSizes(Operation *op, unsigned number) const {
    auto linear = cast<ir::LinearOp>(op);
    auto fromResult = knownSize(linear.getOutput(), rankOf(linear.getOutput()) - 1);
    switch (number) {
    case 1: {
      auto fromBias = knownSize(linear.getBias(), 0);
      return {fromBias ? fromBias : fromResult, knownSize(linear.getInput(), rankOf(linear.getInput()) - 1)};
    }
    case 2: {
      auto fromWeight = knownSize(linear.getWeight(), 0);
      return {fromWeight ? fromWeight : fromResult};
    }
    }
    return {};
  }
};

//===----------------------------------------------------------------------===//
// nn.conv
//===----------------------------------------------------------------------===//

struct ConvScaling : ChannelScalableInterface::ExternalModel<ConvScaling, ir::ConvOp> {
  int64_t getChannelDim(Operation *) const { return 1; }
  Value getScaledWeight(Operation *op) const { return cast<ir::ConvOp>(op).getWeight(); }
  int64_t getWeightChannelDim(Operation *) const { return 0; }
  Value getScaledBias(Operation *op) const { return cast<ir::ConvOp>(op).getBias(); }
  Value buildWith(Operation *op, OpBuilder &builder, Location location, Value weight, Value bias) const {
    auto conv = cast<ir::ConvOp>(op);
    return ir::ConvOp::create(builder, location, conv.getInput(), weight, bias, conv.getStrideAttr(), conv.getPaddingLowAttr(),
                              conv.getPaddingHighAttr(), conv.getDilationAttr(), conv.getGroupsAttr())
        .getOutput();
  }
};

struct ConvSizes : OperandSizesInterface::ExternalModel<ConvSizes, ir::ConvOp> {
  OptionalSizes getRequiredSizes(Operation *op, unsigned number) const {
    auto conv = cast<ir::ConvOp>(op);
    auto fromResult = knownSize(conv.getOutput(), 1);
    switch (number) {
    case 1: { // how large the kernel is, only the module knows
      OptionalSizes sizes(std::max<int64_t>(rankOf(conv.getWeight()), 2));
      auto fromBias = knownSize(conv.getBias(), 0), channels = knownSize(conv.getInput(), 1);
      sizes[0] = fromBias ? fromBias : fromResult;
      if (channels && conv.getGroups() > 0)
        sizes[1] = channels->floordiv(conv.getGroups());
      return sizes;
    }
    case 2: {
      auto fromWeight = knownSize(conv.getWeight(), 0);
      return {fromWeight ? fromWeight : fromResult};
    }
    }
    return {};
  }
};

//===----------------------------------------------------------------------===//
// nn.batch_norm and nn.channel_affine
//===----------------------------------------------------------------------===//

struct BatchNormSizes : OperandSizesInterface::ExternalModel<BatchNormSizes, ir::BatchNormOp> {
  OptionalSizes getRequiredSizes(Operation *op, unsigned number) const {
    if (number == 0)
      return {};
    return {knownSize(cast<ir::BatchNormOp>(op).getInput(), 1)}; // every other operand is a vector of channels
  }
};

struct ChannelAffineMaps : OperandMapInterface::ExternalModel<ChannelAffineMaps, ir::ChannelAffineOp> {
  AffineMap getOperandMap(Operation *op, unsigned number) const {
    unsigned rank = static_cast<unsigned>(rankOf(op->getResult(0)));
    if (number == 0)
      return AffineMap::getMultiDimIdentityMap(rank, op->getContext());
    return AffineMap::get(rank, 0, getAffineDimExpr(1, op->getContext()));
  }
};

//===----------------------------------------------------------------------===//
// Anchors
//===----------------------------------------------------------------------===//

/// An op that can always have an epilogue.
template <class OpTy> struct Anchor : FusionAnchorInterface::template ExternalModel<Anchor<OpTy>, OpTy> {
  bool mayHaveEpilogue(Operation *op) const { return op->getNumResults() == 1; }
};

/// Softmax and what is like it: lanes of their kernels are neighbours in a row of the result over the last two dimensions only.
template <class OpTy> struct SoftmaxAnchor : FusionAnchorInterface::template ExternalModel<SoftmaxAnchor<OpTy>, OpTy> {
  bool mayHaveEpilogue(Operation *op) const {
    int64_t rank = rankOf(op->getResult(0)), dim = cast<OpTy>(op).getDim();
    if (dim < 0)
      dim += std::max<int64_t>(rank, 1);
    // Over the second to last of [..., C, 1] lanes are classes.
    return dim + 1 >= rank || (dim + 2 == rank && knownSize(op->getResult(0), rank - 1) != semantics::DimExpr(1));
  }
};

template <class... OpTys> void attachAnchors(MLIRContext *context) {
  (OpTys::template attachInterface<Anchor<OpTys>>(*context), ...);
}
template <class... OpTys> void attachSoftmaxAnchors(MLIRContext *context) {
  (OpTys::template attachInterface<SoftmaxAnchor<OpTys>>(*context), ...);
}

} // namespace

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

void registerInterfaceModels(DialectRegistry &registry) {
  registry.insert<ir::NNDialect>();
  registry.addExtension(+[](MLIRContext *context, ir::NNDialect *) {
    // A context may get here by several registries; attaching a model twice is harmless, and skipped.
    ir::LinearOp::attachInterface<LinearScaling, LinearSizes>(*context);
    ir::ConvOp::attachInterface<ConvScaling, ConvSizes>(*context);
    ir::BatchNormOp::attachInterface<BatchNormSizes>(*context);
    ir::ChannelAffineOp::attachInterface<ChannelAffineMaps>(*context);
    attachAnchors<ir::LinearOp, ir::PackedLinearOp, ir::MatmulOp, ir::ConvOp, ir::PackedConvOp, ir::MaxPoolOp, ir::AvgPoolOp,
                  ir::AdaptiveAvgPoolOp, ir::EmbeddingOp, ir::SumOp, ir::MeanOp, ir::CatOp, ir::DropoutOp>(context);
    attachSoftmaxAnchors<ir::SoftmaxOp, ir::LogSoftmaxOp, ir::SoftmaxBackwardOp, ir::LogSoftmaxBackwardOp>(context);
  });
}

} // namespace kiln::passes
