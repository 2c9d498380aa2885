//===- Cpu.h - schedule to LLVM, for x86-64 -----------------------*- C++ -*-===//
//
// The CPU back end: compiles every kernel of a scheduled program for each instruction set, and the functions that launch them. What
// comes out is a module of the LLVM dialect; kiln/codegen/Artifact.h makes files of it.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_H
#define KILN_CODEGEN_CPU_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace kiln::codegen {

struct CpuOptions {
  /// Instruction sets to compile for, by number in abi.h (0: x86-64-v2). At least one.
  std::vector<unsigned> instructionSets = {0, 1, 2};
};

/// Data that code refers to by a symbol without a value; its bytes never become text.
struct ConstantData {
  std::string symbol;
  mlir::ElementsAttr value;
};

struct CudaProgram;

/// A program as LLVM functions. Names: `<function>.run` and for each set, which call it, `<function>.run.<set>`; `<function>.run.cuda`,
/// `<function>.measure`, `<kernel>.<set>`, `<kernel>.check`; what launches share.
struct CpuModule {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<ConstantData> constants;
  /// Locations in the order of kiln_program::sites: launches that can report an error.
  std::vector<std::pair<mlir::Location, std::string>> sites;
};

/// Compiles a scheduled module. Reports an error at the op's location for what has no kernel. With `cuda`, what launches its kernels
/// is part of the module too.
mlir::FailureOr<CpuModule> lowerToLLVM(mlir::ModuleOp scheduled, const CpuOptions &options, const CudaProgram *cuda = nullptr);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_H
