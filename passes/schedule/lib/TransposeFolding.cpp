//===- TransposeFolding.cpp - products of transposed matrices -------------===//
//
// See TransposeFolding.h.
//
//===----------------------------------------------------------------------===//

#include "TransposeFolding.h"

#include "kiln/schedule/MatmulShape.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace kiln::schedule {

static bool swapsLastTwo(ir::PermuteOp permute) {
  ArrayRef<int64_t> dims = permute.getDims();
  int64_t rank = dims.size();
  if (rank < 2 || dims[rank - 2] != rank - 1 || dims[rank - 1] != rank - 2)
    return false;
  return llvm::all_of(llvm::enumerate(dims.drop_back(2)),
                      [](auto dim) { return dim.value() == static_cast<int64_t>(dim.index()); });
}

/// Whether the operand is one that the kernel of its owner can read transposed.
static bool isFoldable(OpOperand &operand) {
  auto permute = operand.get().getDefiningOp<ir::PermuteOp>();
  if (!permute || !swapsLastTwo(permute))
    return false;
  if (auto fused = dyn_cast<ir::FusedOp>(operand.getOwner()))
    return fused.getAnchor() == "nn.matmul" && operand.getOperandNumber() < fused.getAnchorOperands().size();
  return isa<ir::MatmulOp>(operand.getOwner());
}

void foldTransposes(KernelForm &form) {
  KernelOp kernel = *form.kernel;
  if (kernel.getAnchor() != "nn.matmul")
    return;
  Builder builder(kernel.getContext());
  SmallVector<Attribute> types(kernel.getAnchorTypes().begin(), kernel.getAnchorTypes().end());
  bool transposed[2] = {};
  for (unsigned i = 0; i < 2; ++i) {
    auto permute = form.operands[i].getDefiningOp<ir::PermuteOp>();
    if (!permute || !swapsLastTwo(permute))
      continue;
    form.operands[i] = permute.getInput();
    types[i] = TypeAttr::get(BufferType::of(cast<RankedTensorType>(permute.getInput().getType())));
    transposed[i] = true;
  }
  if (!transposed[0] && !transposed[1])
    return;
  kernel.setAnchorTypesAttr(builder.getArrayAttr(types));
  NamedAttrList attributes(kernel.getAnchorAttributesAttr());
  attributes.set(MatmulShape::kTransposedAttrName, builder.getDenseBoolArrayAttr(transposed));
  kernel.setAnchorAttributesAttr(attributes.getDictionary(kernel.getContext()));
}

bool isFolded(Operation *op) { return isa<ir::PermuteOp>(op) && !op->use_empty() && llvm::all_of(op->getUses(), isFoldable); }

void forEachReader(Value value, function_ref<void(Operation *)> visit) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    visit(user);
    if (isa<ir::ReshapeOp>(user))
      forEachReader(user->getResult(0), visit);
    else if (auto permute = dyn_cast<ir::PermuteOp>(user); permute && swapsLastTwo(permute))
      for (OpOperand &folded : permute->getUses())
        if (isFoldable(folded))
          visit(folded.getOwner());
  }
}

} // namespace kiln::schedule
