//===- train_command.cpp - kiln train -------------------------------------===//
//
// Trains a compiled program, or a model, which is compiled first. What comes after the first argument is the command line that
// executables made by Kiln have too, behind the word train (kiln/runtime/train_command.h).
//
//===----------------------------------------------------------------------===//

#include "kiln/runtime/train_command.h"

#include "build.h"
#include "command_line.h"
#include "crash_guard.h"
#include "model_loader.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace kiln::tools {

/// The part of the command line that is the program's own.
static std::vector<std::string> programArguments(StringRef path, ArrayRef<std::string> positional,
                                                 const opt::InputArgList &arguments) {
  std::vector<std::string> result = {("kiln train " + path).str()};
  result.insert(result.end(), positional.begin(), positional.end());
  for (const opt::Arg *argument :
       arguments.filtered(OPT_function, OPT_input, OPT_epochs, OPT_batch_size, OPT_drop_last, OPT_seed, OPT_learning_rate, OPT_weights,
                          OPT_key, OPT_eval, OPT_eval_input, OPT_checkpoint, OPT_resume, OPT_ignore_fingerprint, OPT_save,
                          OPT_summary_gradients, OPT_threads))
    result.push_back(argument->getAsString(arguments));
  return result;
}

/// `origin` is what the user named: the artifact itself, or the model that it was compiled from.
static int trainArtifact(const std::string &artifact, StringRef origin, ArrayRef<std::string> arguments) {
  std::vector<const char *> words;
  for (const std::string &argument : arguments)
    words.push_back(argument.c_str());
  // Loading runs its constructors, so that belongs to it.
  ArtifactScope scope(artifact, origin);
  return runtime::train_command(runtime::Program::load(artifact), words.size(), words.data());
}

static int executeTrain(const opt::InputArgList &arguments) {
  std::vector<std::string> positional = arguments.getAllArgValues(OPT_INPUT);
  if (positional.empty())
    failUsage("train", "no artifact or model given");
  std::string path = positional.front();
  std::vector<std::string> own = programArguments(path, ArrayRef(positional).drop_front(), arguments);
  if (kindOf(path) == InputKind::Artifact)
    return runGuarded([&] { return trainArtifact(path, path, own); });
  return runGuarded([&]() -> int {
    mlir::TimingScope noTiming;
    ProgramContext context;
    auto module = loadProgram(path, ModelOptions::from(arguments), context, noTiming);
    SmallString<128> artifact(temporaryFolder());
    sys::path::append(artifact, "program.so");
    buildArtifact(*module, artifact, noTiming);
    return trainArtifact(artifact.str().str(), path, own);
  });
}

const Command trainCommand = {
    "train",
    Train,
    "Train a compiled program or a model on data",
    "kiln train ARTIFACT|MODEL.cpp|MODEL.mlir --input=NAME=FILE ... --epochs=N --batch-size=N --save=FILE [options]",
    "Calls a function with shuffled mini-batches of data sets, one sample a row. Its first output is the loss. A line tells of each\n"
    "epoch; a checkpoint holds all that training needs to go on with the same bits. A model's file is compiled first.",
    "  kiln train deep_mlp.so --input=x=digits_train.safetensors:images --input=y=digits_train.safetensors:labels \\\n"
    "      --epochs=5 --batch-size=64 --save=weights.safetensors\n"
    "  kiln train deep_mlp.so ... --eval=predict --eval-input=x=digits_test.safetensors:images \\\n"
    "      --eval-input=y=digits_test.safetensors:labels\n"
    "  kiln train deep_mlp.so ... --checkpoint=run.pt            # and after an interruption:\n"
    "  kiln train deep_mlp.so ... --checkpoint=run.pt --resume=run.pt",
    executeTrain,
};

} // namespace kiln::tools
