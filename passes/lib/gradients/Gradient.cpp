//===- Gradient.cpp - the gradient of one op, while it is built -----------===//
//
// The ops that rules are composed from. Constants stay constants on their way through them (the cotangent of a loss
// is 1, that of a mean 1/n everywhere), for those that come after fold into scalar bodies.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

#include "kiln/passes/Gradients.h"
#include "mlir/IR/DialectRegistry.h"

#include <numeric>

using namespace mlir;

namespace kiln::passes {

using semantics::DimExpr;

/// The one value of all elements of an nn.full of floats; empty for everything else.
static std::optional<double> uniformValue(Value value) {
  auto full = value.getDefiningOp<ir::FullOp>();
  auto number = full ? full->getAttrOfType<FloatAttr>("value") : FloatAttr();
  return number && isa<FloatType>(full.getDtype()) ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

static bool isOne(const DimExpr &size) { return size == DimExpr(1); }

static DimExpr productOf(ArrayRef<DimExpr> sizes) {
  DimExpr product = 1;
  for (const DimExpr &size : sizes)
    product = product * size;
  return product;
}

void Gradient::refuse(StringRef operandName) {
  op->emitError() << "the derivative for '" << operandName << "' is not implemented\n"
                  << op->getName() << " has no gradient with respect to its " << operandName
                  << "; detach() it, or compute it from values that require no gradient";
  throw Refused();
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value Gradient::full(double value, const Sizes &sizes, Type elementType) {
  return make<ir::FullOp>({}, {{"value", value}, {"shape", sizes}, {"dtype", *ir::toDType(elementType)}});
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

Value Gradient::neg(Value value) {
  if (std::optional<double> uniform = uniformValue(value))
    return full(-*uniform, sizesOf(value), typeOf(value).getElementType());
  return make<ir::NegOp>({value});
}

Value Gradient::cast(Value value, Type elementType) {
  if (typeOf(value).getElementType() == elementType)
    return value;
  return make<ir::CastOp>({value}, {{"dtype", *ir::toDType(elementType)}});
}

Value Gradient::widened(Value value) {
  bool isNarrow = typeOf(value).getElementType().getIntOrFloatBitWidth() < 32;
  return isNarrow ? cast(value, builder.getF32Type()) : value;
}

Value Gradient::dividedBySize(Value value, const DimExpr &size) {
  Type type = typeOf(value).getElementType();
  std::optional<int64_t> constant = size.constant();
  if (constant)
    if (std::optional<double> uniform = uniformValue(value))
      return full(*uniform / static_cast<double>(*constant), sizesOf(value), type);
  // 16 bits don't hold large sizes; as in PyTorch, the quotient is float32's, rounded.
  Value wide = widened(value);
  semantics::Attribute number = constant ? semantics::Attribute(static_cast<double>(*constant)) : semantics::Attribute(size);
  Value divisor =
      make<ir::FullOp>({}, {{"value", number}, {"shape", Sizes()}, {"dtype", *ir::toDType(typeOf(wide).getElementType())}});
  return cast(div(wide, divisor), type);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value Gradient::reshape(Value value, const Sizes &sizes) {
  if (sizesOf(value) == sizes)
    return value;
  if (std::optional<double> uniform = uniformValue(value))
    return full(*uniform, sizes, typeOf(value).getElementType());
  return make<ir::ReshapeOp>({value}, {{"shape", sizes}});
}

Value Gradient::expand(Value value, const Sizes &sizes) {
  if (sizesOf(value) == sizes)
    return value;
  if (std::optional<double> uniform = uniformValue(value))
    return full(*uniform, sizes, typeOf(value).getElementType());
  return make<ir::ExpandOp>({value}, {{"shape", sizes}});
}

Value Gradient::transpose(Value matrices) {
  std::vector<int64_t> dims(static_cast<size_t>(rankOf(matrices)));
  std::iota(dims.begin(), dims.end(), 0);
  std::swap(dims[dims.size() - 2], dims[dims.size() - 1]);
  return make<ir::PermuteOp>({matrices}, {{"dims", dims}});
}

Value Gradient::asMatrix(Value value) {
  Sizes sizes = sizesOf(value);
  return reshape(value, {productOf(ArrayRef(sizes).drop_back()), sizes.back()});
}

Value Gradient::sum(Value value, ArrayRef<int64_t> dims, bool keepdim) {
  return make<ir::SumOp>({value}, {{"dims", std::vector<int64_t>(dims.begin(), dims.end())}, {"keepdim", keepdim}});
}

Value Gradient::summedTo(Value value, RankedTensorType type) {
  const Sizes from = sizesOf(value), to = ir::sizesOf(type);
  if (from == to)
    return value;
  const size_t added = from.size() - to.size();
  std::vector<int64_t> dims;
  for (size_t dim = 0; dim < from.size(); ++dim)
    if (dim < added || (isOne(to[dim - added]) && !isOne(from[dim])))
      dims.push_back(static_cast<int64_t>(dim));
  // Sizes of 1 that are left out by the sum come back by reshaping, which moves nothing.
  return reshape(dims.empty() ? value : sum(value, dims, /*keepdim=*/false), to);
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

void registerGradientRules(DialectRegistry &registry) {
  registry.insert<ir::NNDialect>();
  registry.addExtension(+[](MLIRContext *context, ir::NNDialect *) {
    attachBinaryGradients(context);
    attachLayerGradients(context);
    attachMovementGradients(context);
    attachNormalizationGradients(context);
    attachProductGradients(context);
    attachReductionGradients(context);
    attachUnaryGradients(context);
    attachWindowGradients(context);
  });
}

} // namespace kiln::passes
