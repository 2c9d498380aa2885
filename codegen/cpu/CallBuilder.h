//===- CallBuilder.h - functions that launch kernels --------------*- C++ -*-===//
//
// A kernel is compiled into functions of its own; a function of the program becomes one that takes a kiln_call, finds every
// buffer and launches kernel after kernel, on one thread or through the host's parallel_for.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_CALLBUILDER_H
#define KILN_CODEGEN_CPU_CALLBUILDER_H

#include "BufferPlaces.h"
#include "KernelEmitter.h"
#include "kiln/codegen/Cpu.h"

#include "llvm/ADT/StringMap.h"

namespace kiln::codegen {

/// The functions of a kernel for one instruction set.
struct KernelFunctions {
  mlir::LLVM::LLVMFuncOp kernel, check, task;
  const KernelEmitter *emitter = nullptr;
};

/// Declares an internal function for an instruction set, with an empty entry block.
mlir::LLVM::LLVMFuncOp createFunction(mlir::OpBuilder &builder, mlir::Location location, llvm::StringRef name, Type result,
                                      llvm::ArrayRef<Type> arguments, const InstructionSet &target);

/// Compiles a kernel. Fails with a diagnostic at `location`, the op that needs it.
mlir::FailureOr<KernelFunctions> emitKernel(mlir::OpBuilder &builder, schedule::KernelOp kernel, mlir::Location location,
                                            const InstructionSet &target);

/// Shared by all functions of a program.
struct ProgramContext {
  ProgramContext(mlir::ModuleOp module, CpuModule &output) : index(module), output(output) {}

  ProgramIndex index;
  CpuModule &output;
  /// Sites and constants are the same for all instruction sets: each is numbered when first met.
  llvm::DenseMap<mlir::Operation *, unsigned> sites;
  llvm::DenseMap<mlir::Attribute, std::string> constants;
};

/// Emits `<function>.run.<set>`.
mlir::LogicalResult emitRun(mlir::OpBuilder &builder, schedule::FuncOp function, const llvm::StringMap<KernelFunctions> &kernels,
                            const InstructionSet &target, ProgramContext &program);
/// Emits `<function>.measure`.
void emitMeasure(mlir::OpBuilder &builder, schedule::FuncOp function);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_CALLBUILDER_H
