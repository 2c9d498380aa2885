//===- Folding.cpp - Constant folding by the reference kernels ----------------===//
//
// One folder for all computing operations: where every operand is a constant, the operation's reference kernel gives the result.
//
// Not folded: anything that reads state (it may change between calls); results or operands of more than 64 Ki elements (compile
// time and artifact size); nn.full and nn.expand, which are shorter than their values; dropout in training, whose mask belongs to
// a call; operations whose kernel reports an error, which is left to run time.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "kiln/runtime/error.h"
#include "mlir/Interfaces/FoldInterfaces.h"

using namespace mlir;

namespace kiln::ir {

namespace {

constexpr int64_t kMaxFoldedElements = 64 * 1024;

bool isSmall(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return false;
  int64_t elements = 1;
  for (int64_t size : tensor.getShape())
    if (__builtin_mul_overflow(elements, size, &elements))
      return false;
  return elements <= kMaxFoldedElements;
}

struct ConstantFolder : public DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  LogicalResult fold(Operation *op, ArrayRef<Attribute> operands, SmallVectorImpl<OpFoldResult> &results) const final {
    auto semantic = dyn_cast<SemanticOpInterface>(op);
    if (!semantic || isa<FullOp, ExpandOp>(op) || op->getNumOperands() == 0)
      return failure();
    if (auto dropout = dyn_cast<DropoutOp>(op); dropout && dropout.getTraining())
      return failure();
    if (!llvm::all_of(op->getResultTypes(), isSmall) || !llvm::all_of(op->getOperandTypes(), isSmall) ||
        !llvm::all_of(operands, [](Attribute operand) { return isa_and_present<ElementsAttr>(operand); }))
      return failure();
    try {
      // Constants are in the order of the operands that are there; the kernel also wants the absent ones.
      std::vector<runtime::Tensor> values;
      auto next = operands.begin();
      for (Value operand : semantic.getSemanticOperands())
        values.push_back(operand ? toTensor(cast<ElementsAttr>(*next++)) : runtime::Tensor());
      for (const runtime::Tensor &result : semantic.evaluate(values, {}))
        results.push_back(Attribute(toElementsAttr(result, op->getContext(), "folded")));
      return success();
    } catch (const runtime::Error &) {
      results.clear();
      return failure();
    }
  }
};

} // namespace

void NNDialect::registerFoldInterface() { addInterfaces<ConstantFolder>(); }

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

} // namespace kiln::ir
