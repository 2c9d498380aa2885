//===- ChannelsLast.cpp - convolutions and what follows, channels last ----===//
//
// Defines nn-channels-last. Ops are rewritten in program order; each has its result with the channels last beside the one that the
// user's program has, which is made, by a permutation, only if somebody is left who reads it.
//
//===----------------------------------------------------------------------===//

#include "ChannelLayouts.h"
#include "FusionRegion.h"
#include "PackedWeights.h"
#include "PassRemarks.h"
#include "StateDependence.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "kiln/semantics/channel_groups.h"
#include "kiln/semantics/reduced_dims.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numConvolutions("nn-channels-last", "Number of convolutions whose channels come last");
static ir::Statistic numGradients("nn-channels-last", "Number of gradients of convolutions whose channels come last");
static ir::Statistic numFollowers("nn-channels-last", "Number of other ops whose channels come last");
static ir::Statistic numMissed("nn-channels-last", "Number of convolutions and their gradients that stay as they are");

#define GEN_PASS_DEF_CHANNELSLASTPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-channels-last";

using semantics::DimExpr;
using Sizes = DimSizes;

std::vector<int64_t> toVector(ArrayRef<int64_t> values) { return {values.begin(), values.end()}; }
Sizes toVector(ir::ShapeAttr sizes) { return sizes.getSizes(); }

/// How many dimensions the windows of a pooling have, or those of its gradient.
template <class OpTy> int64_t windowRank(OpTy op) {
  if constexpr (std::is_same_v<OpTy, ir::AdaptiveAvgPoolOp>)
    return op.getOutputSize().getRank();
  else if constexpr (std::is_same_v<OpTy, ir::AdaptiveAvgPoolBackwardOp>)
    return op.getInputSize().getRank();
  else
    return static_cast<int64_t>(op.getKernelSize().size());
}

struct ChannelsLast : impl::ChannelsLastPassBase<ChannelsLast> {
  using ChannelsLastPassBase::ChannelsLastPassBase;

  void getDependentDialects(DialectRegistry &registry) const override { registerInterfaceModels(registry); }

  LogicalResult initialize(MLIRContext *context) override {
    if (panel > 0)
      return success();
    return emitError(UnknownLoc::get(context)) << "nn-channels-last: panel must be at least 1, and is " << panel.getValue();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(ir::NNDialect::kEntryAttrName))
      return;
    layouts = {};
    StateDependence states(function);
    dependence = &states;
    SmallVector<Operation *> ops, replaced;
    function.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      if (Value result = rewritten(op)) {
        layouts.setNative(op->getResult(0), result);
        replaced.push_back(op);
      }
    for (Operation *op : ops)
      if (auto reshape = dyn_cast<ir::ReshapeOp>(op))
        rewriteFlatten(reshape);
      else if (auto gradient = dyn_cast<ir::ConvBackwardWeightOp>(op); gradient && !gradient.getChannelsLast().value_or(false))
        rewriteWeightGradient(gradient);
      else if (isa<ir::SumOp, ir::MeanOp>(op) && !layouts.isNative(op->getResult(0)))
        rewriteChannelReduction(cast<ir::SemanticOpInterface>(op));
    for (Operation *op : llvm::reverse(replaced)) { // users first
      Value result = op->getResult(0);
      if (!result.use_empty())
        result.replaceAllUsesWith(layouts.first(layouts.last(result)));
      op->erase();
    }
  }

private:
  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  /// The op's result with its channels last, made of new ops; null where it stays as it is.
  Value rewritten(Operation *op) {
    if (auto conv = dyn_cast<ir::ConvOp>(op))
      return rewrittenConv(conv);
    if (auto gradient = dyn_cast<ir::ConvBackwardInputOp>(op))
      return rewrittenInputGradient(gradient);
    Value result = rewrittenFollower(op);
    numFollowers += result ? 1 : 0;
    return result;
  }

  Value rewrittenFollower(Operation *op) {
    OpBuilder builder(op);
    if (Value pool = rewrittenPool<ir::MaxPoolOp, ir::AvgPoolOp, ir::AdaptiveAvgPoolOp, ir::MaxPoolBackwardOp,
                                   ir::AvgPoolBackwardOp, ir::AdaptiveAvgPoolBackwardOp>(builder, op))
      return pool;
    if (auto affine = dyn_cast<ir::ChannelAffineOp>(op))
      return rewrittenAffine(builder, affine);
    if (isa<ir::BatchNormOp, ir::BatchNormBackwardOp>(op))
      return rewrittenBatchNorm(builder, cast<ir::SemanticOpInterface>(op));
    if (auto expand = dyn_cast<ir::ExpandOp>(op))
      return rewrittenExpand(builder, expand);
    if (isElementwise(op) && !isa<OperandMapInterface>(op))
      return rewrittenElementwise(builder, op);
    if (isa<ir::CatOp, ir::SliceOp>(op))
      return rewrittenParts(builder, cast<ir::SemanticOpInterface>(op));
    if (isa<ir::SumOp, ir::MeanOp>(op))
      return rewrittenReduction(builder, cast<ir::SemanticOpInterface>(op));
    return {};
  }

  static std::string obstacle(RankedTensorType weight) {
    Type element = weight.getElementType();
    if (!isa<FloatType>(element))
      return "the weight holds integers, which have no kernel for panels";
    if (!weight.hasStaticShape())
      return "the weight's sizes are not known";
    if (weight.getNumElements() == 0)
      return "the weight has no elements";
    return {};
  }
  static std::string obstacle(ir::ConvOp conv) {
    RankedTensorType weight = typeOf(conv.getWeight());
    if (std::string reason = obstacle(weight); !reason.empty())
      return reason;
    // Sums of 16-bit floats are f32; an add of its own would see them rounded.
    if (conv.getBias() && isa<Float16Type, BFloat16Type>(weight.getElementType()))
      return "the bias is added before the sum is rounded to 16 bits";
    return {};
  }
  /// Of a weight's gradient.
  static std::string obstacle(ir::ConvBackwardWeightOp gradient) {
    RankedTensorType weight = typeOf(gradient.getOutput());
    if (std::string reason = obstacle(weight); !reason.empty())
      return reason;
    auto groups = static_cast<int64_t>(gradient.getGroups());
    int64_t outputs = weight.getDimSize(0) / groups, inputs = weight.getDimSize(1);
    if (groups > 1 && outputs == 1 && semantics::groups_together(groups, outputs, inputs, semantics::kGradientLanes) == 1)
      return "each output channel is a group of many input channels, a column of its own";
    if (isa<Float16Type, BFloat16Type>(weight.getElementType()))
      return "sums of 16-bit floats are f32, and can't wait in the result";
    return {};
  }
  void missed(Operation *op, const std::string &reason) {
    ++numMissed;
    missedRemark(op, kPass, "channels-last") << remark::reason("{0}", reason);
  }

  Value rewrittenConv(ir::ConvOp conv) {
    RankedTensorType weight = typeOf(conv.getWeight());
    if (std::string reason = obstacle(conv); !reason.empty()) {
      missed(conv, reason);
      return {};
    }
    ++numConvolutions;
    passedRemark(conv, kPass, "channels-last") << remark::add(
        "weight {0} packed in panels of {1} output channels{2}", ir::shapeText(weight), panel.getValue(),
        dependence->onStateAlone(conv.getWeight()) ? "" : ", in each call: " + dependence->reason(conv.getWeight()));
    OpBuilder builder(conv);
    Value input = layouts.last(conv.getInput());
    Value product = isPointwise(conv) ? pointwise(builder, conv, input) : packedConv(builder, conv, input);
    if (conv.getBias())
      product = ir::AddOp::create(builder, conv.getLoc(), product, conv.getBias());
    return product;
  }

  /// A window of one tap at each position: a linear layer over the channels. Spatial sizes that a call may give as 0 are refused by
  /// convolutions, and no linear layer would.
  static bool isPointwise(ir::ConvOp conv) {
    auto all = [](ArrayRef<int64_t> values, int64_t number) {
      return llvm::all_of(values, [&](int64_t value) { return value == number; });
    };
    return conv.getGroups() == 1 && !llvm::is_contained(typeOf(conv.getInput()).getShape().drop_front(2), ShapedType::kDynamic) &&
           all(typeOf(conv.getWeight()).getShape().drop_front(2), 1) && all(conv.getStride(), 1) &&
           all(conv.getPaddingLow(), 0) && all(conv.getPaddingHigh(), 0);
  }

  Value pointwise(OpBuilder &builder, ir::ConvOp conv, Value input) {
    ArrayRef<int64_t> sizes = typeOf(conv.getWeight()).getShape();
    Value weight = packedRows(builder, conv.getLoc(), conv.getWeight(), {sizes[0], sizes[1]}, panel);
    return ir::createOp<ir::PackedLinearOp>(builder, conv.getLoc(), {input, weight}, {{"out_features", sizes[0]}});
  }

  Value packedConv(OpBuilder &builder, ir::ConvOp conv, Value input) {
    ArrayRef<int64_t> sizes = typeOf(conv.getWeight()).getShape();
    auto groups = static_cast<int64_t>(conv.getGroups());
    Value weight = packedByOutputs(builder, conv.getLoc(), conv.getWeight(), groups, panel);
    return ir::createOp<ir::PackedConvOp>(builder, conv.getLoc(), {input, weight},
                                          {{"out_channels", sizes[0]},
                                           {"kernel_size", toVector(sizes.drop_front(2))},
                                           {"stride", toVector(conv.getStride())},
                                           {"padding_low", toVector(conv.getPaddingLow())},
                                           {"padding_high", toVector(conv.getPaddingHigh())},
                                           {"dilation", toVector(conv.getDilation())},
                                           {"groups", groups}});
  }

  //===--------------------------------------------------------------------===//
  // Gradients of convolutions
  //===--------------------------------------------------------------------===//

  /// The attributes that a convolution shares with its gradients.
  template <class OpTy> static semantics::Attributes windowAttributes(OpTy op) {
    return {{"stride", toVector(op.getStride())},
            {"padding_low", toVector(op.getPaddingLow())},
            {"padding_high", toVector(op.getPaddingHigh())},
            {"dilation", toVector(op.getDilation())},
            {"groups", static_cast<int64_t>(op.getGroups())}};
  }

  Value rewrittenInputGradient(ir::ConvBackwardInputOp gradient) {
    RankedTensorType type = typeOf(gradient.getWeight());
    auto groups = static_cast<int64_t>(gradient.getGroups());
    if (std::string reason = obstacle(type); !reason.empty()) {
      missed(gradient, reason);
      return {};
    }
    ++numGradients;
    OpBuilder builder(gradient);
    Location location = gradient.getLoc();
    ArrayRef<int64_t> sizes = type.getShape();
    Value weight = packedByInputs(builder, location, gradient.getWeight(), groups, panel);
    semantics::Attributes attributes = windowAttributes(gradient);
    attributes.set("in_channels", sizes[1] * groups);
    attributes.set("input_size", toVector(gradient.getInputSize()));
    attributes.set("kernel_size", toVector(sizes.drop_front(2)));
    return ir::createOp<ir::PackedConvBackwardInputOp>(builder, location, {layouts.last(gradient.getGrad()), weight}, attributes);
  }

  /// The result is [...kernel, C / groups, O], which is permuted: it is small beside what it is computed from.
  void rewriteWeightGradient(ir::ConvBackwardWeightOp gradient) {
    RankedTensorType type = typeOf(gradient.getOutput());
    if (std::string reason = obstacle(gradient); !reason.empty()) {
      missed(gradient, reason);
      return;
    }
    ++numGradients;
    OpBuilder builder(gradient);
    semantics::Attributes attributes = windowAttributes(gradient);
    attributes.set("kernel_size", toVector(gradient.getKernelSize()));
    attributes.set("channels_last", true);
    Value result = ir::createOp<ir::ConvBackwardWeightOp>(
        builder, gradient.getLoc(), {layouts.last(gradient.getGrad()), layouts.last(gradient.getInput())}, attributes);
    int64_t rank = type.getRank();
    std::vector<int64_t> dims = {rank - 1, rank - 2};
    for (int64_t dim = 0; dim + 2 < rank; ++dim)
      dims.push_back(dim);
    gradient.getOutput().replaceAllUsesWith(
        ir::createOp<ir::PermuteOp>(builder, gradient.getLoc(), {result}, {{"dims", dims}}).getOutput());
    gradient.erase();
  }

  //===--------------------------------------------------------------------===//
  // What follows
  //===--------------------------------------------------------------------===//

  /// Of poolings and their gradients, [N, C, ...] with as many dimensions behind as windows have.
  template <class... OpTys> Value rewrittenPool(OpBuilder &builder, Operation *op) {
    Value result;
    auto rewrite = [&](auto pool) {
      if (!pool || pool.getChannelsLast() || typeOf(op->getOperand(0)).getRank() != windowRank(pool) + 2 || !isBetterLast(op))
        return;
      semantics::Attributes attributes = pool.getSemanticAttributes();
      attributes.set("channels_last", true);
      result = renewed(builder, cast<ir::SemanticOpInterface>(op), attributes);
    };
    (rewrite(dyn_cast<OpTys>(op)), ...);
    return result;
  }

  /// Whether an operand comes last. What is spread over its result, as the cotangent of an average is, is smaller than that: if
  /// who reads the result has more to read in this layout, the operand is permuted.
  bool isBetterLast(Operation *op) const {
    auto hasNative = [&](Operation *op) {
      return llvm::any_of(op->getOperands(), [&](Value operand) { return layouts.isNative(operand); });
    };
    auto computesWithNative = [&](Operation *user) { return !user->hasTrait<OpTrait::IsTerminator>() && hasNative(user); };
    bool isSpread = isa<ir::AvgPoolBackwardOp, ir::AdaptiveAvgPoolBackwardOp, ir::ExpandOp>(op);
    return hasNative(op) || (isSpread && llvm::any_of(op->getUsers(), computesWithNative));
  }

  /// Vectors of channels are aligned with the last dimension. The product is rounded before the sum, as it is in the op itself
  /// unless elements have 16 bits.
  Value rewrittenAffine(OpBuilder &builder, ir::ChannelAffineOp affine) {
    Type element = typeOf(affine.getOutput()).getElementType();
    if (!layouts.isNative(affine.getInput()) || isa<Float16Type, BFloat16Type>(element) ||
        typeOf(affine.getScale()).getElementType() != element)
      return {};
    Value product = ir::MulOp::create(builder, affine.getLoc(), layouts.last(affine.getInput()), affine.getScale());
    return ir::AddOp::create(builder, affine.getLoc(), product, affine.getShift());
  }

  /// Statistics of channels are the same of [positions, C], two dimensions of which the second is the channels.
  Value rewrittenBatchNorm(OpBuilder &builder, ir::SemanticOpInterface op) {
    RankedTensorType type = typeOf(op->getResult(0));
    Sizes sizes = ir::sizesOf(type);
    // The forward op has its data first, the gradient has its cotangent before it.
    size_t count = isa<ir::BatchNormOp>(op) ? 1 : 2;
    // With one position, an error tells the shape.
    if (type.getRank() < 3 || !llvm::any_of(ArrayRef(sizes).drop_front(2), [](const DimExpr &size) {
          return size.constant() && *size.constant() > 1;
        }))
      return {};
    SmallVector<Value> operands = op.getSemanticOperands();
    if (llvm::none_of(ArrayRef(operands).take_front(count), [&](Value value) { return layouts.isNative(value); }))
      return {};
    DimExpr positions = 1;
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      positions = dim == 1 ? positions : positions * sizes[dim];
    for (Value &operand : MutableArrayRef(operands).take_front(count))
      operand = ir::createOp<ir::ReshapeOp>(builder, op->getLoc(), {layouts.last(operand)},
                                            {{"shape", Sizes{positions, sizes[1]}}});
    Operation *flat = ir::createOperation(builder, op->getLoc(), op->getName().getStringRef(), operands,
                                          op.getSemanticAttributes());
    for (unsigned result = 1; result < op->getNumResults(); ++result)
      op->getResult(result).replaceAllUsesWith(flat->getResult(result));
    return ir::createOp<ir::ReshapeOp>(builder, op->getLoc(), {flat->getResult(0)}, {{"shape", rotatedLast(sizes)}});
  }

  Value rewrittenElementwise(OpBuilder &builder, Operation *op) {
    RankedTensorType type = typeOf(op->getResult(0));
    if (llvm::none_of(op->getOperands(), [&](Value operand) { return layouts.isNative(operand) && sizesOf(operand) == ir::sizesOf(type); }))
      return {};
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, aligned(builder, op->getLoc(), operand, type.getRank()));
    Operation *copy = builder.clone(*op, mapping);
    copy->getResult(0).setType(ir::toTensorType(rotatedLast(ir::sizesOf(type)), type.getElementType()));
    return copy->getResult(0);
  }

  /// Where dimension `dim` of [N, C, ...] is in [N, ..., C].
  static int64_t placeLast(int64_t dim, int64_t rank) { return dim == 0 ? 0 : dim == 1 ? rank - 1 : dim - 1; }

  /// Concatenations, and slices, which are their gradients.
  Value rewrittenParts(OpBuilder &builder, ir::SemanticOpInterface op) {
    int64_t rank = typeOf(op->getResult(0)).getRank();
    bool areAlike = llvm::all_of(op->getOperands(), [&](Value operand) { return typeOf(operand).getRank() == rank; });
    if (!areAlike || !isBetterLast(op))
      return {};
    semantics::Attributes attributes = op.getSemanticAttributes();
    attributes.set("dim", placeLast(semantics::wrap_dim(attributes.get<int64_t>("dim"), rank), rank));
    return renewed(builder, op, attributes);
  }

  /// Sums and means that keep single dimensions in the place of those they reduce; for others see rewriteChannelReduction.
  Value rewrittenReduction(OpBuilder &builder, ir::SemanticOpInterface op) {
    semantics::Attributes attributes = op.getSemanticAttributes();
    if (!layouts.isNative(op->getOperand(0)) || !attributes.get<bool>("keepdim"))
      return {};
    attributes.set("dims", reducedLast(op));
    return renewed(builder, op, attributes);
  }

  /// The dimensions that a sum or a mean reduces, where its operand comes last.
  static std::vector<int64_t> reducedLast(ir::SemanticOpInterface op) {
    auto rank = static_cast<size_t>(typeOf(op->getOperand(0)).getRank());
    std::vector<int64_t> dims;
    for (auto [dim, isReduced] :
         llvm::enumerate(semantics::reduced_dims(rank, op.getSemanticAttributes().get<std::vector<int64_t>>("dims"))))
      if (isReduced)
        dims.push_back(placeLast(static_cast<int64_t>(dim), static_cast<int64_t>(rank)));
    llvm::sort(dims);
    return dims;
  }

  Value rewrittenExpand(OpBuilder &builder, ir::ExpandOp expand) {
    RankedTensorType type = typeOf(expand.getOutput());
    if (type.getRank() < 3 || typeOf(expand.getInput()).getRank() != type.getRank() || !isBetterLast(expand))
      return {};
    return renewed(builder, cast<ir::SemanticOpInterface>(expand.getOperation()), {{"shape", rotatedLast(ir::sizesOf(type))}});
  }

  /// The same op of operands with their channels last.
  Value renewed(OpBuilder &builder, ir::SemanticOpInterface op, const semantics::Attributes &attributes) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(layouts.last(operand));
    return ir::createOperation(builder, op->getLoc(), op->getName().getStringRef(), operands, attributes)->getResult(0);
  }

  /// An operand that is broadcast to a result of this rank, for a result with its channels last.
  Value aligned(OpBuilder &builder, Location location, Value operand, int64_t rank) {
    Sizes sizes = sizesOf(operand);
    if (llvm::all_of(sizes, [](const DimExpr &size) { return size == DimExpr(1); }))
      return operand;
    if (typeOf(operand).getRank() == rank)
      return layouts.last(operand);
    sizes.insert(sizes.begin(), static_cast<size_t>(rank) - sizes.size(), DimExpr(1));
    Value whole = ir::createOp<ir::ReshapeOp>(builder, location, {operand}, {{"shape", sizes}});
    return rotatedLast(builder, location, whole);
  }

  //===--------------------------------------------------------------------===//
  // The way out
  //===--------------------------------------------------------------------===//

  /// A linear layer reads [N, C, ...] as one dimension of features: with the channels last it is the same layer, the columns of its
  /// weight in another order, if that order need not be made in each call.
  void rewriteFlatten(ir::ReshapeOp reshape) {
    Value input = reshape.getInput();
    if (!layouts.isNative(input))
      return;
    Sizes from = sizesOf(input), to = sizesOf(reshape.getOutput());
    if (to.size() != 2 || !(to[0] == from[0]) || hasOnePosition(from) ||
        !llvm::all_of(ArrayRef(from).drop_front(), [](const DimExpr &size) { return size.is_constant(); }))
      return;
    for (OpOperand &use : reshape.getOutput().getUses()) {
      auto linear = dyn_cast<ir::LinearOp>(use.getOwner());
      if (!linear || use.getOperandNumber() != 0 || !dependence->onStateAlone(linear.getWeight()))
        return;
    }
    OpBuilder builder(reshape);
    Value flat = ir::createOp<ir::ReshapeOp>(builder, reshape.getLoc(), {layouts.last(input)}, {{"shape", to}});
    for (OpOperand &use : llvm::make_early_inc_range(reshape.getOutput().getUses())) {
      auto linear = cast<ir::LinearOp>(use.getOwner());
      OpBuilder before(linear);
      Sizes matrix = sizesOf(linear.getWeight()), columns = from;
      columns[0] = matrix[0];
      Value weight = ir::createOp<ir::ReshapeOp>(before, linear.getLoc(), {linear.getWeight()}, {{"shape", columns}});
      weight = rotatedLast(before, linear.getLoc(), weight);
      weight = ir::createOp<ir::ReshapeOp>(before, linear.getLoc(), {weight}, {{"shape", matrix}});
      use.set(flat);
      linear.getWeightMutable().assign(weight);
    }
    reshape.erase();
  }

  /// A sum or mean for each channel, or for each of each sample: the order of what is left is the same in both layouts.
  void rewriteChannelReduction(ir::SemanticOpInterface op) {
    Value input = op->getOperand(0);
    semantics::Attributes attributes = op.getSemanticAttributes();
    std::vector<int64_t> dims = reducedLast(op);
    int64_t rank = typeOf(input).getRank();
    auto isReduced = [&](int64_t dim) { return llvm::is_contained(dims, dim); };
    if (!layouts.isNative(input) || attributes.get<bool>("keepdim") || isReduced(rank - 1) ||
        !llvm::all_of(llvm::seq<int64_t>(1, rank - 1), isReduced))
      return;
    OpBuilder builder(op);
    attributes.set("dims", dims);
    op->getResult(0).replaceAllUsesWith(renewed(builder, op, attributes));
    op->erase();
  }

  ChannelLayouts layouts;
  const StateDependence *dependence = nullptr;
};

} // namespace
} // namespace kiln::passes
