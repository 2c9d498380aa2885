//===- Emission.h - LLVM IR to machine code, in process ------------*- C++ -*-===//
//
// Declares the last steps of compilation: the LLVM dialect to LLVM IR, LLVM's passes, and machine code for x86-64. The target is generic; each
// function names its processor level itself, and the processor that compiles is never asked.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_EMISSION_H
#define KILN_CODEGEN_EMISSION_H

#include "kiln/codegen/Cpu.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

namespace kiln::codegen {

/// What code is for: kernels are run for long, what launches them is straight code that is run once a call.
enum class Effort { Kernels, Launches };

/// A private constant of raw bytes, 64-byte aligned.
llvm::GlobalVariable *addBytes(llvm::Module &module, llvm::StringRef name, llvm::StringRef bytes);

/// LLVM IR with the values of the program's constants. Null after a diagnostic.
std::unique_ptr<llvm::Module> translateToLLVMIR(CpuModule &program, llvm::LLVMContext &context);
/// An internal error if the module is not valid.
llvm::Error verify(const llvm::Module &module);
/// LLVM's passes on scalars and addresses; what belongs to whole kernels they have done themselves.
llvm::Error optimize(llvm::Module &module, Effort effort = Effort::Kernels);
llvm::Error emitObject(llvm::Module &module, llvm::SmallVectorImpl<char> &bytes, Effort effort = Effort::Kernels);
/// An error that names the symbols that an object wants from others. A compiled program wants none: it is linked with no library.
llvm::Error checkImportsNothing(llvm::StringRef object);
llvm::Error emitAssembly(llvm::Module &module, llvm::SmallVectorImpl<char> &text);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_EMISSION_H
