//===- ChannelsLast.cpp - convolutions and what follows, channels last ----===//
//
// Defines nn-channels-last. Ops are rewritten in program order; each has its result with the channels last beside the one that the
// user's program has, which is made, by a permutation, only if somebody is left who reads it.
//
//===----------------------------------------------------------------------===//

#include "FusionRegion.h"
#include "PassRemarks.h"
#include "StateDependence.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numConvolutions("nn-channels-last", "Number of convolutions whose channels come last");
static ir::Statistic numFollowers("nn-channels-last", "Number of other ops whose channels come last");
static ir::Statistic numPermutations("nn-channels-last", "Number of permutations between the two layouts");
static ir::Statistic numMissed("nn-channels-last", "Number of convolutions that stay as they are");

#define GEN_PASS_DEF_CHANNELSLASTPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-channels-last";

using semantics::DimExpr;
using Sizes = std::vector<DimExpr>;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
Sizes sizesOf(Value value) { return ir::sizesOf(typeOf(value)); }
std::vector<int64_t> toVector(ArrayRef<int64_t> values) { return {values.begin(), values.end()}; }

/// Whether all but the channels, dimension 1, are single; N does not count.
bool hasOnePosition(const Sizes &sizes) {
  return llvm::all_of(ArrayRef(sizes).drop_front(2), [](const DimExpr &size) { return size == DimExpr(1); });
}

/// The pooling of one form in the other: [N, C, ...] with as many dimensions as windows have behind.
template <class OpTy> bool mayComeLast(OpTy op, size_t spatial) {
  return !op.getChannelsLast() && typeOf(op.getInput()).getRank() == static_cast<int64_t>(spatial) + 2;
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
    last.clear();
    native.clear();
    StateDependence states(function);
    dependence = &states;
    SmallVector<Operation *> ops, replaced;
    function.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      if (Value result = rewritten(op)) {
        last[op->getResult(0)] = result;
        native.insert(op->getResult(0));
        replaced.push_back(op);
      }
    for (Operation *op : ops)
      if (auto reshape = dyn_cast<ir::ReshapeOp>(op))
        rewriteFlatten(reshape);
    for (Operation *op : llvm::reverse(replaced)) { // users first
      Value result = op->getResult(0);
      if (!result.use_empty())
        result.replaceAllUsesWith(channelsFirst(last.lookup(result)));
      op->erase();
    }
  }

private:
  //===--------------------------------------------------------------------===//
  // Between the layouts
  //===--------------------------------------------------------------------===//

  /// Where only the order of single dimensions changes, memory stays as it is.
  Value permuted(OpBuilder &builder, Location location, Value value, const std::vector<int64_t> &dims, bool moves) {
    if (moves) {
      ++numPermutations;
      return ir::createOp<ir::PermuteOp>(builder, location, {value}, {{"dims", dims}});
    }
    Sizes sizes = sizesOf(value), shape;
    for (int64_t dim : dims)
      shape.push_back(sizes[dim]);
    return ir::createOp<ir::ReshapeOp>(builder, location, {value}, {{"shape", shape}});
  }

  Value rotatedLast(OpBuilder &builder, Location location, Value value) {
    int64_t rank = typeOf(value).getRank();
    std::vector<int64_t> dims = {0};
    for (int64_t dim = 2; dim < rank; ++dim)
      dims.push_back(dim);
    dims.push_back(1);
    Sizes sizes = sizesOf(value);
    return permuted(builder, location, value, dims, !hasOnePosition(sizes) && !(sizes[1] == DimExpr(1)));
  }

  /// The value with its channels last; permuted where it is made, if need be, so that all uses can read it.
  Value channelsLast(Value value) {
    Value &entry = last[value];
    if (!entry) {
      OpBuilder builder(value.getContext());
      builder.setInsertionPointAfterValue(value);
      entry = rotatedLast(builder, value.getLoc(), value);
    }
    return entry;
  }

  Value channelsFirst(Value value) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    int64_t rank = typeOf(value).getRank();
    std::vector<int64_t> dims = {0, rank - 1};
    for (int64_t dim = 1; dim + 1 < rank; ++dim)
      dims.push_back(dim);
    Sizes sizes = sizesOf(value);
    bool onePosition = llvm::all_of(ArrayRef(sizes).drop_front().drop_back(), [](const DimExpr &size) { return size == DimExpr(1); });
    return permuted(builder, value.getLoc(), value, dims, !onePosition && !(sizes.back() == DimExpr(1)));
  }

  bool isNative(Value value) const { return native.contains(value); }

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  /// The op's result with its channels last, made of new ops; null where it stays as it is.
  Value rewritten(Operation *op) {
    if (auto conv = dyn_cast<ir::ConvOp>(op))
      return rewrittenConv(conv);
    Value result = rewrittenFollower(op);
    numFollowers += result ? 1 : 0;
    return result;
  }

  Value rewrittenFollower(Operation *op) {
    OpBuilder builder(op);
    if (auto pool = dyn_cast<ir::MaxPoolOp>(op))
      return rewrittenPool(builder, pool, pool.getKernelSize().size());
    if (auto pool = dyn_cast<ir::AvgPoolOp>(op))
      return rewrittenPool(builder, pool, pool.getKernelSize().size());
    if (auto pool = dyn_cast<ir::AdaptiveAvgPoolOp>(op))
      return rewrittenPool(builder, pool, pool.getOutputSize().getRank());
    if (auto affine = dyn_cast<ir::ChannelAffineOp>(op))
      return rewrittenAffine(builder, affine);
    if (isElementwise(op) && !isa<OperandMapInterface>(op))
      return rewrittenElementwise(builder, op);
    return {};
  }

  static std::string obstacle(ir::ConvOp conv) {
    RankedTensorType weight = typeOf(conv.getWeight());
    Type element = weight.getElementType();
    if (!isa<FloatType>(element))
      return "the weight holds integers, which have no kernel for panels";
    if (!weight.hasStaticShape())
      return "the weight's sizes are not known";
    if (weight.getNumElements() == 0)
      return "the weight has no elements";
    // Sums of 16-bit floats are f32; an add of its own would see them rounded.
    if (conv.getBias() && isa<Float16Type, BFloat16Type>(element))
      return "the bias is added before the sum is rounded to 16 bits";
    return {};
  }

  Value rewrittenConv(ir::ConvOp conv) {
    RankedTensorType weight = typeOf(conv.getWeight());
    if (std::string reason = obstacle(conv); !reason.empty()) {
      ++numMissed;
      missedRemark(conv, kPass, "channels-last") << remark::reason("{0}", reason);
      return {};
    }
    ++numConvolutions;
    passedRemark(conv, kPass, "channels-last") << remark::add(
        "weight {0} packed in panels of {1}{2}", ir::shapeText(weight), panel.getValue(),
        dependence->onStateAlone(conv.getWeight()) ? "" : ", in each call: " + dependence->reason(conv.getWeight()));
    OpBuilder builder(conv);
    Value input = channelsLast(conv.getInput());
    Value product = isPointwise(conv) ? pointwise(builder, conv, input) : packedConv(builder, conv, input);
    if (conv.getBias())
      product = ir::AddOp::create(builder, conv.getLoc(), product, conv.getBias());
    return product;
  }

  /// A window of one tap at each position: a linear layer over the channels.
  static bool isPointwise(ir::ConvOp conv) {
    auto all = [](ArrayRef<int64_t> values, int64_t number) {
      return llvm::all_of(values, [&](int64_t value) { return value == number; });
    };
    return conv.getGroups() == 1 && all(typeOf(conv.getWeight()).getShape().drop_front(2), 1) && all(conv.getStride(), 1) &&
           all(conv.getPaddingLow(), 0) && all(conv.getPaddingHigh(), 0);
  }

  Value packed(OpBuilder &builder, Location location, Value weight, const Sizes &matrices) {
    Value matrix = ir::createOp<ir::ReshapeOp>(builder, location, {weight}, {{"shape", matrices}});
    return ir::createOp<ir::PackPanelsOp>(builder, location, {matrix}, {{"panel", panel.getValue()}});
  }

  Value pointwise(OpBuilder &builder, ir::ConvOp conv, Value input) {
    ArrayRef<int64_t> sizes = typeOf(conv.getWeight()).getShape();
    Value weight = packed(builder, conv.getLoc(), conv.getWeight(), {sizes[0], sizes[1]});
    return ir::createOp<ir::PackedLinearOp>(builder, conv.getLoc(), {input, weight}, {{"out_features", sizes[0]}});
  }

  Value packedConv(OpBuilder &builder, ir::ConvOp conv, Value input) {
    ArrayRef<int64_t> sizes = typeOf(conv.getWeight()).getShape();
    auto groups = static_cast<int64_t>(conv.getGroups());
    // Where each channel is a group of its own, lanes are channels, and all are the rows of one matrix.
    int64_t matrices = groups == sizes[0] && sizes[1] == 1 ? 1 : groups;
    int64_t depth = typeOf(conv.getWeight()).getNumElements() / sizes[0];
    Value weight = rotatedLast(builder, conv.getLoc(), conv.getWeight());
    weight = packed(builder, conv.getLoc(), weight, {matrices, sizes[0] / matrices, depth});
    return ir::createOp<ir::PackedConvOp>(builder, conv.getLoc(), {input, weight},
                                          {{"out_channels", sizes[0]},
                                           {"kernel_size", toVector(sizes.drop_front(2))},
                                           {"stride", toVector(conv.getStride())},
                                           {"padding_low", toVector(conv.getPaddingLow())},
                                           {"padding_high", toVector(conv.getPaddingHigh())},
                                           {"dilation", toVector(conv.getDilation())},
                                           {"groups", groups}});
  }

  template <class OpTy> Value rewrittenPool(OpBuilder &builder, OpTy pool, size_t spatial) {
    if (!isNative(pool.getInput()) || !mayComeLast(pool, spatial))
      return {};
    semantics::Attributes attributes = ir::toSemanticAttributes(pool->getAttrDictionary());
    attributes.set("channels_last", true);
    return ir::createOp<OpTy>(builder, pool.getLoc(), {channelsLast(pool.getInput())}, attributes);
  }

  /// Vectors of channels are aligned with the last dimension. The product is rounded before the sum, as it is in the op itself unless
  /// elements have 16 bits.
  Value rewrittenAffine(OpBuilder &builder, ir::ChannelAffineOp affine) {
    Type element = typeOf(affine.getOutput()).getElementType();
    if (!isNative(affine.getInput()) || isa<Float16Type, BFloat16Type>(element) ||
        typeOf(affine.getScale()).getElementType() != element)
      return {};
    Value product = ir::MulOp::create(builder, affine.getLoc(), channelsLast(affine.getInput()), affine.getScale());
    return ir::AddOp::create(builder, affine.getLoc(), product, affine.getShift());
  }

  Value rewrittenElementwise(OpBuilder &builder, Operation *op) {
    RankedTensorType type = typeOf(op->getResult(0));
    if (llvm::none_of(op->getOperands(), [&](Value operand) { return isNative(operand) && sizesOf(operand) == ir::sizesOf(type); }))
      return {};
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, aligned(builder, op->getLoc(), operand, type.getRank()));
    Operation *copy = builder.clone(*op, mapping);
    Sizes sizes = ir::sizesOf(type);
    std::rotate(sizes.begin() + 1, sizes.begin() + 2, sizes.end());
    copy->getResult(0).setType(ir::toTensorType(sizes, type.getElementType()));
    return copy->getResult(0);
  }

  /// An operand that is broadcast to a result of this rank, for a result with its channels last.
  Value aligned(OpBuilder &builder, Location location, Value operand, int64_t rank) {
    Sizes sizes = sizesOf(operand);
    if (llvm::all_of(sizes, [](const DimExpr &size) { return size == DimExpr(1); }))
      return operand;
    if (typeOf(operand).getRank() == rank)
      return channelsLast(operand);
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
    if (!isNative(input))
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
    Value flat = ir::createOp<ir::ReshapeOp>(builder, reshape.getLoc(), {channelsLast(input)}, {{"shape", to}});
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

  /// Values by what the user's program calls them, and which of them are computed with their channels last.
  llvm::DenseMap<Value, Value> last;
  llvm::DenseSet<Value> native;
  const StateDependence *dependence = nullptr;
};

} // namespace
} // namespace kiln::passes
