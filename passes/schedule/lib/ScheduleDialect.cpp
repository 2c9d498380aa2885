//===- ScheduleDialect.cpp - the schedule dialect -------------------------===//
//
// Registration, types and verifiers. The verifiers check what back ends rely on: shapes and attributes of a kernel use its own
// sizes only, maps pick dimensions or broadcast, launches fit their kernels.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/Schedule.h"

#include "kiln/schedule/InPlace.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using kiln::ir::DimAttr;
using kiln::semantics::DimExpr;

#include "kiln/schedule/ScheduleDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "kiln/schedule/ScheduleTypes.cpp.inc"

#define GET_OP_CLASSES
#include "kiln/schedule/ScheduleOps.cpp.inc"

namespace kiln::schedule {

void ScheduleDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "kiln/schedule/ScheduleTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "kiln/schedule/ScheduleOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError, Type elementType, ir::ShapeAttr shape) {
  if (!elementType.isIntOrFloat())
    return emitError() << "a buffer holds integers or floats, not " << elementType;
  if (!shape)
    return emitError() << "a buffer has a shape";
  return success();
}

BufferType BufferType::of(RankedTensorType tensor) {
  if (auto shape = dyn_cast_if_present<ir::ShapeAttr>(tensor.getEncoding()))
    return get(tensor.getContext(), tensor.getElementType(), shape);
  std::vector<DimExpr> sizes(tensor.getShape().begin(), tensor.getShape().end());
  return get(tensor.getElementType(), sizes);
}

std::vector<DimExpr> BufferType::getSizes() const { return getShape().getSizes(); }

Type BufferType::getScalarType() const { return ir::scalarTypeOf(getElementType()); }

int64_t BufferType::getElementBytes() const { return llvm::divideCeil(getElementType().getIntOrFloatBitWidth(), 8); }

DimExpr BufferType::getElements() const {
  DimExpr elements = 1;
  for (const DimExpr &size : getSizes())
    elements = elements * size;
  return elements;
}

DimExpr BufferType::getBytes() const { return getElements() * DimExpr(getElementBytes()); }

LogicalResult ConstantOp::verify() {
  auto type = cast<ShapedType>(getValue().getType());
  if (BufferType::of(cast<RankedTensorType>(type)) != getBuffer().getType())
    return emitOpError() << "value of type " << type << " does not fill a " << getBuffer().getType();
  return success();
}

LogicalResult ViewOp::verify() {
  BufferType from = getSource().getType(), to = getBuffer().getType();
  if (from.getElementType() != to.getElementType())
    return emitOpError() << "cannot change the element type from " << from.getElementType() << " to " << to.getElementType();
  if (!(from.getElements() == to.getElements()))
    return emitOpError() << "cannot see " << from.getElements().text() << " elements as " << to.getElements().text();
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static BufferType bufferAt(ArrayAttr types, unsigned index) { return cast<BufferType>(cast<TypeAttr>(types[index]).getValue()); }

BufferType KernelOp::getAnchorType(unsigned index) { return bufferAt(getAnchorTypes(), index); }
BufferType KernelOp::getExtraType(unsigned index) { return bufferAt(getExtraTypes(), index); }
BufferType KernelOp::getResultType(unsigned index) { return bufferAt(getResultTypes(), index); }
AffineMap KernelOp::getExtraMap(unsigned index) { return cast<AffineMapAttr>(getExtraMaps()[index]).getValue(); }

Attribute KernelOp::getAnchorAttribute(StringRef name) {
  return getAnchorAttributes() ? getAnchorAttributes()->get(name) : Attribute();
}

/// Checks that every size expression inside `attribute` uses the given symbols only.
static LogicalResult checkSymbols(Operation *op, Attribute attribute, const llvm::StringSet<> &symbols, StringRef owner) {
  WalkResult result = attribute.walk([&](DimAttr dim) {
    for (const std::string &symbol : dim.getExpression().symbols())
      if (!symbols.contains(symbol)) {
        op->emitOpError() << "size '" << dim.getText() << "' uses '" << symbol << "', which is not a size of " << owner;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

static llvm::StringSet<> namesIn(ArrayAttr names) {
  llvm::StringSet<> set;
  for (Attribute name : names)
    set.insert(cast<StringAttr>(name).getValue());
  return set;
}

/// A map of an extra operand may pick dimensions of the result, each at most once, and broadcast along others.
static LogicalResult checkMap(KernelOp kernel, unsigned index) {
  AffineMap map = kernel.getExtraMap(index);
  int64_t rank = kernel.getResultType().getRank();
  if (map.getNumDims() != rank || map.getNumSymbols() != 0)
    return kernel.emitOpError() << "map " << index << " must have " << rank
                                << " dimensions, the rank of the result, and no symbol";
  if (map.getNumResults() != kernel.getExtraType(index).getRank())
    return kernel.emitOpError() << "map " << index << " must have " << kernel.getExtraType(index).getRank()
                                << " results, the rank of its operand";
  for (AffineExpr result : map.getResults()) {
    auto constant = dyn_cast<AffineConstantExpr>(result);
    if (!isa<AffineDimExpr>(result) && !(constant && constant.getValue() == 0))
      return kernel.emitOpError() << "map " << index << " may use dimensions and the constant 0 only";
  }
  return success();
}

LogicalResult KernelOp::verify() {
  if (getResultTypes().empty())
    return emitOpError() << "has no result";
  if (!getAnchor() && (!getAnchorTypes().empty() || getAnchorAttributes()))
    return emitOpError() << "has operands or attributes of an anchor, but no anchor";
  if (!getAnchor() && getNumResults() != 1)
    return emitOpError() << "without an anchor has exactly one result";
  if (getExtraTypes().size() != getExtraMaps().size())
    return emitOpError() << "has " << getExtraTypes().size() << " extra operands and " << getExtraMaps().size() << " maps";
  for (unsigned i = 0; i < getNumExtras(); ++i)
    if (failed(checkMap(*this, i)))
      return failure();

  llvm::StringSet<> sizes = namesIn(getSizes());
  for (ArrayAttr types : {getAnchorTypes(), getExtraTypes(), getResultTypes()})
    if (failed(checkSymbols(*this, types, sizes, "the kernel")))
      return failure();
  if (getAnchorAttributes() && failed(checkSymbols(*this, *getAnchorAttributes(), sizes, "the kernel")))
    return failure();

  // The body: the anchor's element, then one element of each extra operand.
  Block &body = getBodyBlock();
  unsigned first = getAnchor() ? 1 : 0;
  if (body.getNumArguments() != first + getNumExtras())
    return emitOpError() << "body must have " << first + getNumExtras() << " arguments, has " << body.getNumArguments();
  for (unsigned i = 0; i < getNumExtras(); ++i)
    if (body.getArgument(first + i).getType() != getExtraType(i).getScalarType())
      return emitOpError() << "body argument " << first + i << " must be an element of extra operand " << i << ", "
                           << getExtraType(i).getScalarType();
  auto yield = dyn_cast<YieldOp>(body.empty() ? nullptr : &body.back());
  if (!yield)
    return emitOpError() << "body must end in schedule.yield";
  if (yield.getValue().getType() != getResultType().getScalarType())
    return emitOpError() << "body yields " << yield.getValue().getType() << ", the result holds "
                         << getResultType().getScalarType();
  return success();
}

//===----------------------------------------------------------------------===//
// Functions and launches
//===----------------------------------------------------------------------===//

LogicalResult FuncOp::verify() {
  llvm::StringSet<> symbols = namesIn(getSymbols());
  for (Operation &op : getBodyBlock()) {
    for (Type type : op.getResultTypes())
      if (auto buffer = dyn_cast<BufferType>(type))
        if (failed(checkSymbols(&op, buffer.getShape(), symbols, "the function")))
          return failure();
    if (failed(checkSymbols(&op, op.getAttrDictionary(), symbols, "the function")))
      return failure();
  }
  if (getBodyBlock().empty() || !isa<ReturnOp>(getBodyBlock().back()))
    return emitOpError() << "must end in schedule.return";
  return success();
}

/// The op whose memory a buffer is: views looked through.
static Operation *memoryOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewOp>())
    buffer = view.getSource();
  return buffer.getDefiningOp();
}

/// Whether two ranges of the arena are known to share bytes. Places of different expressions are the plan's business.
static bool overlap(ArenaOp a, ArenaOp b) {
  if (a == b)
    return true;
  if (!a.getOffset() || !b.getOffset())
    return false;
  const DimExpr aBegin = a.getOffset()->getExpression(), bBegin = b.getOffset()->getExpression();
  std::optional<int64_t> apart = (bBegin - aBegin).constant();
  if (!apart)
    return false;
  // One whose size is not known here has at least a byte for some sizes; an empty buffer shares nothing.
  auto bytesOf = [](ArenaOp arena) { return arena.getBuffer().getType().getBytes().constant().value_or(1); };
  const int64_t aBytes = bytesOf(a), bBytes = bytesOf(b);
  return aBytes > 0 && bBytes > 0 && *apart < aBytes && -*apart < bBytes;
}

/// Whether two buffers are known to share memory.
static bool shareMemory(Value a, Value b) {
  Operation *first = memoryOf(a), *second = memoryOf(b);
  if (first == second)
    return true;
  if (auto arena = dyn_cast_if_present<ArenaOp>(first))
    return isa_and_present<ArenaOp>(second) && overlap(arena, cast<ArenaOp>(second));
  // Inputs, outputs, states and prepared values are named by attributes; two constants are two.
  return first && second && first->getName() == second->getName() && !isa<ConstantOp>(first) &&
         first->getAttrDictionary() == second->getAttrDictionary();
}

/// Whether two buffers are the same memory from the first byte to the last.
static bool isSameMemory(Value a, Value b) {
  Operation *first = memoryOf(a), *second = memoryOf(b);
  return first == second || (!isa_and_present<ArenaOp>(first) && shareMemory(a, b));
}

/// Destinations are written while operands are read, so they may not share memory with one or with each other, but where the
/// kernel reads the very same memory in step.
static LogicalResult checkMemory(LaunchOp launch, KernelOp kernel) {
  for (auto [i, write] : llvm::enumerate(launch.getWrites())) {
    if (Operation *memory = memoryOf(write); isa_and_present<InputOp, ConstantOp>(memory))
      return launch.emitOpError() << "writes destination " << i << " to memory that is read only, " << memory->getName();
    for (auto [j, read] : llvm::enumerate(launch.getReads()))
      if (shareMemory(write, read) && !(isSameMemory(write, read) && mayShareMemory(kernel, i, j)))
        return launch.emitOpError() << "destination " << i << " shares memory with operand " << j
                                    << ", which the kernel reads while it writes";
    for (auto [j, other] : llvm::enumerate(launch.getWrites().take_front(i)))
      if (shareMemory(write, other))
        return launch.emitOpError() << "destinations " << j << " and " << i << " share memory";
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "names no kernel: @" << getKernel();
  if (getReads().size() != kernel.getNumOperands() || getWrites().size() != kernel.getNumResults())
    return emitOpError() << "passes " << getReads().size() << " operands and " << getWrites().size()
                         << " destinations to a kernel with " << kernel.getNumOperands() << " and " << kernel.getNumResults();
  if (getSizes().size() != kernel.getSizes().size())
    return emitOpError() << "gives " << getSizes().size() << " sizes to a kernel with " << kernel.getSizes().size();
  if (getGrid().size() != 1 && getGrid().size() != 2)
    return emitOpError() << "must have a grid of one or two axes";

  // Launches may merge dimensions, so a buffer fits when type and number of elements agree.
  auto check = [&](BufferType given, BufferType expected, StringRef what, unsigned index) -> LogicalResult {
    if (given.getElementType() != expected.getElementType())
      return emitOpError() << what << " " << index << " holds " << given.getElementType() << ", the kernel's holds "
                           << expected.getElementType();
    std::optional<int64_t> givenCount = given.getElements().constant(), expectedCount = expected.getElements().constant();
    if (givenCount && expectedCount && *givenCount != *expectedCount)
      return emitOpError() << what << " " << index << " has " << *givenCount << " elements, the kernel's has " << *expectedCount;
    return success();
  };
  for (auto [i, value] : llvm::enumerate(getReads())) {
    unsigned anchors = kernel.getNumAnchorOperands();
    BufferType expected = i < anchors ? kernel.getAnchorType(i) : kernel.getExtraType(i - anchors);
    if (failed(check(cast<BufferType>(value.getType()), expected, "operand", i)))
      return failure();
  }
  for (auto [i, value] : llvm::enumerate(getWrites()))
    if (failed(check(cast<BufferType>(value.getType()), kernel.getResultType(i), "destination", i)))
      return failure();
  return checkMemory(*this, kernel);
}

} // namespace kiln::schedule
