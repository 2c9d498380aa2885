//===- ResolveShapes.cpp - types as precise as operands allow -------------===//
//
// Defines nn-resolve-shapes. A type is *open* where a size is `?` and no encoding names it. One walk over each
// function in program order closes open types: arguments get symbols, states get sizes from the first op that reads
// them, results get inferred types.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Locations.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "kiln/runtime/error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numRefined("nn-resolve-shapes", "Number of results whose type became more precise");
static ir::Statistic numSymbols("nn-resolve-shapes", "Number of dimensions of arguments that were given a symbol");
static ir::Statistic numStates("nn-resolve-shapes", "Number of states whose open sizes were found");

#define GEN_PASS_DEF_RESOLVESHAPESPASS
#include "kiln/passes/Passes.h.inc"

namespace {

using semantics::DimExpr;

bool isOpen(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.hasStaticShape() && !tensor.getEncoding() && ir::toDType(tensor.getElementType());
}

/// "[?, 784]", for open types too.
std::string sizesText(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return "a value that is no tensor";
  if (ir::isNNTensorType(tensor))
    return ir::shapeText(tensor);
  std::string text = "[";
  for (auto [dim, size] : llvm::enumerate(tensor.getShape()))
    text += (dim ? ", " : "") + (ShapedType::isDynamic(size) ? std::string("?") : std::to_string(size));
  return text + "]";
}

/// "nn.relu of 'net.2'", "input 'x'".
std::string describeProducer(Value value) {
  auto quotedPath = [](Location location) {
    std::string text = ir::describeLocation(location);
    return text.empty() ? text : " of " + text;
  };
  if (Operation *op = value.getDefiningOp()) {
    if (auto read = dyn_cast<ir::ReadOp>(op))
      return "state '" + read.getState().str() + "'";
    return op->getName().getStringRef().str() + quotedPath(op->getLoc());
  }
  auto argument = cast<BlockArgument>(value);
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (function)
    if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), ir::NNDialect::kNameAttrName))
      return "input '" + name.getValue().str() + "'";
  return "input " + std::to_string(argument.getArgNumber());
}

/// Whether `inferred` may stand where `declared` was written: it says everything that `declared` says.
bool refines(RankedTensorType inferred, RankedTensorType declared) {
  if (inferred.getElementType() != declared.getElementType() || inferred.getRank() != declared.getRank())
    return false;
  for (auto [known, written] : llvm::zip_equal(inferred.getShape(), declared.getShape()))
    if (!ShapedType::isDynamic(written) && known != written)
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct ResolveShapes : impl::ResolveShapesPassBase<ResolveShapes> {
  void getDependentDialects(DialectRegistry &registry) const override {
    ResolveShapesPassBase::getDependentDialects(registry);
    registerInterfaceModels(registry);
  }

  void runOnOperation() override {
    resolvedBy.clear();
    readsOf.clear();
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    module.walk([&](ir::ReadOp read) {
      if (auto state = symbols.lookup<ir::StateOp>(read.getState()))
        readsOf[state].push_back(read);
    });
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() && failed(resolve(function)))
        return signalPassFailure();
    for (auto state : module.getOps<ir::StateOp>())
      if (isOpen(state.getTensorType())) {
        state.emitError() << "the sizes of state '" << state.getSymName() << "' are not known: its type is "
                          << state.getTensorType() << ", and no function reads it";
        return signalPassFailure();
      }
  }

private:
  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  LogicalResult resolve(func::FuncOp function) {
    nameArguments(function);
    for (Operation &op : function.getBody().front().without_terminator())
      if (failed(resolveStates(&op)) || failed(infer(&op)))
        return failure();
    return resolveSignature(function);
  }

  /// Symbols for the open sizes of arguments.
  void nameArguments(func::FuncOp function) {
    llvm::StringSet<> taken;
    for (Type type : function.getArgumentTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && !isOpen(tensor) && ir::isNNTensorType(tensor))
        for (const DimExpr &size : ir::sizesOf(tensor))
          for (const std::string &symbol : size.symbols())
            taken.insert(symbol);
    for (BlockArgument argument : function.getArguments()) {
      if (!isOpen(argument.getType()))
        continue;
      auto type = cast<RankedTensorType>(argument.getType());
      std::vector<DimExpr> sizes;
      for (auto [dim, size] : llvm::enumerate(type.getShape())) {
        if (!ShapedType::isDynamic(size)) {
          sizes.emplace_back(size);
          continue;
        }
        std::string name = argumentName(function, argument.getArgNumber()) + "_" + std::to_string(dim);
        while (!taken.insert(name).second)
          name += "_";
        sizes.push_back(DimExpr::symbol(name));
        ++numSymbols;
      }
      argument.setType(ir::toTensorType(sizes, type.getElementType()));
    }
  }

  /// The argument's name as far as it can be part of a symbol.
  static std::string argumentName(func::FuncOp function, unsigned number) {
    std::string name = "arg" + std::to_string(number);
    if (auto given = function.getArgAttrOfType<StringAttr>(number, ir::NNDialect::kNameAttrName))
      if (!given.empty())
        name = given.str();
    for (char &letter : name)
      if (!llvm::isAlnum(letter))
        letter = '_';
    return llvm::isDigit(name.front()) ? "_" + name : name;
  }

  LogicalResult resolveSignature(func::FuncOp function) {
    auto terminator = dyn_cast<func::ReturnOp>(function.getBody().front().getTerminator());
    if (!terminator)
      return success();
    for (auto [index, value, declared] : llvm::enumerate(terminator.getOperands(), function.getResultTypes())) {
      auto found = dyn_cast<RankedTensorType>(value.getType());
      auto written = dyn_cast<RankedTensorType>(declared);
      if (found && written && !refines(found, written)) {
        auto diagnostic = function.emitError() << "result " << index << " of function '" << function.getSymName()
                                               << "' is declared as " << declared << " and is " << found;
        diagnostic.attachNote(value.getLoc()) << "made by " << describeProducer(value);
        return diagnostic;
      }
    }
    function.setType(
        FunctionType::get(function.getContext(), function.getBody().front().getArgumentTypes(), terminator.getOperandTypes()));
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Inference
  //===--------------------------------------------------------------------===//

  LogicalResult infer(Operation *op) {
    if (auto backward = dyn_cast<ir::BackwardOp>(op)) {
      for (auto [target, gradient] : llvm::zip(backward.getTargets(), backward.getGradients()))
        if (gradient.getType() != target.getType()) {
          gradient.setType(cast<RankedTensorType>(target.getType()));
          ++numRefined;
        }
      return success();
    }
    auto semantic = dyn_cast<ir::SemanticOpInterface>(op);
    if (!semantic)
      return success();
    std::vector<std::optional<semantics::TensorType>> operands;
    for (Value operand : semantic.getSemanticOperands()) {
      if (operand && isOpen(operand.getType()))
        return op->emitError() << "the sizes of " << describeProducer(operand)
                               << " are not known: " << sizesText(operand.getType());
      if (operand && !ir::isNNTensorType(operand.getType()))
        return op->emitError() << op->getName() << " does not work on values of type " << operand.getType();
      operands.push_back(operand ? std::optional(ir::toSemanticType(operand.getType())) : std::nullopt);
    }
    SmallVector<RankedTensorType> types;
    try {
      for (const auto &type : semantics::infer(op->getName().getStringRef(), operands, semantic.getSemanticAttributes()))
        types.push_back(ir::toTensorType(type, op->getContext()));
    } catch (const runtime::Error &error) {
      return contradiction(op, error.what());
    }
    if (types.size() != op->getNumResults())
      return op->emitError() << "has " << op->getNumResults() << " results, expected " << types.size();
    for (auto [result, inferred] : llvm::zip_equal(op->getResults(), types)) {
      if (result.getType() == inferred)
        continue;
      auto declared = dyn_cast<RankedTensorType>(result.getType());
      if (!declared || !refines(inferred, declared))
        return op->emitError() << "the result of " << op->getName() << " is declared as " << result.getType() << " and is "
                               << inferred;
      result.setType(inferred);
      ++numRefined;
    }
    return success();
  }

  /// Operands that do not fit: PyTorch's text, then who makes each of them and who takes them.
  LogicalResult contradiction(Operation *op, llvm::StringRef text) {
    auto diagnostic = op->emitError() << text;
    std::string place = ir::describeLocation(op->getLoc());
    for (Value operand : op->getOperands())
      diagnostic.attachNote(operand.getLoc()) << op->getName() << (place.empty() ? "" : " of " + place) << " takes "
                                              << sizesText(operand.getType()) << " from " << describeProducer(operand);
    for (Value operand : op->getOperands())
      if (auto read = operand.getDefiningOp<ir::ReadOp>())
        if (auto found = resolvedBy.find(read.getStateAttr().getAttr()); found != resolvedBy.end() && found->second != op)
          diagnostic.attachNote(found->second->getLoc())
              << "the sizes of state '" << read.getState() << "' follow from this use of it";
    return diagnostic;
  }

  //===--------------------------------------------------------------------===//
  // Lazily shaped states
  //===--------------------------------------------------------------------===//

  /// Closes the types of the states that `op` takes as operands.
  LogicalResult resolveStates(Operation *op) {
    for (Value operand : op->getOperands())
      if (auto read = operand.getDefiningOp<ir::ReadOp>(); read && isOpen(operand.getType()))
        if (failed(resolveState(read, op)))
          return failure();
    return success();
  }

  LogicalResult resolveState(ir::ReadOp read, Operation *firstUse) {
    auto state = SymbolTable::lookupNearestSymbolFrom<ir::StateOp>(read, read.getStateAttr());
    if (!state)
      return read.emitError() << "there is no state '" << read.getState() << "'";
    auto type = state.getTensorType();

    // Sizes that uses require, each with the op that required it.
    SmallVector<std::optional<DimExpr>> sizes(type.getRank());
    SmallVector<Operation *> requiredBy(type.getRank());
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (!ShapedType::isDynamic(size))
        sizes[dim] = size;
    for (ir::ReadOp other : readsOf[state]) {
      auto uses = llvm::to_vector(llvm::make_pointer_range(other.getOutput().getUses()));
      llvm::sort(uses, [](OpOperand *left, OpOperand *right) { return left->getOwner()->isBeforeInBlock(right->getOwner()); });
      for (OpOperand *use : uses)
        if (failed(collect(state, *use, sizes, requiredBy)))
          return failure();
    }

    SmallVector<int64_t> shape;
    for (auto [dim, size] : llvm::enumerate(sizes)) {
      if (!size || !size->constant()) {
        auto diagnostic = state.emitError() << "size " << dim << " of state '" << state.getSymName() << "' "
                                            << (size ? "must be a constant, and would be " + size->text()
                                                     : std::string("is not determined by its uses"))
                                            << "; its type is " << type;
        Operation *place = requiredBy[dim] ? requiredBy[dim] : firstUse;
        std::string where = ir::describeLocation(place->getLoc());
        diagnostic.attachNote(place->getLoc()) << place->getName() << (where.empty() ? "" : " of " + where) << " reads it";
        return diagnostic;
      }
      shape.push_back(*size->constant());
    }
    auto resolved = RankedTensorType::get(shape, type.getElementType());
    state.setType(resolved);
    for (ir::ReadOp other : readsOf[state])
      other.getOutput().setType(resolved);
    resolvedBy[state.getSymNameAttr()] = firstUse;
    ++numStates;
    return success();
  }

  /// Adds what one use of a state requires of its sizes.
  static LogicalResult collect(ir::StateOp state, OpOperand &use, SmallVector<std::optional<DimExpr>> &sizes,
                               SmallVector<Operation *> &requiredBy) {
    auto asking = dyn_cast<OperandSizesInterface>(use.getOwner());
    if (!asking)
      return success();
    OptionalSizes required = asking.getRequiredSizes(semanticNumber(use));
    for (size_t dim = 0; dim < std::min<size_t>(required.size(), sizes.size()); ++dim) {
      if (!required[dim])
        continue;
      if (!sizes[dim]) { // the first use that determines an open size
        sizes[dim] = required[dim];
        requiredBy[dim] = use.getOwner();
        continue;
      }
      if (!requiredBy[dim] || *sizes[dim] == *required[dim])
        continue; // a size that the type itself gives is checked by inference
      auto diagnostic = state.emitError() << "size " << dim << " of state '" << state.getSymName()
                                          << "' is ambiguous: its uses require " << sizes[dim]->text() << " and "
                                          << required[dim]->text();
      diagnostic.attachNote(requiredBy[dim]->getLoc())
          << requiredBy[dim]->getName() << " of " << ir::describeLocation(requiredBy[dim]->getLoc()) << " requires "
          << sizes[dim]->text();
      diagnostic.attachNote(use.getOwner()->getLoc())
          << use.getOwner()->getName() << " of " << ir::describeLocation(use.getOwner()->getLoc()) << " requires "
          << required[dim]->text();
      return diagnostic;
    }
    return success();
  }

  /// The operand's number among all operands of the semantics entry, absent ones counted.
  static unsigned semanticNumber(OpOperand &use) {
    unsigned present = 0;
    if (auto semantic = dyn_cast<ir::SemanticOpInterface>(use.getOwner()))
      for (auto [number, operand] : llvm::enumerate(semantic.getSemanticOperands()))
        if (operand && present++ == use.getOperandNumber())
          return static_cast<unsigned>(number);
    return use.getOperandNumber();
  }

  /// For each state that was open, the op whose operand made its sizes known.
  llvm::DenseMap<StringAttr, Operation *> resolvedBy;
  llvm::DenseMap<Operation *, SmallVector<ir::ReadOp>> readsOf;
};

} // namespace
} // namespace kiln::passes
