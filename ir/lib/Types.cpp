//===- Types.cpp - Tensor types of MLIR and of kiln::semantics ----------------===//
//
// Element types, and sizes through the #nn.shape encoding.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Types.h"

#include "kiln/runtime/error.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace kiln::ir {

using runtime::DType;
using semantics::DimExpr;

Type toElementType(DType dtype, MLIRContext *context) {
  auto integer = [&](unsigned width, IntegerType::SignednessSemantics signedness = IntegerType::Signless) {
    return IntegerType::get(context, width, signedness);
  };
  switch (dtype) {
  case DType::Bool:
    return integer(1);
  case DType::UInt8:
    return integer(8, IntegerType::Unsigned);
  case DType::Int8:
    return integer(8);
  case DType::Int16:
    return integer(16);
  case DType::Int32:
    return integer(32);
  case DType::Int64:
    return integer(64);
  case DType::Float16:
    return Float16Type::get(context);
  case DType::BFloat16:
    return BFloat16Type::get(context);
  case DType::Float32:
    return Float32Type::get(context);
  case DType::Float64:
    return Float64Type::get(context);
  }
  throw runtime::TypeError("unknown dtype " + std::to_string(static_cast<int>(dtype)));
}

std::optional<DType> toDType(Type type) {
  if (auto integer = dyn_cast_if_present<IntegerType>(type)) {
    if (integer.isUnsigned())
      return integer.getWidth() == 8 ? std::optional(DType::UInt8) : std::nullopt;
    if (integer.isSigned())
      return std::nullopt;
    switch (integer.getWidth()) {
    case 1:
      return DType::Bool;
    case 8:
      return DType::Int8;
    case 16:
      return DType::Int16;
    case 32:
      return DType::Int32;
    case 64:
      return DType::Int64;
    default:
      return std::nullopt;
    }
  }
  if (isa_and_present<Float16Type>(type))
    return DType::Float16;
  if (isa_and_present<BFloat16Type>(type))
    return DType::BFloat16;
  if (isa_and_present<Float32Type>(type))
    return DType::Float32;
  if (isa_and_present<Float64Type>(type))
    return DType::Float64;
  return std::nullopt;
}

Type scalarTypeOf(Type elementType) {
  auto integer = dyn_cast<IntegerType>(elementType);
  return integer ? IntegerType::get(integer.getContext(), integer.getWidth()) : elementType;
}

bool isNNTensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !toDType(tensor.getElementType()))
    return false;
  return tensor.hasStaticShape() ? !tensor.getEncoding() : isa_and_present<ShapeAttr>(tensor.getEncoding());
}

bool isOpenTensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && toDType(tensor.getElementType()) && !tensor.hasStaticShape() && !tensor.getEncoding();
}

RankedTensorType toTensorType(ArrayRef<DimExpr> sizes, Type elementType) {
  SmallVector<int64_t> shape;
  bool dynamic = false;
  for (const DimExpr &size : sizes) {
    std::optional<int64_t> constant = size.constant();
    if (constant && *constant < 0)
      throw runtime::ValueError("Trying to create tensor with negative dimension " + std::to_string(*constant));
    shape.push_back(constant.value_or(ShapedType::kDynamic));
    dynamic |= !constant;
  }
  Attribute encoding = dynamic ? ShapeAttr::get(elementType.getContext(), sizes) : nullptr;
  return RankedTensorType::get(shape, elementType, encoding);
}

RankedTensorType toTensorType(const semantics::TensorType &type, MLIRContext *context) {
  return toTensorType(type.sizes, toElementType(type.dtype, context));
}

semantics::TensorType toSemanticType(Type type) {
  if (!isNNTensorType(type)) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    throw runtime::TypeError(isOpenTensorType(type) ? "a size of the type is not known: " + text
                                                    : "not a tensor type of the nn dialect: " + text);
  }
  auto tensor = cast<RankedTensorType>(type);
  return {*toDType(tensor.getElementType()), sizesOf(tensor)};
}

std::vector<DimExpr> sizesOf(RankedTensorType type) {
  if (auto shape = dyn_cast_if_present<ShapeAttr>(type.getEncoding()))
    return shape.getSizes();
  return {type.getShape().begin(), type.getShape().end()};
}

DimExpr sizeOf(RankedTensorType type, int64_t dim) {
  if (auto shape = dyn_cast_if_present<ShapeAttr>(type.getEncoding()))
    return shape.getDims()[dim].getExpression();
  return type.getDimSize(dim);
}

RankedTensorType withElementType(RankedTensorType type, Type elementType) {
  return RankedTensorType::get(type.getShape(), elementType, type.getEncoding());
}

std::string shapeText(RankedTensorType type) { return toSemanticType(type).shape_text(); }

} // namespace kiln::ir
