//===- Build.cpp - Creating operations by name or with checks -----------------===//
//
// Infers the result types first, so that whatever does not fit is reported instead of built.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Build.h"

#include "kiln/runtime/error.h"

using namespace mlir;

namespace kiln::ir {

Operation *createOperation(OpBuilder &builder, Location location, StringRef name, ArrayRef<Value> operands,
                           const semantics::Attributes &attributes) {
  MLIRContext *context = builder.getContext();
  std::optional<RegisteredOperationName> registered = RegisteredOperationName::lookup(name, context);
  if (!registered || !registered->hasInterface<SemanticOpInterface>()) {
    emitError(location) << "there is no operation '" << name << "'";
    return nullptr;
  }
  OperationState state(location, *registered);
  for (Value operand : operands)
    if (operand)
      state.operands.push_back(operand);
  try {
    state.attributes = toAttributes(attributes, context);
  } catch (const runtime::Error &error) {
    emitError(location) << "'" << name << "' op " << error.what();
    return nullptr;
  }
  const int64_t count = registered->getInterface<SemanticOpInterface>()->getSemanticOperandCount();
  if (registered->hasTrait<OpTrait::AttrSizedOperandSegments>()) {
    SmallVector<int32_t> segments;
    for (int64_t index = 0; index < std::max<int64_t>(count, operands.size()); ++index)
      segments.push_back(index < static_cast<int64_t>(operands.size()) && operands[index] ? 1 : 0);
    state.addAttribute("operandSegmentSizes", builder.getDenseI32ArrayAttr(segments));
  }
  SmallVector<StringRef> names;
  for (StringAttr attributeName : registered->getAttributeNames())
    names.push_back(attributeName);
  for (NamedAttribute attribute : state.attributes)
    if (!llvm::is_contained(names, attribute.getName())) {
      emitError(location) << "'" << name << "' op has no attribute '" << attribute.getName().getValue() << "'";
      return nullptr;
    }
  SmallVector<Type> types;
  if (failed(detail::inferSemanticTypes({name, count, names}, location, state.operands, state.attributes.getDictionary(context),
                                        types)))
    return nullptr;
  state.addTypes(types);
  return builder.create(state);
}

ConstantOp createConstant(OpBuilder &builder, Location location, const runtime::Tensor &value, StringRef name) {
  return ConstantOp::create(builder, location, toElementsAttr(value, builder.getContext(), name));
}

} // namespace kiln::ir
