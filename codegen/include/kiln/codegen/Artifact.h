//===- Artifact.h - What a compiled program is delivered as --------*- C++ -*-===//
//
// Defines Artifact: a planned schedule compiled to LLVM IR with its descriptor, and the files it can be written as: object, static and
// shared library, executable, typed header, assembly, LLVM IR. Every file depends on the program and the options alone: the same input
// gives the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_ARTIFACT_H
#define KILN_CODEGEN_ARTIFACT_H

#include "kiln/codegen/Cpu.h"
#include "kiln/codegen/Cuda.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kiln::codegen {

struct ArtifactOptions {
  CpuOptions cpu;
  /// Architectures that the artifact holds CUDA code for; none: it holds none.
  CudaArchitectures cuda;
  /// How CUDA source becomes images; NVRTC does it. Tests have a device of their own.
  std::function<llvm::Expected<CudaImages>(llvm::StringRef source, const CudaArchitectures &architectures)> compileCuda =
      codegen::compileCuda;
  /// Whether the artifact holds the initial values of the states. Without, the host loads them before the first call.
  bool embedWeights = true;
  /// The host compiler's driver, which links: a name on PATH or a path, then arguments that it always gets.
  std::vector<std::string> hostCompiler = {"c++"};
  /// Static libraries that an executable links, in link order: the generic main, then the runtime.
  std::vector<std::string> runtimeLibraries;
};

/// A compiled program. Made once, written in any number of forms.
class Artifact {
public:
  /// Compiles a module whose functions are `schedule.func`s with planned memory. Empty after a diagnostic at the op that can't be
  /// compiled. `cudaCode`: the module's, where the options ask for it and it has been generated already.
  static std::optional<Artifact> compile(mlir::ModuleOp schedule, const ArtifactOptions &options, const CudaProgram *cudaCode = nullptr);

  Artifact(Artifact &&) = default;
  Artifact &operator=(Artifact &&) = default;

  /// What the toolkit tells of each CUDA kernel; empty without CUDA code.
  llvm::ArrayRef<CudaResources> getCudaResources() const { return cudaResources; }

  /// "digits", of `kiln_program_digits`.
  llvm::StringRef getProgramName() const { return programName; }

  /// A relocatable object that exports the descriptor and needs no symbol.
  llvm::Error writeObject(llvm::StringRef path);
  /// An archive with that object.
  llvm::Error writeStaticLibrary(llvm::StringRef path);
  /// A shared library that exports the descriptor and needs no other library.
  llvm::Error writeSharedLibrary(llvm::StringRef path);
  /// A program that runs the functions from the command line.
  llvm::Error writeExecutable(llvm::StringRef path);
  /// Assembly, for reading: constants of 1 KiB and more are declared only.
  llvm::Error writeAssembly(llvm::StringRef path);
  /// Optimised LLVM IR as text, for reading too.
  llvm::Error writeLLVM(llvm::StringRef path);

private:
  Artifact() = default;
  llvm::Expected<llvm::StringRef> getObject();

  ArtifactOptions options;
  std::string programName;
  bool writesState = false; // whether any of its functions does
  std::vector<CudaResources> cudaResources;
  // The module lives in the context: destroyed first, so declared after.
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  llvm::SmallVector<char, 0> object; // made when first asked for
};

/// The typed C++ header of a module with `schedule.func`s; needs no compilation. `sourceName` is named in its first line.
llvm::Error writeHeader(mlir::ModuleOp schedule, llvm::StringRef sourceName, llvm::StringRef path);

/// The CUDA source; needs no toolkit.
llvm::Error writeCuda(const CudaProgram &program, llvm::StringRef path);

/// 64 hexadecimal digits: SHA-256 over module paths, types and options, state names, shapes, dtypes and ties, and over optimizers with
/// their parameters. Equal for programs that can exchange checkpoints.
std::string computeFingerprint(mlir::ModuleOp module);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_ARTIFACT_H
