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

/// Which parts of the runtime an executable's program can have need of.
struct RuntimeNeeds {
  bool training, cuda;
};

/// Adds to a module of its own what the generic main finds: `kiln_linked_program`, the address of the descriptor, and
/// `kiln_linked_train`, that of the command that trains, null where there is no need of it: nothing else refers to it. Without need of
/// CUDA it holds `kiln_make_cuda_model` too, in place of the runtime's, which brings the driver with it.
void addLinkedProgram(llvm::StringRef programName, RuntimeNeeds needs, llvm::Module &module);

/// "kiln_program_<name>".
std::string descriptorSymbol(llvm::StringRef programName);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_DESCRIPTOR_H
