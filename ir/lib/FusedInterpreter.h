//===- FusedInterpreter.h - Scalar regions on tensors ---------------*- C++ -*-===//
//
// Runs the body of nn.fused: operations of arith and math, each on all elements of the iteration space before the next.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_LIB_FUSEDINTERPRETER_H
#define KILN_IR_LIB_FUSEDINTERPRETER_H

#include "kiln/ir/Ops.h"
#include "kiln/runtime/tensor.h"

namespace kiln::ir {

/// `arguments` are the block's arguments as tensors of the iteration space's sizes (any strides: broadcast operands are expanded
/// views). Every scalar operation rounds to its type; in double, floating-point types are taken as f64. Throws runtime::TypeError
/// for an operation that has no scalar kernel.
runtime::Tensor runScalarBody(FusedOp op, llvm::ArrayRef<runtime::Tensor> arguments, llvm::ArrayRef<int64_t> sizes,
                              bool computeInDouble);

} // namespace kiln::ir

#endif // KILN_IR_LIB_FUSEDINTERPRETER_H
