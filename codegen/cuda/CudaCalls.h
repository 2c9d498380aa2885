//===- CudaCalls.h - functions that queue kernels -----------------*- C++ -*-===//
//
// A function of the program for CUDA is a function of the processor like `<function>.run.<set>`: it gets a kiln_call, whose addresses
// are the device's, finds every buffer, and asks the runtime to queue kernel after kernel.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CUDA_CUDACALLS_H
#define KILN_CODEGEN_CUDA_CUDACALLS_H

#include "BufferPlaces.h"
#include "kiln/codegen/Cuda.h"

namespace kiln::codegen {

/// Emits `<function>.run.cuda`.
mlir::LogicalResult emitCudaRun(mlir::OpBuilder &builder, schedule::FuncOp function, const CudaProgram &cuda,
                                const ProgramIndex &index);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CUDA_CUDACALLS_H
