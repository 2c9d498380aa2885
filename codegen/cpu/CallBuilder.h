//===- CallBuilder.h - functions that launch kernels --------------*- C++ -*-===//
//
// A kernel is compiled into a function for each instruction set; a function of the program becomes one that takes a kiln_call and a
// table of kernels, finds every buffer and launches kernel after kernel, on one thread or through the host's parallel_for. What differs
// between instruction sets is the kernels alone: all the rest is there once.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_CALLBUILDER_H
#define KILN_CODEGEN_CPU_CALLBUILDER_H

#include "BufferPlaces.h"
#include "KernelEmitter.h"
#include "kiln/codegen/Cpu.h"

#include "llvm/ADT/StringMap.h"

#include <map>

namespace kiln::codegen {

/// What a launch of a kernel needs to know of it.
struct LaunchedKernel {
  const KernelEmitter *emitter = nullptr;
  unsigned number = 0;              // in the tables of kernels
  mlir::LLVM::LLVMFuncOp task;      // shared by the kernels that take as many arguments
  mlir::LLVM::LLVMFuncOp check;     // null where no operand can be wrong
};

/// Declares an internal function for an instruction set, with an empty entry block.
mlir::LLVM::LLVMFuncOp createFunction(mlir::OpBuilder &builder, mlir::Location location, llvm::StringRef name, Type result,
                                      llvm::ArrayRef<Type> arguments, const InstructionSet &target);

/// For code that is run once a launch: small rather than fast.
void preferSmallCode(mlir::LLVM::LLVMFuncOp function);

/// Finds how a kernel is compiled. Fails with a diagnostic at `location`, the op that needs it.
mlir::FailureOr<const KernelEmitter *> kernelEmitterOf(schedule::KernelOp kernel, mlir::Location location);
/// The arguments of a kernel's functions: operands and results, which are pointers, then sizes.
llvm::SmallVector<Type> kernelArguments(schedule::KernelOp kernel);
/// Emits `<kernel>.<set>`. Fails with a diagnostic at `location`.
mlir::FailureOr<mlir::LLVM::LLVMFuncOp> emitKernel(mlir::OpBuilder &builder, schedule::KernelOp kernel, mlir::Location location,
                                                   const KernelEmitter &emitter, const InstructionSet &target);
/// Emits `<kernel>.check`; null for a kernel without one.
mlir::FailureOr<mlir::LLVM::LLVMFuncOp> emitCheck(mlir::OpBuilder &builder, schedule::KernelOp kernel, mlir::Location location,
                                                  const KernelEmitter &emitter);

/// What all launches share; each function is emitted when it is first asked for.
class LaunchFunctions {
public:
  explicit LaunchFunctions(mlir::OpBuilder &builder) : builder(builder) {}

  /// What a launch hands over lies in slots of 8 bytes: the kernel, units and parts of both axes, the kernel's arguments.
  enum Slot : int64_t { kKernel, kUnits0, kParts0, kUnits1, kParts1, kArguments };

  /// void task(ptr slots, i64 index): runs part `index` of the grid.
  mlir::LLVM::LLVMFuncOp task(schedule::KernelOp kernel);
  /// void launch(ptr call, ptr task, ptr slots, i64 cost, i64 limit, i64 number): tells a measured call of launch `number`, none for -1,
  /// and runs the grid, whose parts it writes: of axis 0 at most `limit`, and as many in all as its cost in nanoseconds is worth.
  mlir::LLVM::LLVMFuncOp launch();

private:
  mlir::OpBuilder &builder;
  std::map<std::pair<unsigned, unsigned>, mlir::LLVM::LLVMFuncOp> tasks; // by pointers and sizes
  mlir::LLVM::LLVMFuncOp launchFunction;
};

/// Shared by all functions of a program.
struct ProgramContext {
  ProgramContext(mlir::ModuleOp module, CpuModule &output) : index(module), output(output) {}

  ProgramIndex index;
  CpuModule &output;
  /// Each is numbered when first met.
  llvm::DenseMap<mlir::Operation *, unsigned> sites;
  llvm::DenseMap<mlir::Attribute, std::string> constants;
};

/// Emits `kernels.<set>`, a table by LaunchedKernel::number.
mlir::LLVM::GlobalOp emitKernelTable(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::LLVM::LLVMFuncOp> kernels,
                                     const InstructionSet &target);
/// Emits `<function>.run`, which takes the call and a table of kernels.
mlir::FailureOr<mlir::LLVM::LLVMFuncOp> emitRun(mlir::OpBuilder &builder, schedule::FuncOp function,
                                                const llvm::StringMap<LaunchedKernel> &kernels, LaunchFunctions &shared,
                                                ProgramContext &program);
/// Emits `<function>.run.<set>`, which calls it with a set's table.
void emitRunEntry(mlir::OpBuilder &builder, schedule::FuncOp function, mlir::LLVM::LLVMFuncOp run, mlir::LLVM::GlobalOp table,
                  const InstructionSet &target);
/// Emits `<function>.measure`.
void emitMeasure(mlir::OpBuilder &builder, schedule::FuncOp function);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_CALLBUILDER_H
