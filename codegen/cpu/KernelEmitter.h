//===- KernelEmitter.h - kernels by anchor ------------------------*- C++ -*-===//
//
// One emitter an anchor, found by name in one table. Adding a kernel kind means one file in kernels/ and one line in
// KernelEmitter.cpp.
//
// A kernel becomes one function for each instruction set:
//
//   void kernel(ptr operand..., ptr result..., i64 size..., i64 begin0, i64 end0, i64 begin1, i64 end1)
//
// which computes the units [begin0, end0) x [begin1, end1) of the launch's grid. Units may run in any order and on any thread; a
// unit's bits never depend on how the grid was cut. A kernel whose operands can be wrong has a second function,
//
//   i32 kernel_check(ptr operand..., ptr result..., i64 size..., ptr error_values)
//
// that runs once before the first and returns an error code of abi.h.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELEMITTER_H
#define KILN_CODEGEN_CPU_KERNELEMITTER_H

#include "Access.h"

namespace kiln::codegen {

/// What an emitter works with.
struct KernelContext {
  KernelBuilder &b;
  schedule::KernelOp kernel;
  Values anchors, extras, results; // pointers
  Value begin0, end0, begin1, end1;

  /// An error about this kernel, at the op that it was made for.
  mlir::InFlightDiagnostic error();
  /// The launch that the kernel is compiled for first, for messages.
  mlir::Location location;
};

using EmitKernel = mlir::LogicalResult (*)(KernelContext &);
/// Returns the error code, an i32.
using EmitCheck = mlir::FailureOr<Value> (*)(KernelContext &, Value errorValues);

struct KernelEmitter {
  EmitKernel emit = nullptr;
  EmitCheck check = nullptr;
  /// Fewest rows (units of axis 0) that are worth a task of their own when the grid has two axes.
  int64_t rowsPerTask = 1;
  /// Whether the kernel's body is applied to what the anchor gives; else it must be empty.
  bool appliesBody = true;
};

/// The emitter of an anchor (of a map, for an empty name); null when it can't be compiled.
const KernelEmitter *findKernelEmitter(llvm::StringRef anchor);

/// Calls `anchorElement(row, column, lanes)` for every element of the units in the context's range, and writes the result. The
/// grid is the schedule's for rows: rows of the result, or blocks of kFlatBlock elements when there is one dimension or none.
/// `anchorElement` is null in a map. Vectors have `lanes` lanes, or as many as the kernel's types suggest.
using AnchorElement = llvm::function_ref<Value(Row &row, Value column, int64_t lanes)>;
mlir::LogicalResult emitRows(KernelContext &context, AnchorElement anchorElement, int64_t lanes = 0);
/// The same over a box, whose units are that many fractions of it.
mlir::LogicalResult emitBox(KernelContext &context, ResultWriter &writer, int64_t fractions, AnchorElement anchorElement);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELEMITTER_H
