//===- Descriptor.h - The artifact's tables as LLVM constants ------*- C++ -*-===//
//
// Declares what turns a ProgramView into the globals of kiln/runtime/abi.h.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_DESCRIPTOR_H
#define KILN_CODEGEN_DESCRIPTOR_H

#include "ProgramView.h"
#include "kiln/codegen/Cpu.h"
#include "kiln/codegen/Cuda.h"

#include "llvm/IR/Module.h"

namespace kiln::codegen {

/// A place that compiled code can report: location and operation.
using CodeSite = std::pair<mlir::Location, std::string>;

/// What the descriptor tells of the compiled code, beside its functions.
struct CodeView {
  llvm::ArrayRef<CodeSite> sites;
  llvm::ArrayRef<ConstantData> constants;
  const CudaProgram &cuda;
  llvm::ArrayRef<CudaImage> cudaImages; // none: there is no CUDA code
};

/// Adds `kiln_program_<name>` and all that it points to. The functions that it names (`f.run.v2`, `f.measure`, ...) must be defined in
/// `module`; one that is not becomes a null entry. Everything but the descriptor gets internal linkage.
void addDescriptor(const ProgramView &program, const CodeView &code, bool embedWeights, llvm::StringRef fingerprint,
                   llvm::Module &module);

/// Adds `kiln_linked_program`, by which the generic main finds the descriptor, to a module of its own.
void addLinkedProgram(llvm::StringRef programName, llvm::Module &module);

/// "kiln_program_<name>".
std::string descriptorSymbol(llvm::StringRef programName);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_DESCRIPTOR_H
