//===- SizeConditions.cpp - What the sizes of a call must satisfy ---------===//
//
// Implements sizeConditions: what the program asks for, and what its slices, windows and sizes need. Symbols are sizes of inputs and
// so never negative; an expression that can be shown not to be negative for any of them needs no check.
//
//===----------------------------------------------------------------------===//

#include "SizeConditions.h"

#include "kiln/ir/Locations.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace mlir;
using namespace kiln;
using semantics::DimExpr;

/// "\n  (model.cpp:12)"; empty where the line is not known. The file's name alone: where the source lay must not change the
/// program.
static std::string lineOf(Location location) {
  FileLineColLoc position = ir::sourceOf(location);
  if (!position)
    return {};
  StringRef file = position.getFilename().getValue();
  return ("\n  (" + file.substr(file.rfind('/') + 1) + ":" + Twine(position.getLine()) + ")").str();
}

/// The largest size that the type has, and PyTorch's name of the type; empty where all fit.
static std::optional<std::pair<int64_t, StringRef>> largestSize(Type type) {
  if (type.isF16())
    return std::pair(int64_t{65519}, StringRef("c10::Half")); // rounds to the largest finite number
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() == 1 || integer.getWidth() == 64)
    return std::nullopt;
  if (integer.isUnsigned())
    return std::pair(int64_t{UINT8_MAX}, StringRef("uint8_t"));
  return std::pair((int64_t{1} << (integer.getWidth() - 1)) - 1, StringRef(integer.getWidth() == 8    ? "int8_t"
                                                                           : integer.getWidth() == 16 ? "int16_t"
                                                                                                      : "int"));
}

/// "(height + 2 x 8)".
static std::string productText(ArrayRef<DimExpr> sizes, StringRef separator) {
  std::string text;
  for (const DimExpr &size : sizes)
    text += (text.empty() ? "(" : separator.str()) + size.text();
  return text + ")";
}

static std::vector<DimExpr> sizesOf(Value value) { return ir::sizesOf(cast<RankedTensorType>(value.getType())); }

namespace {

/// An op whose result has an element a window, or a fused region with such an anchor.
struct WindowOp {
  StringRef name;
  DictionaryAttr attributes;
  ValueRange operands;

  explicit WindowOp(Operation *op)
      : name(op->getName().getStringRef()), attributes(op->getAttrDictionary()), operands(op->getOperands()) {
    auto fused = dyn_cast<ir::FusedOp>(op);
    if (!fused)
      return;
    name = fused.getAnchor().value_or("");
    attributes = fused.getAnchorAttributesAttr();
    operands = fused.getAnchorOperands();
  }
  ArrayRef<int64_t> list(StringRef attribute) const { return attributes.getAs<DenseI64ArrayAttr>(attribute).asArrayRef(); }
  bool isPackedConv() const { return name == ir::PackedConvOp::getOperationName(); }
  bool isConv() const { return name == ir::ConvOp::getOperationName() || isPackedConv(); }
  bool isChannelsLast() const {
    auto attribute = attributes ? attributes.getAs<BoolAttr>("channels_last") : BoolAttr();
    return isPackedConv() || (attribute && attribute.getValue());
  }
  /// As PyTorch has them: [..., C, ...].
  std::vector<DimExpr> channelsFirst(std::vector<DimExpr> sizes) const {
    if (isChannelsLast())
      std::rotate(sizes.begin() + 1, sizes.end() - 1, sizes.end());
    return sizes;
  }
  /// How many dimensions of the result count windows, the last ones if the channels are not; 0 where none does.
  size_t rank() const {
    if (isConv())
      return list("stride").size();
    bool isPool = name == ir::MaxPoolOp::getOperationName() || name == ir::MaxPoolIndicesOp::getOperationName() ||
                  name == ir::AvgPoolOp::getOperationName();
    return isPool ? list("kernel_size").size() : 0;
  }
  std::string tooSmallText(ArrayRef<DimExpr> output) const;
};

} // namespace

/// What PyTorch says where not one window fits: sizes by their names.
std::string WindowOp::tooSmallText(ArrayRef<DimExpr> output) const {
  std::vector<DimExpr> input = channelsFirst(sizesOf(operands[0]));
  if (!isConv()) // sizes with the number of planes before
    return "Given input size: " + productText(ArrayRef(input).take_back(rank() + 1), "x") + ". Calculated output size: " +
           productText(output.take_back(rank() + 1), "x") + ". Output size is too small";
  std::vector<DimExpr> padded, extents, kernel;
  if (isPackedConv()) {
    kernel.assign(list("kernel_size").begin(), list("kernel_size").end());
  } else {
    kernel = sizesOf(operands[1]);
    kernel.erase(kernel.begin(), kernel.begin() + 2);
  }
  for (size_t d = 0; d < rank(); ++d) {
    padded.push_back(input[d + 2] + list("padding_low")[d] + list("padding_high")[d]);
    extents.push_back((kernel[d] - 1) * list("dilation")[d] + 1);
  }
  return "Calculated padded input size per channel: " + productText(padded, " x ") + ". Kernel size: " +
         productText(extents, " x ") + ". Kernel size can't be greater than actual input size";
}

std::vector<kiln::schedule::SizeCondition> kiln::schedule::sizeConditions(func::FuncOp function) {
  std::vector<SizeCondition> conditions;
  auto require = [&](const DimExpr &expression, const Twine &message) {
    if (!expression.is_never_negative() &&
        llvm::none_of(conditions, [&](const SizeCondition &known) { return known.expression == expression; }))
      conditions.push_back({expression, message.str()});
  };
  auto requireSize = [&](const DimExpr &expression, Operation *op) {
    require(expression, "sizes are too small: " + op->getName().stripDialect() + " needs " + expression.text() +
                            " to be 0 or more" + lineOf(op->getLoc()));
  };
  auto requireSlice = [&](Operation *op, Value whole, int64_t dim, const DimExpr &start, const DimExpr &end) {
    requireSize(start, op);
    requireSize(end - start, op);
    requireSize(ir::sizeOf(cast<RankedTensorType>(whole.getType()), dim) - end, op);
  };
  function.walk([&](Operation *op) {
    if (auto asked = dyn_cast<ir::RequireOp>(op))
      require(asked.getCondition().getExpression(), asked.getMessage() + lineOf(op->getLoc()));
    else if (auto slice = dyn_cast<ir::SliceOp>(op))
      requireSlice(op, slice.getInput(), slice.getDim(), slice.getStart().getExpression(), slice.getEnd().getExpression());
    else if (auto scatter = dyn_cast<ir::SliceScatterOp>(op))
      requireSlice(op, scatter.getInput(), scatter.getDim(), scatter.getStart().getExpression(),
                   scatter.getEnd().getExpression());
    else if (auto full = dyn_cast<ir::FullOp>(op))
      if (auto size = dyn_cast<ir::DimAttr>(full.getValue()))
        if (auto largest = largestSize(full.getDtype()))
          require(DimExpr(largest->first) - size.getExpression(), "value cannot be converted to type " + largest->second +
                                                                      " without overflow\nthe value is " + size.getText() +
                                                                      lineOf(op->getLoc()));
    if (WindowOp window(op); size_t rank = window.rank()) { // the other sizes are those of operands
      std::vector<DimExpr> sizes = window.channelsFirst(sizesOf(op->getResult(0)));
      for (const DimExpr &size : ArrayRef(sizes).take_back(rank))
        require(size - 1, window.tooSmallText(sizes) + lineOf(op->getLoc()));
      return;
    }
    for (Type type : op->getResultTypes())
      if (ir::isNNTensorType(type))
        for (const DimExpr &size : ir::sizesOf(cast<RankedTensorType>(type)))
          requireSize(size, op);
  });
  return conditions;
}
