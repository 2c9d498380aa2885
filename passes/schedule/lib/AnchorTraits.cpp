//===- AnchorTraits.cpp - what the schedule knows of anchors --------------===//
//
// Grids say what is independent, not how it is run. Costs are for one decision, whether a launch is worth several threads, so
// they are rough: a core moves 16 bytes or does 64 floating-point operations in a nanosecond. They are added up in 64ths of one,
// so that one division rounds the whole.
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"

#include "kiln/schedule/GridUnits.h"
#include "kiln/schedule/InPlace.h"
#include "kiln/schedule/MatmulShape.h"
#include "kiln/schedule/WeightGradientShape.h"
#include "kiln/semantics/reduced_dims.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

/// The unit of costs while they are added up: one floating-point operation.
static constexpr int64_t kNanosecond = 64;
static constexpr int64_t kMoveByte = 4;

static DimExpr ceilDiv(const DimExpr &value, int64_t divisor) { return (value + DimExpr(divisor - 1)).floordiv(divisor); }

static DimExpr product(ArrayRef<DimExpr> sizes) {
  DimExpr result = 1;
  for (const DimExpr &size : sizes)
    result = result * size;
  return result;
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// Rows (all dimensions but the last), or blocks of elements when there is one dimension or none.
static Grid rowGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  if (sizes.size() <= 1)
    return {ceilDiv(product(sizes), kFlatBlock)};
  return {product(ArrayRef(sizes).drop_back())};
}

static Grid linearGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  return {product(ArrayRef(sizes).drop_back()), ceilDiv(sizes.back(), kColumnBlock)};
}

static Grid packedLinearGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  std::vector<DimExpr> packed = kernel.getAnchorType(1).getSizes();
  return {product(ArrayRef(sizes).drop_back()), ceilDiv(packed.front(), panelsOfUnit(*packed.back().constant()))};
}

/// Output positions, and units of panels, none of which has those of two matrices.
static Grid packedConvGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  std::vector<DimExpr> packed = kernel.getAnchorType(1).getSizes();
  return {product(ArrayRef(sizes).drop_back()), packed[0] * ceilDiv(packed[1], panelsOfUnit(*packed[3].constant()))};
}

/// Batches, when there are any, else rows; and columns.
static Grid matmulGrid(KernelOp kernel) {
  MatmulShape shape(kernel);
  return {shape.isSingle() ? shape.rows : product(shape.batch), ceilDiv(shape.columns, kColumnBlock)};
}

static Grid elementGrid(KernelOp kernel) { return {kernel.getResultType().getElements()}; }
/// Channels, or blocks of them where they are neighbours in memory.
static Grid channelGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getAnchorType(0).getSizes();
  return {sizes.size() == 2 ? ceilDiv(sizes[1], kSummedColumns) : sizes[1]};
}
/// Results, or blocks of them where neighbours are summed up over the same rows: where the last dimension is kept.
static Grid reductionGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getAnchorType(0).getSizes();
  std::vector<bool> isReduced =
      semantics::reduced_dims(sizes.size(), cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("dims")).asArrayRef());
  int64_t last = static_cast<int64_t>(sizes.size()) - 1;
  while (last >= 0 && sizes[last] == DimExpr(1))
    --last;
  DimExpr results = kernel.getResultType().getElements();
  return {last >= 0 && isReduced[last] ? results : ceilDiv(results, kSummedColumns)};
}
/// Panels of all matrices.
static Grid panelGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  return {product(ArrayRef(sizes).drop_back(2))};
}
/// The outermost dimension: rows of a table.
static Grid outerGrid(KernelOp kernel) { return {kernel.getResultType().getSizes().front()}; }
static Grid fractionGrid(KernelOp) { return {DimExpr(kFractions)}; }
static Grid oneUnit(KernelOp) { return {DimExpr(1)}; }
/// Rows that one softmax each is taken over.
static Grid softmaxGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  if (!sizes.empty()) // without dimensions, there is one row of one score
    sizes.erase(sizes.begin() + semantics::wrap_dim(cast<IntegerAttr>(kernel.getAnchorAttribute("dim")).getInt(), sizes.size()));
  return {product(sizes)};
}

/// Rows of scores, of which the third operand has the targets.
static Grid targetGrid(KernelOp kernel) { return {kernel.getAnchorType(2).getElements()}; }

/// Blocks of the parameters one after another; no block has elements of two.
static Grid parameterGrid(KernelOp kernel) {
  DimExpr blocks = 0;
  for (int64_t i = 0, count = cast<IntegerAttr>(kernel.getAnchorAttribute("count")).getInt(); i < count; ++i)
    blocks = blocks + ceilDiv(kernel.getAnchorType(i).getElements(), kParameterBlock);
  return {blocks};
}

static int64_t groupsOf(KernelOp kernel) { return cast<IntegerAttr>(kernel.getAnchorAttribute("groups")).getInt(); }

/// Blocks of the channels of each group of each of `samples`, and rows or channels that they are combined with.
static Grid channelBlockGrid(KernelOp kernel, const DimExpr &samples, const DimExpr &groupSize, const DimExpr &others) {
  return {samples * DimExpr(groupsOf(kernel)) * ceilDiv(groupSize, kChannelBlock), others};
}
/// Rows of the last dimension in a plane: of all spatial dimensions but the last.
static DimExpr rowsOfPlane(BufferType type) { return product(ArrayRef(type.getSizes()).drop_front(2).drop_back()); }

static Grid convGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  return channelBlockGrid(kernel, sizes[0], sizes[1].floordiv(groupsOf(kernel)), rowsOfPlane(kernel.getResultType()));
}
static Grid convBackwardInputGrid(KernelOp kernel) {
  return channelBlockGrid(kernel, kernel.getResultType().getSizes()[0], kernel.getAnchorType(1).getSizes()[1],
                          rowsOfPlane(kernel.getResultType()));
}
static bool isChannelsLast(KernelOp kernel) {
  auto attribute = dyn_cast_if_present<BoolAttr>(kernel.getAnchorAttribute("channels_last"));
  return attribute && attribute.getValue();
}
static Grid convBackwardWeightGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  if (isChannelsLast(kernel)) { // blocks of rows, and of the columns of groups that are computed together
    WeightGradientShape shape(kernel);
    return {ceilDiv(product(ArrayRef(sizes).drop_back()), shape.unitRows),
            shape.matrices * ceilDiv(sizes.back().floordiv(shape.matrices), kColumnBlock)};
  }
  return channelBlockGrid(kernel, 1, sizes[0].floordiv(groupsOf(kernel)), sizes[1]);
}
/// Planes of a pooling; where these lie side by side, samples and blocks of their channels.
static Grid planeGrid(KernelOp kernel) {
  if (std::vector<DimExpr> sizes = kernel.getResultType().getSizes(); isChannelsLast(kernel))
    return {sizes.front(), ceilDiv(sizes.back(), kSummedColumns)};
  size_t rank = cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("kernel_size")).size();
  return {product(ArrayRef(kernel.getResultType().getSizes()).drop_back(rank))};
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

static DimExpr trafficCost(KernelOp kernel) {
  DimExpr bytes = 0;
  for (unsigned i = 0; i < kernel.getNumAnchorOperands(); ++i)
    bytes = bytes + kernel.getAnchorType(i).getBytes();
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    bytes = bytes + kernel.getResultType(i).getBytes();
  return bytes * DimExpr(kMoveByte);
}

static DimExpr productCost(KernelOp kernel) {
  DimExpr inner = kernel.getAnchorType(0).getSizes().back();
  return DimExpr(2) * kernel.getResultType().getElements() * inner;
}

static DimExpr matmulCost(KernelOp kernel) {
  return DimExpr(2) * kernel.getResultType().getElements() * MatmulShape(kernel).inner;
}

/// Each element of the convolution's result is a product of as many elements as an output channel's weight has. The result is the
/// first operand of the gradients.
static DimExpr convCost(KernelOp kernel) {
  return DimExpr(2) * kernel.getResultType().getElements() * product(ArrayRef(kernel.getAnchorType(1).getSizes()).drop_front());
}
/// Of the gradient of its input too, but for taps that a stride takes out.
static DimExpr packedConvCost(KernelOp kernel) {
  return DimExpr(2) * kernel.getResultType().getElements() * kernel.getAnchorType(1).getSizes()[2];
}
static DimExpr convBackwardInputCost(KernelOp kernel) {
  return DimExpr(2) * kernel.getAnchorType(0).getElements() * product(ArrayRef(kernel.getAnchorType(1).getSizes()).drop_front());
}
static DimExpr convBackwardWeightCost(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  DimExpr products = product(isChannelsLast(kernel) ? ArrayRef(sizes).drop_back() : ArrayRef(sizes).drop_front());
  return DimExpr(2) * kernel.getAnchorType(0).getElements() * products;
}

/// Each tap of a window is a comparison or an addition, on whole vectors at best.
static DimExpr poolCost(KernelOp kernel) {
  int64_t taps = 1;
  for (int64_t size : cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("kernel_size")).asArrayRef())
    taps *= size;
  // The smaller of the two sides has an element a window.
  DimExpr windows = (kernel.getNumAnchorOperands() == 1 ? kernel.getResultType() : kernel.getAnchorType(0)).getElements();
  return windows * DimExpr(taps * kNanosecond / 4);
}

/// A table is read where indices point only.
static DimExpr gatherCost(KernelOp kernel) { return kernel.getResultType().getBytes() * DimExpr(2 * kMoveByte); }

/// Two passes over the data in double precision.
static DimExpr batchNormCost(KernelOp kernel) { return kernel.getResultType().getElements() * DimExpr(2 * kNanosecond); }

/// Ten rounds of integer multiplication for four elements.
static DimExpr dropoutCost(KernelOp kernel) { return kernel.getResultType().getElements() * DimExpr(2 * kNanosecond); }

/// Three passes over the scores, one with an exponential function.
static DimExpr softmaxCost(KernelOp kernel) { return kernel.getResultType().getElements() * DimExpr(kNanosecond); }

/// Two or three passes over the scores, two with an exponential function. The gradient has the attribute `mean`, and its own
/// cotangent before the scores.
static DimExpr crossEntropyCost(KernelOp kernel) {
  bool isBackward = isa_and_present<BoolAttr>(kernel.getAnchorAttribute("mean"));
  return kernel.getAnchorType(isBackward ? 1 : 0).getElements() * DimExpr(kNanosecond);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static std::string sizesName(ArrayRef<DimExpr> sizes) {
  std::string name;
  for (const DimExpr &size : sizes) {
    if (!name.empty())
      name += 'x';
    name += size.constant() ? std::to_string(*size.constant()) : "n";
  }
  return name;
}

static std::string linearName(KernelOp kernel) {
  return sizesName({kernel.getAnchorType(0).getSizes().back(), kernel.getResultType().getSizes().back()});
}
static std::string operandName(KernelOp kernel) { return sizesName(kernel.getAnchorType(0).getSizes()); }
static std::string resultName(KernelOp kernel) { return sizesName(kernel.getResultType().getSizes()); }
static std::string matmulName(KernelOp kernel) {
  MatmulShape shape(kernel);
  std::string layout = shape.isLhsTransposed || shape.isRhsTransposed
                           ? std::string(shape.isLhsTransposed ? "t" : "n") + (shape.isRhsTransposed ? "t_" : "n_")
                           : "";
  return layout + sizesName(kernel.getAnchorType(0).getSizes()) + "_" + sizesName(kernel.getAnchorType(1).getSizes());
}
static std::string parametersName(KernelOp kernel) {
  return std::to_string(cast<IntegerAttr>(kernel.getAnchorAttribute("count")).getInt());
}
/// The window, and what it slides over: "2x2_nx32x28x28".
static std::string windowName(KernelOp kernel) {
  auto window = cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("kernel_size")).asArrayRef();
  return sizesName(std::vector<DimExpr>(window.begin(), window.end())) + "_" + operandName(kernel);
}
/// The window, and the channels before and after: "3x3_64x128".
static std::string packedConvName(KernelOp kernel) {
  auto window = cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("kernel_size")).asArrayRef();
  return sizesName(std::vector<DimExpr>(window.begin(), window.end())) + "_" + linearName(kernel);
}
static std::string tableName(KernelOp kernel) { return sizesName(kernel.getAnchorType(1).getSizes()); }

//===----------------------------------------------------------------------===//
// Results in the memory of operands
//===----------------------------------------------------------------------===//

/// Extras of the result's type that the kernel walks through as through its result.
static bool sharesWithExtras(KernelOp kernel, unsigned result, unsigned operand) {
  unsigned anchors = kernel.getNumAnchorOperands();
  return operand >= anchors && kernel.getExtraMap(operand - anchors).isIdentity() &&
         kernel.getExtraType(operand - anchors) == kernel.getResultType(result);
}

/// An optimizer's k-th list of results is the new value of a list of operands: parameters, which come first, then what it keeps,
/// which comes after the gradients.
static bool sharesWithUpdated(KernelOp kernel, unsigned result, unsigned operand) {
  unsigned count = cast<IntegerAttr>(kernel.getAnchorAttribute("count")).getInt();
  unsigned list = result / count, number = result % count;
  return operand == (list == 0 ? number : (list + 1) * count + number);
}

/// Results 1 and 2 of a batch norm are the new running mean and variance; as operands these follow input, weight and bias, of
/// which the last two may be absent.
static bool sharesWithRunningStatistics(KernelOp kernel, unsigned result, unsigned operand) {
  unsigned present = 3;
  if (auto attribute = dyn_cast_if_present<DenseBoolArrayAttr>(kernel.getAnchorAttribute("present"))) {
    if (!attribute[3])
      return false;
    present = llvm::count(attribute.asArrayRef().take_front(3), true);
  }
  return (result == 1 || result == 2) && operand == present + result - 1;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

const AnchorTraits &anchorTraits(StringRef anchor) {
  static const llvm::StringMap<AnchorTraits> table = {
      {"", {false, rowGrid, trafficCost, resultName, sharesWithExtras}},
      {"nn.packed_linear", {true, packedLinearGrid, productCost, linearName, nullptr, "out_features", false, 1}},
      {"nn.linear", {true, linearGrid, productCost, linearName}},
      {"nn.matmul", {false, matmulGrid, matmulCost, matmulName, sharesWithExtras}},
      {"nn.packed_conv", {false, packedConvGrid, packedConvCost, packedConvName, nullptr, nullptr, true}},
      {"nn.packed_conv_backward_input", {false, packedConvGrid, packedConvCost, packedConvName, nullptr, nullptr, true}},
      {"nn.conv", {false, convGrid, convCost, tableName, nullptr, nullptr, true}},
      {"nn.conv_backward_input", {false, convBackwardInputGrid, convBackwardInputCost, tableName, nullptr, nullptr, true}},
      {"nn.conv_backward_weight", {false, convBackwardWeightGrid, convBackwardWeightCost, resultName, nullptr, nullptr, true}},
      {"nn.max_pool", {false, rowGrid, poolCost, windowName, nullptr, nullptr, true}},
      {"nn.max_pool_indices", {false, rowGrid, poolCost, windowName, nullptr, nullptr, true}},
      {"nn.max_pool_backward", {false, planeGrid, poolCost, windowName, nullptr, nullptr, true}},
      {"nn.avg_pool", {false, rowGrid, poolCost, windowName, nullptr, nullptr, true}},
      {"nn.avg_pool_backward", {false, rowGrid, poolCost, windowName, nullptr, nullptr, true}},
      {"nn.adaptive_avg_pool", {false, rowGrid, trafficCost, operandName, nullptr, nullptr, true}},
      {"nn.adaptive_avg_pool_backward", {false, rowGrid, trafficCost, resultName, nullptr, nullptr, true}},
      {"nn.sum", {false, reductionGrid, trafficCost, operandName}},
      {"nn.mean", {false, reductionGrid, trafficCost, operandName}},
      {"nn.embedding", {false, rowGrid, gatherCost, tableName}},
      {"nn.pack_panels", {false, panelGrid, trafficCost, operandName}},
      {"nn.cat", {false, fractionGrid, trafficCost, resultName}},
      {"nn.slice_scatter", {false, oneUnit, trafficCost, resultName}},
      {"nn.batch_norm", {false, channelGrid, batchNormCost, operandName, sharesWithRunningStatistics}},
      {"nn.batch_norm_backward", {false, channelGrid, batchNormCost, operandName}},
      {"nn.dropout", {false, rowGrid, dropoutCost, resultName}},
      {"nn.softmax", {false, softmaxGrid, softmaxCost, operandName}},
      {"nn.log_softmax", {false, softmaxGrid, softmaxCost, operandName}},
      {"nn.softmax_backward", {false, softmaxGrid, trafficCost, operandName}},
      {"nn.log_softmax_backward", {false, softmaxGrid, softmaxCost, operandName}},
      {"nn.cross_entropy", {false, elementGrid, crossEntropyCost, operandName}},
      {"nn.cross_entropy_total", {false, oneUnit, trafficCost, operandName}},
      {"nn.cross_entropy_count", {false, oneUnit, trafficCost, operandName}},
      {"nn.cross_entropy_backward", {false, targetGrid, crossEntropyCost, resultName}},
      {"nn.embedding_backward", {false, outerGrid, trafficCost, resultName}},
      {"nn.sgd", {false, parameterGrid, trafficCost, parametersName, sharesWithUpdated}},
      {"nn.adam", {false, parameterGrid, trafficCost, parametersName, sharesWithUpdated}},
  };
  static const AnchorTraits other = {false, rowGrid, trafficCost, resultName};
  auto entry = table.find(anchor);
  return entry == table.end() ? other : entry->second;
}

bool mayShareMemory(KernelOp kernel, unsigned result, unsigned operand) {
  const AnchorTraits &traits = anchorTraits(kernel.getAnchor().value_or(""));
  return traits.mayShareMemory && traits.mayShareMemory(kernel, result, operand);
}

DimExpr costOf(KernelOp kernel) {
  DimExpr cost = anchorTraits(kernel.getAnchor().value_or("")).cost(kernel);
  DimExpr extraBytes = 0;
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i)
    extraBytes = extraBytes + kernel.getExtraType(i).getBytes();
  // A transcendental function takes about 16 vector operations.
  int64_t work = 0;
  for (Operation &op : kernel.getBodyBlock().without_terminator())
    if (op.getName().getDialectNamespace() == "math")
      work += 32;
    else if (!op.hasTrait<OpTrait::ConstantLike>())
      work += 2;
  cost = cost + extraBytes * DimExpr(kMoveByte) + kernel.getResultType().getElements() * DimExpr(work);
  return cost.floordiv(kNanosecond);
}

} // namespace kiln::schedule
