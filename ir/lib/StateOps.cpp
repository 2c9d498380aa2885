//===- StateOps.cpp - State, modules, prepared values -------------------------===//
//
// Builders and verifiers of what a program's module holds beside functions, and of reads and writes.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace kiln::ir {

namespace {

LogicalResult verifyWholeData(Operation *op, StringRef label, ElementsAttr value) {
  if (hasWholeData(value))
    return success();
  return op->emitOpError() << label << ": the resource '" << cast<DenseResourceElementsAttr>(value).getRawHandle().getKey()
                           << "' does not hold the bytes that type " << value.getShapedType() << " needs";
}

/// The declaration that `symbol` names, if it has the type of `value`.
template <class DeclarationOp>
LogicalResult verifyUse(Operation *op, StringRef label, FlatSymbolRefAttr symbol, Type type, SymbolTableCollection &symbolTable) {
  auto declaration = symbolTable.lookupNearestSymbolFrom<DeclarationOp>(op, symbol);
  if (!declaration)
    return op->emitOpError() << label << ": there is no " << DeclarationOp::getOperationName() << " " << symbol;
  if (declaration.getTensorType() == type)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError()
                                  << label << ": " << symbol << " has type " << declaration.getTensorType() << ", found " << type;
  diagnostic.attachNote(declaration.getLoc()) << "declared here";
  return diagnostic;
}

} // namespace

LogicalResult ConstantOp::verify() { return verifyWholeData(getOperation(), "constant_c1", getValue()); }

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

LogicalResult StateOp::verify() {
  if (getTensorType().getEncoding())
    return emitOpError("state_c1: the size of a state is constant, found ") << getTensorType();
  if (std::optional<ElementsAttr> initial = getInitial()) {
    if (initial->getShapedType() != getTensorType())
      return emitOpError("state_c2: the initial value has type ")
             << initial->getShapedType() << ", the state has " << getTensorType();
    if (failed(verifyWholeData(getOperation(), "state_c2", *initial)))
      return failure();
  }
  if (getTrainable() && (getKind() != StateKind::Parameter || !isa<FloatType>(getTensorType().getElementType())))
    return emitOpError("state_c3: only a parameter of floating-point type is trainable, this is a ")
           << stringifyStateKind(getKind()) << " of " << getTensorType().getElementType();
  return success();
}

LogicalResult StateNameOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  if (!symbolTable.lookupNearestSymbolFrom<StateOp>(getOperation(), getStateAttr()))
    return emitOpError("state_name_c1: there is no nn.state ") << getStateAttr();
  for (Operation *previous = (*this)->getPrevNode(); previous; previous = previous->getPrevNode())
    if (auto other = dyn_cast<StateNameOp>(previous); other && other.getNameAttr() == getNameAttr()) {
      InFlightDiagnostic diagnostic = emitOpError("state_name_c2: the name ") << getNameAttr() << " is taken";
      diagnostic.attachNote(other.getLoc()) << "by this one";
      return diagnostic;
    }
  return success();
}

std::optional<StringRef> ModuleEntryOp::getParentPath() {
  if (getPath().empty())
    return std::nullopt;
  return getPath().contains('.') ? getPath().rsplit('.').first : StringRef();
}

StringRef ModuleEntryOp::getLeafName() { return getPath().contains('.') ? getPath().rsplit('.').second : getPath(); }

LogicalResult ModuleEntryOp::verify() {
  std::optional<StringRef> parent = getParentPath();
  bool parentFound = !parent;
  for (Operation *previous = (*this)->getPrevNode(); previous; previous = previous->getPrevNode()) {
    auto other = dyn_cast<ModuleEntryOp>(previous);
    if (!other)
      continue;
    if (other.getPathAttr() == getPathAttr()) {
      InFlightDiagnostic diagnostic = emitOpError("module_c2: the path ") << getPathAttr() << " is taken";
      diagnostic.attachNote(other.getLoc()) << "by this one";
      return diagnostic;
    }
    parentFound |= other.getPath() == parent;
  }
  if (!parentFound)
    return emitOpError("module_c1: the entry of its parent \"") << *parent << "\" does not come before";
  return success();
}

LogicalResult PreparedOp::verify() {
  if (!getTensorType().hasStaticShape())
    return emitOpError("prepared_c1: the size of a prepared value is constant, found ") << getTensorType();
  return success();
}

LogicalResult PreparedOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  for (auto source : getSources().getAsRange<FlatSymbolRefAttr>())
    if (!symbolTable.lookupNearestSymbolFrom<StateOp>(getOperation(), source))
      return emitOpError("prepared_c2: there is no nn.state ") << source;
  return success();
}

//===----------------------------------------------------------------------===//
// Conditions of a call
//===----------------------------------------------------------------------===//

LogicalResult RequireOp::verify() {
  auto function = (*this)->getParentOfType<FunctionOpInterface>();
  if (!function)
    return emitOpError("require_c1: it is in no function");
  for (const std::string &symbol : getCondition().getExpression().symbols()) {
    const bool isSize = llvm::any_of(function.getArgumentTypes(), [&](Type type) {
      return isNNTensorType(type) && llvm::any_of(sizesOf(cast<RankedTensorType>(type)),
                                                  [&](const semantics::DimExpr &size) { return size.as_symbol() == symbol; });
    });
    // Open types have yet to get their names.
    if (!isSize && llvm::none_of(function.getArgumentTypes(), isOpenTensorType))
      return emitOpError("require_c1: no input of the function has the size '") << symbol << "'";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

void ReadOp::build(OpBuilder &builder, OperationState &state, StateOp source) {
  build(builder, state, source.getTensorType(), FlatSymbolRefAttr::get(source.getSymNameAttr()));
}

LogicalResult ReadOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  return verifyUse<StateOp>(getOperation(), "read_c1", getStateAttr(), getType(), symbolTable);
}

LogicalResult WriteOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  return verifyUse<StateOp>(getOperation(), "write_c1", getStateAttr(), getValue().getType(), symbolTable);
}

void LoadPreparedOp::build(OpBuilder &builder, OperationState &state, PreparedOp slot) {
  build(builder, state, slot.getTensorType(), FlatSymbolRefAttr::get(slot.getSymNameAttr()));
}

LogicalResult LoadPreparedOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  return verifyUse<PreparedOp>(getOperation(), "load_prepared_c1", getSlotAttr(), getType(), symbolTable);
}

LogicalResult StorePreparedOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  return verifyUse<PreparedOp>(getOperation(), "store_prepared_c1", getSlotAttr(), getValue().getType(), symbolTable);
}

LogicalResult StorePreparedOp::verify() {
  auto function = (*this)->getParentOfType<FunctionOpInterface>();
  if (!function || !function->hasAttr(NNDialect::kPrepareAttrName))
    return emitOpError("store_prepared_c2: only a function marked nn.prepare stores prepared values");
  return success();
}

} // namespace kiln::ir
