//===- Dialect.cpp - The nn dialect ------------------------------------------===//
//
// Registration, attributes #nn.dim and #nn.shape, and the checks of the dialect's discardable attributes.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Dialect.h"

#include "SizeSyntax.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Registration.h"
#include "kiln/runtime/error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kiln::ir;
using kiln::semantics::DimExpr;

#include "kiln/ir/NNDialect.cpp.inc"
#include "kiln/ir/NNEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "kiln/ir/NNAttributes.cpp.inc"

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

void NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "kiln/ir/NNAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "kiln/ir/NNOps.cpp.inc"
      >();
  registerFoldInterface();
}

Operation *NNDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getShapedType() != type)
    return nullptr;
  return ConstantOp::create(builder, location, type, elements);
}

void kiln::ir::registerDialects(DialectRegistry &registry) {
  registry.insert<NNDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect>();
}

//===----------------------------------------------------------------------===//
// #nn.dim
//===----------------------------------------------------------------------===//

DimExpr DimAttr::getExpression() const { return DimExpr::parse(std::string_view(getText())); }

std::optional<int64_t> DimAttr::getConstant() const {
  int64_t value = 0;
  // Canonical text of a constant is the number itself.
  if (getText().getAsInteger(10, value))
    return std::nullopt;
  return value;
}

Attribute DimAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<DimExpr> expression = parseSize(parser);
  if (failed(expression) || parser.parseGreater())
    return {};
  return DimAttr::get(parser.getContext(), *expression);
}

void DimAttr::print(AsmPrinter &printer) const { printer << '<' << getText() << '>'; }

//===----------------------------------------------------------------------===//
// #nn.shape
//===----------------------------------------------------------------------===//

std::vector<DimExpr> ShapeAttr::getSizes() const {
  std::vector<DimExpr> sizes;
  for (DimAttr dim : getDims())
    sizes.push_back(dim.getExpression());
  return sizes;
}

std::string ShapeAttr::getText() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(getDims(), stream, [&](DimAttr dim) { stream << dim.getText(); });
  return text;
}

Attribute ShapeAttr::parse(AsmParser &parser, Type) {
  SmallVector<DimAttr> sizes;
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalGreater()) && (parseSizes(parser, sizes) || parser.parseGreater()))
    return {};
  return ShapeAttr::get(parser.getContext(), ArrayRef<DimAttr>(sizes));
}

void ShapeAttr::print(AsmPrinter &printer) const { printer << '<' << getText() << '>'; }

LogicalResult ShapeAttr::verifyEncoding(ArrayRef<int64_t> shape, Type, function_ref<InFlightDiagnostic()> emitError) const {
  if (getRank() != static_cast<int64_t>(shape.size()))
    return emitError() << "shape_c1: the encoding #nn.shape<" << getText() << "> has " << getRank() << " sizes, the tensor has "
                       << shape.size() << " dimensions";
  for (auto [index, size, dim] : llvm::enumerate(shape, getDims())) {
    std::optional<int64_t> constant = dim.getConstant();
    if (constant ? size != *constant : !ShapedType::isDynamic(size)) {
      InFlightDiagnostic diagnostic = emitError();
      diagnostic << "shape_c2: dimension " << index << " is ";
      if (ShapedType::isDynamic(size))
        diagnostic << '?';
      else
        diagnostic << size;
      return diagnostic << ", its size in the encoding is " << dim.getText();
    }
  }
  if (llvm::none_of(shape, ShapedType::isDynamic))
    return emitError() << "shape_c3: a tensor of constant sizes has no #nn.shape encoding";
  return success();
}

//===----------------------------------------------------------------------===//
// Discardable attributes
//===----------------------------------------------------------------------===//

LogicalResult NNDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kProgramAttrName) {
    if (!isa<ModuleOp>(op))
      return op->emitOpError("nn.program belongs on a builtin.module");
    auto program = dyn_cast<StringAttr>(attribute.getValue());
    if (!program || program.empty())
      return op->emitOpError("nn.program is the program's name, a string that is not empty; found ") << attribute.getValue();
    return success();
  }
  if (name == kEntryAttrName || name == kPrepareAttrName) {
    if (!isa<FunctionOpInterface>(op))
      return op->emitOpError() << name << " belongs on a function";
    if (!isa<UnitAttr>(attribute.getValue()))
      return op->emitOpError() << name << " takes no value; found " << attribute.getValue();
    if (op->hasAttr(kEntryAttrName) && op->hasAttr(kPrepareAttrName))
      return op->emitOpError("is marked both nn.entry and nn.prepare");
    return success();
  }
  // Other rooms attach attributes of their own (nn.<pass>.<what>) while they work.
  return success();
}

namespace {

/// nn.name is a non-empty string, each once among the arguments or among the results.
template <class GetAttr>
LogicalResult verifyName(Operation *op, NamedAttribute attribute, unsigned index, StringRef what, GetAttr getAttr) {
  if (attribute.getName() != NNDialect::kNameAttrName)
    return success();
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name || name.empty())
    return op->emitOpError("nn.name of ") << what << ' ' << index << " is a string that is not empty; found "
                                          << attribute.getValue();
  for (unsigned other = 0; other < index; ++other)
    if (getAttr(other) == name)
      return op->emitOpError() << what << "s " << other << " and " << index << " have the same name " << name;
  return success();
}

} // namespace

LogicalResult NNDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyName(op, attribute, index, "argument", [&](unsigned other) { return function.getArgAttr(other, kNameAttrName); });
}

LogicalResult NNDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyName(op, attribute, index, "result", [&](unsigned other) { return function.getResultAttr(other, kNameAttrName); });
}
