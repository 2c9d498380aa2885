//===- run_command.cpp - kiln run -----------------------------------------===//
//
// Calls a function of a compiled program. A model's file is compiled first, or interpreted. What comes after the first argument
// is the command line that executables made by Kiln have too (kiln/runtime/run_command.h).
//
//===----------------------------------------------------------------------===//

#include "kiln/runtime/run_command.h"

#include "build.h"
#include "command_line.h"
#include "crash_guard.h"
#include "interpreted_program.h"
#include "model_loader.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace kiln::tools {

/// The part of the command line that is the program's own.
static std::vector<std::string> programArguments(StringRef path, ArrayRef<std::string> positional,
                                                 const opt::InputArgList &arguments) {
  std::vector<std::string> result = {("kiln run " + path).str()};
  result.insert(result.end(), positional.begin(), positional.end());
  for (const opt::Arg *argument : arguments.filtered(OPT_weights, OPT_key, OPT_input, OPT_output, OPT_threads, OPT_repeat))
    result.push_back(argument->getAsString(arguments));
  return result;
}

static int runProgram(const runtime::Program &program, ArrayRef<std::string> arguments) {
  std::vector<const char *> words;
  for (const std::string &argument : arguments)
    words.push_back(argument.c_str());
  return runtime::run_command(program, words.size(), words.data());
}

/// `origin` is what the user named: the artifact itself, or the model that it was compiled from.
static int runArtifact(const std::string &artifact, StringRef origin, ArrayRef<std::string> arguments) {
  // Loading runs its constructors, so that belongs to it.
  ArtifactScope scope(artifact, origin);
  return runProgram(runtime::Program::load(artifact), arguments);
}

static int executeRun(const opt::InputArgList &arguments) {
  std::vector<std::string> positional = arguments.getAllArgValues(OPT_INPUT);
  if (positional.empty())
    failUsage("run", "no artifact or model given");
  std::string path = positional.front();
  std::vector<std::string> own = programArguments(path, ArrayRef(positional).drop_front(), arguments);

  bool interpret = arguments.hasArg(OPT_interpret, OPT_interpret_EQ);
  StringRef type = onlyValue(runCommand, arguments, OPT_interpret_EQ);
  if (!type.empty() && type != "f32" && type != "f64")
    failUsage("run", "--interpret=" + type + ": expected f32 or f64");

  if (kindOf(path) == InputKind::Artifact) {
    if (interpret)
      failUsage("run", "--interpret needs a model (.cpp or .mlir); " + path + " is compiled already");
    return runGuarded([&] { return runArtifact(path, path, own); });
  }
  return runGuarded([&]() -> int {
    mlir::TimingScope noTiming;
    ProgramContext context;
    auto module = loadProgram(path, ModelOptions::from(arguments), context, noTiming);
    if (interpret) {
      InterpretedProgram interpreted(*module, type == "f64");
      return runProgram(interpreted.program(), own);
    }
    SmallString<128> artifact(temporaryFolder());
    sys::path::append(artifact, "program.so");
    buildArtifact(*module, artifact, noTiming);
    return runArtifact(artifact.str().str(), path, own);
  });
}

const Command runCommand = {
    "run",
    Run,
    "Call a function of a compiled program or a model",
    "kiln run ARTIFACT|MODEL.cpp|MODEL.mlir [FUNCTION] --input=NAME=FILE ... [options]",
    "Calls a function; it may be left out when there is one only, or only one that changes no weights. Inputs come from files, outputs go to files or are described "
    "on\n"
    "standard output. A model's file is compiled first, or, with --interpret, run by the reference interpreter.",
    "  kiln run deep_mlp.so predict --weights=DeepMLP.pt --input=x=images.npy --output=logits.npy\n"
    "  kiln run deep_mlp.so --input=x=random:32x784 --repeat=1000\n"
    "  kiln run deep_mlp.so --input=x=digits_test.safetensors:images --output=logits.safetensors\n"
    "  kiln run deep_mlp.cpp --interpret=f64 --input=x=random:4x784",
    executeRun,
};

} // namespace kiln::tools
