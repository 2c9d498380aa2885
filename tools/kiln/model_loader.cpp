//===- model_loader.cpp - from a model's file to a program ----------------===//
//
// Recording a model's source, parsing .mlir, and putting weights into either.
//
//===----------------------------------------------------------------------===//

#include "model_loader.h"

#include <dlfcn.h>

#include "command_line.h"
#include "crash_guard.h"
#include "host_compiler.h"
#include "kiln/ir/Attributes.h"
#include "kiln/ir/Import.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Registration.h"
#include "kiln/recording.h"
#include "kiln/runtime/command_options.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Demangle/Demangle.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace kiln::tools {

[[noreturn]] static void fail(const Twine &message) {
  report(Severity::Error, message.str());
  throw CommandFailure{UserError};
}

InputKind kindOf(StringRef path) {
  StringRef ending = sys::path::extension(path);
  if (ending == ".mlir" || ending == ".mlirbc")
    return InputKind::IR;
  if (StringSwitch<bool>(ending).Cases({".cpp", ".cc", ".cxx", ".C", ".c++"}, true).Default(false))
    return InputKind::ModelSource;
  return InputKind::Artifact;
}

ModelOptions ModelOptions::from(const opt::InputArgList &arguments) {
  ModelOptions options;
  options.includeFolders = arguments.getAllArgValues(OPT_include_folder);
  options.defines = arguments.getAllArgValues(OPT_define);
  for (const std::string &value : arguments.getAllArgValues(OPT_cxxflags)) {
    SmallVector<StringRef> words;
    SplitString(value, words);
    for (StringRef word : words)
      options.flags.push_back(word.str());
  }
  options.program = arguments.getLastArgValue(OPT_program).str();
  return options;
}

static void requireFile(StringRef path) {
  if (!sys::fs::exists(path))
    fail(path + ": no such file");
  if (sys::fs::is_directory(path))
    fail(path + ": is a folder, not a model");
}

//===----------------------------------------------------------------------===//
// Models in C++
//===----------------------------------------------------------------------===//

/// Why the library of a model can't be loaded. It was compiled with the driver's own headers, so what is not there is the model's.
[[noreturn]] static void failToLoad(StringRef source, StringRef reason) {
  auto [before, symbol] = reason.split("undefined symbol: ");
  if (!symbol.empty())
    fail(source + ": uses " + demangle(symbol) +
         ", which is defined nowhere; define it in the model's file, or name its library "
         "with --cxxflags");
  fail(source + ": can't be loaded: " + reason);
}

static std::string pickProgram(StringRef source, StringRef wanted) {
  std::vector<std::string> names = recording::program_names();
  if (names.empty())
    fail(source + ": has no program; add KILN_PROGRAM(name) { ... } that tells what is to be compiled");
  if (!wanted.empty()) {
    if (is_contained(names, wanted))
      return wanted.str();
    fail(source + ": has no program '" + wanted + "'; it has " + join(names, ", "));
  }
  if (names.size() == 1)
    return names.front();
  std::string stem = sys::path::stem(source).str();
  if (is_contained(names, stem))
    return stem;
  fail(source + ": has several programs (" + join(names, ", ") + "), none named '" + stem + "'; pick one with --program=NAME");
}

semantics::RecordedProgram recordModel(StringRef source, const ModelOptions &options, mlir::TimingScope &timing) {
  requireFile(source);
  SmallString<128> library(temporaryFolder());
  sys::path::append(library, "model.so");
  {
    mlir::TimingScope scope = timing.nest("compile the model's C++");
    compileModel(source, library, options);
  }

  mlir::TimingScope scope = timing.nest("record");
  std::string name;
  recording::Recording recorded;
  try {
    UserCodeScope userCode(library, source);
    // Never closed: addresses in it are resolved to lines until the very end.
    void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      failToLoad(source, dlerror());
    name = pickProgram(source, options.program);
    recorded = recording::record_program(name);
  } catch (const runtime::Error &error) {
    reportError(error);
    throw CommandFailure{UserError};
  } catch (const CommandFailure &) {
    throw;
  } catch (const std::exception &error) {
    report(Severity::Error, Place{source.str()}, std::string("the model's own code threw an exception: ") + error.what());
    throw CommandFailure{UserError};
  } catch (...) {
    report(Severity::Error, Place{source.str()}, "the model's own code threw something that is no std::exception");
    throw CommandFailure{UserError};
  }
  for (const recording::Diagnostic &diagnostic : recorded.diagnostics)
    reportDiagnostic(diagnostic);
  return std::move(recorded.program);
}

//===----------------------------------------------------------------------===//
// Modules of the nn dialect
//===----------------------------------------------------------------------===//

ProgramContext::ProgramContext() {
  mlir::DialectRegistry registry;
  ir::registerDialects(registry);
  context = std::make_unique<mlir::MLIRContext>(registry);
  context->loadAllAvailableDialects();
  printer = std::make_unique<DiagnosticPrinter>(*context);
}

mlir::OwningOpRef<mlir::ModuleOp> loadProgram(StringRef path, const ModelOptions &options, ProgramContext &context,
                                              mlir::TimingScope &timing) {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (kindOf(path) == InputKind::ModelSource) {
    semantics::RecordedProgram program = recordModel(path, options, timing);
    mlir::TimingScope scope = timing.nest("import");
    module = ir::importProgram(program, context.get(), sourceResolver());
  } else {
    requireFile(path);
    mlir::TimingScope scope = timing.nest("parse");
    module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context.get());
  }
  if (!module) // the reasons have come through the context's diagnostics
    throw CommandFailure{UserError};
  return module;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

void loadWeights(mlir::ModuleOp module, StringRef weights, StringRef key) {
  runtime::StateDict source = runtime::read_weights(weights.str(), key.str(), /*can_resume=*/false);

  std::map<std::string, runtime::Tensor> values; // one a state; tied names share it
  for (auto state : module.getOps<ir::StateOp>()) {
    mlir::RankedTensorType type = state.getTensorType();
    runtime::Tensor value(std::vector<int64_t>(type.getShape()), *ir::toDType(type.getElementType()));
    if (auto initial = state.getInitial())
      value.copy_(ir::toTensor(*initial));
    values[state.getPath().str()] = value;
  }
  runtime::StateDict targets;
  for (auto name : module.getOps<ir::StateNameOp>())
    if (!name.getNonPersistent())
      targets.insert(name.getName().str(), values.at(name.getState().str()));

  std::string type = module->getAttrOfType<mlir::StringAttr>("nn.program") ? "Model" : "";
  std::vector<std::string> paths;
  for (auto entry : module.getOps<ir::ModuleEntryOp>()) {
    if (paths.empty())
      type = entry.getType().str();
    paths.push_back(entry.getPath().str());
  }
  runtime::copy_state_dict(type, targets, source, /*strict=*/true, paths);

  for (auto state : module.getOps<ir::StateOp>())
    state.setInitialAttr(ir::toElementsAttr(values.at(state.getPath().str()), module.getContext(), state.getPath()));
}

} // namespace kiln::tools
