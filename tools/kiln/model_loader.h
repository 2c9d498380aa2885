//===- model_loader.h - from a model's file to a program --------*- C++ -*-===//
//
// Reads what the user gave: C++ is compiled with the host compiler into a shared library whose kiln:: symbols the driver itself
// provides, loaded, and run until its program is recorded; .mlir is parsed. Either way a module of the nn dialect comes out.
// Errors have been reported when CommandFailure is thrown.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_MODEL_LOADER_H
#define KILN_TOOLS_KILN_MODEL_LOADER_H

#include <memory>
#include <string>
#include <vector>

#include "diagnostics.h"
#include "kiln/semantics/program.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Option/ArgList.h"

namespace kiln::tools {

/// What a path names, told by its ending and, for .so, .o and executables, left to whoever opens it.
enum class InputKind { ModelSource, IR, Artifact };
InputKind kindOf(llvm::StringRef path);

/// How to compile and pick a program; the options -I, -D, --cxxflags and --program.
struct ModelOptions {
  std::vector<std::string> includeFolders, defines, flags;
  std::string program;

  static ModelOptions from(const llvm::opt::InputArgList &arguments);
};

/// Compiles and records the program in `source`; warnings of the recorder are reported.
semantics::RecordedProgram recordModel(llvm::StringRef source, const ModelOptions &options, mlir::TimingScope &timing);

/// An MLIR context with the dialects of a program, whose diagnostics come out as the driver's.
class ProgramContext {
public:
  ProgramContext();
  mlir::MLIRContext &get() { return *context; }

private:
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<DiagnosticPrinter> printer;
};

/// The program in a .cpp or .mlir file as a module of the nn dialect.
mlir::OwningOpRef<mlir::ModuleOp> loadProgram(llvm::StringRef path, const ModelOptions &options, ProgramContext &context,
                                              mlir::TimingScope &timing);

/// Replaces the initial values of the module's states by those in the file `weights`, strictly, as load_state_dict does. `key` picks
/// a state_dict inside a .pt.
void loadWeights(mlir::ModuleOp module, llvm::StringRef weights, llvm::StringRef key = "");

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_MODEL_LOADER_H
