//===- Attributes.cpp - Attributes of MLIR and of kiln::semantics -------------===//
//
// One conversion a direction, and tensors as elements attributes.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Attributes.h"

#include "kiln/runtime/error.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <cstring>

using namespace mlir;

namespace kiln::ir {

using runtime::DType;
using runtime::Tensor;
using semantics::DimExpr;

//===----------------------------------------------------------------------===//
// To MLIR
//===----------------------------------------------------------------------===//

namespace {

template <class... Handlers> struct Overloaded : Handlers... { using Handlers::operator()...; };

bool allElementsEqual(ArrayRef<char> bytes, std::size_t elementSize) {
  for (std::size_t offset = elementSize; offset < bytes.size(); offset += elementSize)
    if (std::memcmp(bytes.data(), bytes.data() + offset, elementSize) != 0)
      return false;
  return !bytes.empty();
}

ArrayRef<char> bytesOf(const Tensor &contiguous) { return {static_cast<const char *>(contiguous.data()), contiguous.nbytes()}; }

std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

} // namespace

Attribute toAttribute(const semantics::Attribute &attribute, MLIRContext *context, StringRef name) {
  Builder builder(context);
  return std::visit(
      Overloaded{
          [&](bool value) -> Attribute { return builder.getBoolAttr(value); },
          [&](int64_t value) -> Attribute { return builder.getI64IntegerAttr(value); },
          [&](double value) -> Attribute { return builder.getF64FloatAttr(value); },
          [&](const std::string &value) -> Attribute { return builder.getStringAttr(value); },
          [&](DType value) -> Attribute { return TypeAttr::get(toElementType(value, context)); },
          [&](const DimExpr &value) -> Attribute { return DimAttr::get(context, value); },
          [&](const std::vector<int64_t> &value) -> Attribute { return builder.getDenseI64ArrayAttr(value); },
          [&](const std::vector<double> &value) -> Attribute { return builder.getDenseF64ArrayAttr(value); },
          [&](const std::vector<DimExpr> &value) -> Attribute { return ShapeAttr::get(context, ArrayRef<DimExpr>(value)); },
          [&](const Tensor &value) -> Attribute { return toElementsAttr(value, context, name); },
      },
      attribute);
}

NamedAttrList toAttributes(const semantics::Attributes &attributes, MLIRContext *context) {
  NamedAttrList result;
  for (const auto &[name, value] : attributes)
    result.append(name, toAttribute(value, context, name));
  return result;
}

DenseElementsAttr toDenseElementsAttr(const Tensor &tensor, MLIRContext *context) {
  Tensor contiguous = tensor.contiguous();
  RankedTensorType type = toTensorType(semantics::type_of(contiguous), context);
  if (contiguous.dtype() == DType::Bool) { // One byte each here, one bit each there.
    const bool *values = contiguous.data<bool>();
    ArrayRef<bool> range(values, static_cast<std::size_t>(contiguous.numel()));
    return allElementsEqual(bytesOf(contiguous), 1) ? DenseElementsAttr::get(type, *values) : DenseElementsAttr::get(type, range);
  }
  ArrayRef<char> bytes = bytesOf(contiguous);
  const std::size_t elementSize = runtime::element_size(contiguous.dtype());
  if (allElementsEqual(bytes, elementSize))
    bytes = bytes.take_front(elementSize);
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

ElementsAttr toElementsAttr(const Tensor &tensor, MLIRContext *context, StringRef name) {
  Tensor contiguous = tensor.contiguous();
  if (contiguous.nbytes() < kResourceBytes || allElementsEqual(bytesOf(contiguous), runtime::element_size(contiguous.dtype())))
    return toDenseElementsAttr(contiguous, context);
  RankedTensorType type = toTensorType(semantics::type_of(contiguous), context);
  ArrayRef<char> bytes = bytesOf(contiguous);
  // The blob keeps the storage alive.
  AsmResourceBlob blob(
      bytes, /*dataAlignment=*/runtime::element_size(contiguous.dtype()),
      [storage = contiguous.storage()](void *, size_t, size_t) {}, /*dataIsMutable=*/false);
  auto &manager = DenseResourceElementsHandle::getManagerInterface(context);
  return DenseResourceElementsAttr::get(type, manager.insert(name, std::move(blob)));
}

//===----------------------------------------------------------------------===//
// From MLIR
//===----------------------------------------------------------------------===//

semantics::Attribute toSemanticAttribute(Attribute attribute) {
  if (auto value = dyn_cast<BoolAttr>(attribute))
    return value.getValue();
  if (auto value = dyn_cast<IntegerAttr>(attribute); value && value.getType().isSignlessInteger(64))
    return value.getInt();
  if (auto value = dyn_cast<FloatAttr>(attribute); value && value.getType().isF64())
    return value.getValueAsDouble();
  if (auto value = dyn_cast<StringAttr>(attribute))
    return value.str();
  if (auto value = dyn_cast<TypeAttr>(attribute))
    if (std::optional<DType> dtype = toDType(value.getValue()))
      return *dtype;
  if (auto value = dyn_cast<DimAttr>(attribute))
    return value.getExpression();
  if (auto value = dyn_cast<DenseI64ArrayAttr>(attribute))
    return std::vector<int64_t>(value.asArrayRef().begin(), value.asArrayRef().end());
  if (auto value = dyn_cast<DenseF64ArrayAttr>(attribute))
    return std::vector<double>(value.asArrayRef().begin(), value.asArrayRef().end());
  if (auto value = dyn_cast<ShapeAttr>(attribute))
    return value.getSizes();
  if (auto value = dyn_cast<ElementsAttr>(attribute))
    return toTensor(value);
  throw runtime::TypeError("no operation of the nn dialect takes the attribute value " + textOf(attribute));
}

semantics::Attributes toSemanticAttributes(DictionaryAttr attributes) {
  semantics::Attributes result;
  if (!attributes)
    return result;
  for (NamedAttribute attribute : attributes) {
    try {
      result.set(attribute.getName().str(), toSemanticAttribute(attribute.getValue()));
    } catch (const runtime::Error &error) {
      throw runtime::TypeError("attribute '" + attribute.getName().str() + "': " + error.what());
    }
  }
  return result;
}

bool hasWholeData(ElementsAttr attribute) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(attribute);
  if (!resource)
    return true;
  std::optional<DType> dtype = toDType(resource.getType().getElementType());
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  if (!dtype || !blob)
    return false;
  // Sizes come from text: their product may not fit.
  uint64_t bytes = runtime::element_size(*dtype);
  for (int64_t size : resource.getType().getShape())
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
      return false;
  return blob->getData().size() == bytes;
}

Tensor toTensor(ElementsAttr attribute) {
  semantics::TensorType type = toSemanticType(attribute.getShapedType());
  std::vector<int64_t> sizes;
  for (const DimExpr &size : type.sizes)
    sizes.push_back(*size.constant());
  Tensor result(std::move(sizes), type.dtype);
  char *target = static_cast<char *>(result.data());
  const std::size_t count = static_cast<std::size_t>(result.numel()), elementSize = runtime::element_size(type.dtype);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    if (!hasWholeData(attribute))
      throw runtime::ValueError("the resource '" + resource.getRawHandle().getKey().str() + "' does not hold the " +
                                std::to_string(result.nbytes()) + " bytes of its tensor");
    if (count != 0)
      std::memcpy(target, resource.getRawHandle().getBlob()->getData().data(), result.nbytes());
    return result;
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    throw runtime::TypeError("values are neither dense nor a dense resource: " + textOf(attribute));
  if (type.dtype == DType::Bool) {
    for (auto [index, value] : llvm::enumerate(dense.getValues<bool>()))
      target[index] = value;
    return result;
  }
  ArrayRef<char> bytes = dense.getRawData();
  if (!dense.isSplat()) {
    if (count != 0)
      std::memcpy(target, bytes.data(), result.nbytes());
    return result;
  }
  for (std::size_t index = 0; index < count; ++index)
    std::memcpy(target + index * elementSize, bytes.data(), elementSize);
  return result;
}

semantics::Attributes withSymbols(semantics::Attributes attributes, const std::map<std::string, int64_t> &symbols) {
  semantics::Attributes result;
  for (const auto &[name, value] : attributes) {
    if (const auto *size = std::get_if<DimExpr>(&value)) {
      result.set(name, DimExpr(size->evaluate(symbols)));
    } else if (const auto *shape = std::get_if<std::vector<DimExpr>>(&value)) {
      std::vector<DimExpr> sizes;
      for (const DimExpr &dim : *shape)
        sizes.push_back(dim.evaluate(symbols));
      result.set(name, std::move(sizes));
    } else {
      result.set(name, value);
    }
  }
  return result;
}

} // namespace kiln::ir
