//===- build_command.cpp - kiln build -------------------------------------===//
//
// Compiles a model's file. Decides which files are wanted, under which names, and leaves the rest to build.cpp.
//
//===----------------------------------------------------------------------===//

#include "build.h"

#include "command_line.h"
#include "crash_guard.h"
#include "kiln/codegen/Cuda.h"
#include "kiln/ir/Statistics.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "model_loader.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

static std::string kindNames() {
  return join(map_range(emitKinds(), [](const EmitKindInfo &info) { return info.name.str(); }), ", ");
}

static const EmitKindInfo &kindNamed(StringRef name) {
  SmallVector<StringRef> names;
  for (const EmitKindInfo &info : emitKinds()) {
    if (info.name == name)
      return info;
    names.push_back(info.name);
  }
  failUsage("build", "--emit=" + name + ": there is no such kind" + suggestion(name, names) + "\n  kinds: " + kindNames());
}

/// The kind that OUT's ending stands for; the longest ending decides, so x.schedule.mlir is a schedule.
static const EmitKindInfo &kindOfEnding(StringRef out) {
  const EmitKindInfo *best = nullptr;
  for (const EmitKindInfo &info : emitKinds())
    if (out.ends_with(info.ending) && (!best || info.ending.size() > best->ending.size()))
      best = &info;
  if (best->ending.empty() && !sys::path::extension(out).empty())
    failUsage("build", "'" + out + "' has an ending that says nothing; say what to write with --emit\n  kinds: " + kindNames());
  return *best;
}

static std::vector<EmitFile> wantedFiles(const opt::InputArgList &arguments, StringRef out) {
  SmallVector<const EmitKindInfo *> kinds;
  for (const std::string &name : arguments.getAllArgValues(OPT_emit)) {
    const EmitKindInfo &info = kindNamed(name);
    if (!is_contained(kinds, &info))
      kinds.push_back(&info);
  }
  if (kinds.empty())
    kinds.push_back(&kindOfEnding(out));
  if (kinds.size() == 1)
    return {{kinds.front()->kind, out.str()}};
  std::vector<EmitFile> files;
  for (const EmitKindInfo *info : kinds)
    files.push_back({info->kind, (out + info->ending).str()});
  return files;
}

/// Compiling takes a while, so a folder that is not there is said before.
static void requireFolderOf(StringRef out) {
  StringRef folder = sys::path::parent_path(out);
  if (folder.empty() || sys::fs::is_directory(folder))
    return;
  report(Severity::Error, (out + ": can't be written: there is no folder " + folder).str());
  throw CommandFailure{UserError};
}

/// Hands --mlir-... options to MLIR, which reads them by LLVM's other command-line library.
static void parseMLIROptions(const opt::InputArgList &arguments) {
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  std::vector<std::string> words = {"kiln build"};
  for (const opt::Arg *argument : arguments.filtered(OPT_mlir_option))
    words.push_back(argument->getAsString(arguments));
  std::vector<const char *> pointers;
  for (const std::string &word : words)
    pointers.push_back(word.c_str());
  if (!cl::ParseCommandLineOptions(pointers.size(), pointers.data(), "", &errs()))
    throw CommandFailure{UsageError};
}

static bool embedsWeights(const opt::InputArgList &arguments) {
  StringRef value = onlyValue(buildCommand, arguments, OPT_embed_weights);
  if (value.empty() || value == "true")
    return true;
  if (value != "false")
    failUsage("build", "--embed-weights=" + value + ": expected true or false");
  return false;
}

/// The architectures of --target=cuda:...; none for the processor alone.
static codegen::CudaArchitectures wantedCuda(const opt::InputArgList &arguments) {
  StringRef target = onlyValue(buildCommand, arguments, OPT_target);
  auto [name, architectures] = target.split(':');
  if (name == "cuda") {
    Expected<codegen::CudaArchitectures> parsed = codegen::parseCudaArchitectures(architectures);
    if (parsed && (target.contains(':') ? !architectures.empty() : true))
      return *parsed;
    failUsage("build", "--target=" + target + ": " +
                           (parsed ? "expected architectures after the colon, as in cuda:sm_80,sm_90" : toString(parsed.takeError())));
  }
  if (target.empty() || target == "x86_64")
    return {};
  failUsage("build", "--target=" + target + ": there is no such target" + suggestion(name, {"x86_64", "cuda"}) +
                         "\n  targets: x86_64, cuda, cuda:sm_80,sm_90");
}

static int executeBuild(const opt::InputArgList &arguments) {
  std::vector<std::string> inputs = arguments.getAllArgValues(OPT_INPUT);
  if (inputs.size() != 1)
    failUsage("build", inputs.empty() ? "no model given" : "more than one model given: " + join(inputs, " "));
  StringRef input = inputs.front(), out = onlyValue(buildCommand, arguments, OPT_output_file);
  if (out.empty())
    failUsage("build", "no output given: -o OUT");
  if (kindOf(input) == InputKind::Artifact)
    failUsage("build", "'" + input + "' is neither a model in C++ (.cpp, .cc, .cxx) nor .mlir");
  std::vector<EmitFile> files = wantedFiles(arguments, out);
  BuildOptions options;
  options.embedWeights = embedsWeights(arguments);
  options.cuda = wantedCuda(arguments);
  options.remarks = arguments.hasArg(OPT_remarks);
  options.mlirOptions = true;
  options.sourceName = sys::path::filename(input).str();
  StringRef weights = onlyValue(buildCommand, arguments, OPT_weights), key = onlyValue(buildCommand, arguments, OPT_key);
  if (!key.empty() && weights.empty())
    failUsage("build", "--key needs --weights=FILE, whose state_dict it picks");

  requireFolderOf(out);
  // Before anything is compiled: it is a machine that lacks it, not a model.
  if (!options.cuda.empty() && any_of(files, [](const EmitFile &file) { return isNative(file.kind); }))
    if (Error error = codegen::checkCudaToolkit(options.cuda)) {
      report(Severity::Error, "--target=" + onlyValue(buildCommand, arguments, OPT_target).str() + ": " + toString(std::move(error)));
      throw CommandFailure{UserError};
    }
  return runGuarded([&] {
    parseMLIROptions(arguments);
    ir::StatisticsReport statistics;
    mlir::DefaultTimingManager manager;
    manager.setEnabled(arguments.hasArg(OPT_timing));
    mlir::TimingScope timing = manager.getRootScope();
    ProgramContext context;
    // MLIR prints the IR of whole modules only when passes don't run side by side.
    if (arguments.hasArg(OPT_mlir_option))
      context.get().disableMultithreading();
    auto module = loadProgram(input, ModelOptions::from(arguments), context, timing);
    if (!weights.empty())
      loadWeights(*module, weights, key);
    buildFiles(*module, files, options, timing);
    return Success;
  });
}

const Command buildCommand = {
    "build",
    Build,
    "Compile a model",
    "kiln build MODEL.cpp|MODEL.mlir -o OUT [options]",
    "Compiles a model ahead of time. A single kind of output is written to OUT itself; several (--emit=KIND,...) are written to "
    "OUT\n"
    "with .so, .a, .o, .h, .mlir, .schedule.mlir, .cu, .ll or .s behind it, an executable to OUT. Without --emit, OUT's own ending "
    "decides,\n"
    "and none means an executable.",
    "  kiln build deep_mlp.cpp -o deep_mlp.so\n"
    "  kiln build deep_mlp.cpp -o deep_mlp --emit=static,header --weights=DeepMLP.pt\n"
    "  kiln build deep_mlp.cpp -o deep_mlp && ./deep_mlp --input=x=images.npy --output=logits.npy\n"
    "  kiln build deep_mlp.cpp -o deep_mlp.so --remarks\n"
    "  kiln build deep_mlp.cpp -o deep_mlp.so --target=cuda:sm_80,sm_90\n"
    "  kiln build deep_mlp.cpp -o deep_mlp.mlir && kiln build deep_mlp.mlir -o deep_mlp.so",
    executeBuild,
};

} // namespace kiln::tools
