//===- build.cpp - from a module to files ---------------------------------===//
//
// The stages in order: nn dialect, optimisation, schedule, native code. Each runs when a file of it or of a later one is wanted.
//
//===----------------------------------------------------------------------===//

#include "build.h"

#include "command_line.h"
#include "diagnostics.h"
#include "host_compiler.h"
#include "kiln/codegen/Artifact.h"
#include "kiln/passes/Pipelines.h"
#include "kiln/schedule/Passes.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "remarks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;

namespace kiln::tools {

ArrayRef<EmitKindInfo> emitKinds() {
  static const EmitKindInfo kinds[] = {
      {EmitKind::Executable, "exe", ""},
      {EmitKind::Shared, "shared", ".so"},
      {EmitKind::Static, "static", ".a"},
      {EmitKind::Object, "object", ".o"},
      {EmitKind::Header, "header", ".h"},
      {EmitKind::MLIR, "mlir", ".mlir"},
      {EmitKind::Schedule, "schedule", ".schedule.mlir"},
      {EmitKind::Cuda, "cuda", ".cu"},
      {EmitKind::LLVM, "llvm", ".ll"},
      {EmitKind::Assembly, "asm", ".s"},
  };
  return kinds;
}

/// Counts errors that MLIR reports while one lives: a pass that fails without one has no excuse.
namespace {
class ErrorCounter {
public:
  explicit ErrorCounter(mlir::MLIRContext &context) : engine(context.getDiagEngine()) {
    handler = engine.registerHandler([this](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
      return failure(); // the printer is next
    });
  }
  ~ErrorCounter() { engine.eraseHandler(handler); }

  /// A user's program that can't be compiled has been told why; anything else is a defect of Kiln's.
  [[noreturn]] void fail(const Twine &what) {
    if (errors)
      throw CommandFailure{UserError};
    report(Severity::Internal, (what + " failed without a reason").str());
    throw CommandFailure{InternalError};
  }

private:
  mlir::DiagnosticEngine &engine;
  uint64_t handler;
  std::atomic<int> errors = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static void runPasses(mlir::ModuleOp module, StringRef what, function_ref<void(mlir::OpPassManager &)> build,
                      const BuildOptions &options, ErrorCounter &errors, mlir::TimingScope &timing) {
  mlir::PassManager passes(module.getContext());
  if (options.mlirOptions && failed(mlir::applyPassManagerCLOptions(passes))) // which says why
    throw CommandFailure{UsageError};
  mlir::TimingScope scope = timing.nest(what);
  passes.enableTiming(scope);
  build(passes);
  if (failed(passes.run(module)))
    errors.fail(what);
}

static void writeModule(mlir::ModuleOp module, StringRef path) {
  std::error_code error;
  ToolOutputFile file(path, error, sys::fs::OF_Text);
  if (error) {
    report(Severity::Error, (path + ": can't be written: " + error.message()).str());
    throw CommandFailure{UserError};
  }
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false); // so that what reads it still knows the user's lines
  module.print(file.os(), flags);
  file.os() << "\n";
  file.keep();
}

static void check(Error error, StringRef path) {
  if (!error)
    return;
  std::string message = toString(std::move(error));
  report(Severity::Error, StringRef(message).contains(path) ? message : (path + ": " + message).str());
  throw CommandFailure{UserError};
}

static void writeNative(codegen::Artifact &artifact, const EmitFile &file) {
  switch (file.kind) {
  case EmitKind::LLVM:
    return check(artifact.writeLLVM(file.path), file.path);
  case EmitKind::Assembly:
    return check(artifact.writeAssembly(file.path), file.path);
  case EmitKind::Object:
    return check(artifact.writeObject(file.path), file.path);
  case EmitKind::Static:
    return check(artifact.writeStaticLibrary(file.path), file.path);
  case EmitKind::Shared:
    return check(artifact.writeSharedLibrary(file.path), file.path);
  case EmitKind::Executable:
    return check(artifact.writeExecutable(file.path), file.path);
  case EmitKind::MLIR:
  case EmitKind::Schedule:
  case EmitKind::Cuda:
  case EmitKind::Header:
    return;
  }
}

bool isNative(EmitKind kind) { return kind >= EmitKind::LLVM && kind <= EmitKind::Executable; }

void buildFiles(mlir::ModuleOp module, ArrayRef<EmitFile> files, const BuildOptions &options, mlir::TimingScope &timing) {
  ErrorCounter errors(*module.getContext());
  if (options.remarks)
    printRemarks(*module.getContext());

  auto writes = [&](EmitKind kind) { return any_of(files, [&](const EmitFile &file) { return file.kind == kind; }); };
  for (const EmitFile &file : files)
    if (file.kind == EmitKind::MLIR)
      writeModule(module, file.path);
  if (all_of(files, [](const EmitFile &file) { return file.kind == EmitKind::MLIR; }))
    return;

  runPasses(
      module, "optimise",
      [](mlir::OpPassManager &passes) { passes::buildOptimizationPipeline(passes, passes::OptimizationOptions()); }, options,
      errors, timing);
  bool isForCuda = !options.cuda.empty() || writes(EmitKind::Cuda);
  runPasses(
      module, "schedule",
      [&](mlir::OpPassManager &passes) { schedule::buildSchedulePipeline(passes, {.shareKernels = !isForCuda}); }, options, errors,
      timing);
  bool writesNative = any_of(files, [](const EmitFile &file) { return isNative(file.kind); });
  std::optional<codegen::CudaProgram> cuda; // once: it warns of what can't run there
  if (writes(EmitKind::Cuda) || (writesNative && !options.cuda.empty())) {
    mlir::FailureOr<codegen::CudaProgram> generated = codegen::generateCuda(module);
    if (failed(generated))
      errors.fail("CUDA source");
    cuda = std::move(*generated);
  }
  for (const EmitFile &file : files) {
    if (file.kind == EmitKind::Schedule)
      writeModule(module, file.path);
    if (file.kind == EmitKind::Cuda)
      check(codegen::writeCuda(*cuda, file.path), file.path);
    if (file.kind == EmitKind::Header)
      check(codegen::writeHeader(module, options.sourceName, file.path), file.path);
  }
  if (!writesNative)
    return;

  codegen::ArtifactOptions artifactOptions;
  artifactOptions.embedWeights = options.embedWeights;
  artifactOptions.cuda = options.cuda;
  artifactOptions.hostCompiler = hostCompiler();
  if (writes(EmitKind::Executable))
    artifactOptions.runtimeLibraries = runtimeLibraries();
  std::optional<codegen::Artifact> artifact;
  {
    mlir::TimingScope scope = timing.nest("generate code");
    artifact = codegen::Artifact::compile(module, artifactOptions, cuda ? &*cuda : nullptr);
  }
  if (!artifact)
    errors.fail("code generation");
  mlir::TimingScope scope = timing.nest("write files");
  for (const EmitFile &file : files)
    writeNative(*artifact, file);
}

void buildArtifact(mlir::ModuleOp module, StringRef path, mlir::TimingScope &timing) {
  buildFiles(module, {EmitFile{EmitKind::Shared, path.str()}}, BuildOptions(), timing);
}

} // namespace kiln::tools
