//===- FullOp.cpp - The value of nn.full --------------------------------------===//
//
// Syntax of the value, and the value as an element.
//
//===----------------------------------------------------------------------===//

#include "SizeSyntax.h"

#include "kiln/ir/Attributes.h"
#include "kiln/ir/Types.h"
#include "kiln/runtime/error.h"

using namespace mlir;

namespace kiln::ir {

TypedAttr FullOp::getElement() {
  semantics::Attributes attributes = getSemanticAttributes();
  if (const auto *size = attributes.get_if<semantics::DimExpr>("value"); size && !size->is_constant())
    return {};
  attributes.set("shape", std::vector<semantics::DimExpr>());
  auto element = toDenseElementsAttr(semantics::evaluate("nn.full", {}, attributes)[0], getContext()).getSplatValue<Attribute>();
  if (auto integer = dyn_cast<IntegerAttr>(element)) // Bodies know no signs.
    return IntegerAttr::get(scalarTypeOf(integer.getType()), integer.getValue());
  return cast<TypedAttr>(element);
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

ParseResult parseFullValue(OpAsmParser &parser, Attribute &value) {
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseAttribute(value))
    return failure();
  const bool isNumber = isa<FloatAttr, IntegerAttr>(value) &&
                        (cast<TypedAttr>(value).getType().isF64() || cast<TypedAttr>(value).getType().isSignlessInteger(64));
  if (!isNumber && !isa<DimAttr>(value))
    return parser.emitError(location, "expected a number (f64 or i64) or a size, #nn.dim<...>, found ") << value;
  return success();
}

void printFullValue(OpAsmPrinter &printer, Operation *, Attribute value) {
  auto real = dyn_cast<FloatAttr>(value);
  // Infinities and NaN are printed as their bits, which are an integer without the type.
  if (isa<DimAttr>(value) || (real && !real.getValue().isFinite()))
    printer.printAttribute(value);
  else
    printer.printAttributeWithoutType(value);
}

} // namespace kiln::ir
