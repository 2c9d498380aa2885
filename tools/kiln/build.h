//===- build.h - from a module to files -------------------------*- C++ -*-===//
//
// Runs the passes, the schedule and the code generator over a program, as far as the wanted files need it, and writes them.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_BUILD_H
#define KILN_TOOLS_KILN_BUILD_H

#include <string>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace kiln::tools {

/// What can be written of a program, in the order of the stages.
enum class EmitKind { MLIR, Schedule, Cuda, LLVM, Assembly, Object, Static, Shared, Executable, Header };

/// A name for --emit, and the ending of its files.
struct EmitKindInfo {
  EmitKind kind;
  llvm::StringRef name, ending;
};
/// All kinds. The endings are unique; the executable's is empty.
llvm::ArrayRef<EmitKindInfo> emitKinds();
/// Whether the code generator is needed for it, and with a target of CUDA its toolkit.
bool isNative(EmitKind kind);

/// One file to write.
struct EmitFile {
  EmitKind kind;
  std::string path;
};

struct BuildOptions {
  bool embedWeights = true;
  bool remarks = false;
  /// Architectures of NVIDIA GPUs to compile for too, 80 for sm_80.
  std::vector<unsigned> cuda;
  /// Whether MLIR's own command-line options have been registered, so that they count.
  bool mlirOptions = false;
  /// What the header's first line names.
  std::string sourceName;
};

/// Compiles the module (which is rewritten) and writes the files. Errors have been reported when CommandFailure is thrown.
void buildFiles(mlir::ModuleOp module, llvm::ArrayRef<EmitFile> files, const BuildOptions &options, mlir::TimingScope &timing);

/// A shared library with the weights in it.
void buildArtifact(mlir::ModuleOp module, llvm::StringRef path, mlir::TimingScope &timing);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_BUILD_H
