//===- weights_command.cpp - kiln weights ---------------------------------===//
//
// What a file of weights holds, and the same in another format.
//
//===----------------------------------------------------------------------===//

#include "command_line.h"
#include "crash_guard.h"
#include "numbers.h"
#include "kiln/runtime/command_options.h"
#include "kiln/runtime/files.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

/// Tensors that share a storage are named with the first of it: tied weights, which every format but safetensors keeps as one.
static void printTensors(const runtime::StateDict &tensors) {
  size_t width = 0;
  for (const auto &[name, tensor] : tensors)
    width = std::max(width, runtime::name_to_show(name).size());
  DenseMap<const void *, StringRef> firstNames;
  uint64_t elements = 0, bytes = 0;
  for (const auto &[name, tensor] : tensors) {
    elements += tensor.numel();
    bytes += tensor.nbytes();
    std::string_view dtype = runtime::name(tensor.dtype());
    outs() << "  " << left_justify(runtime::name_to_show(name), width) << "  " << StringRef(dtype.data(), dtype.size()) << " " << tensor.shape_text();
    if (!tensor.is_contiguous())
      outs() << ", a view";
    if (auto [first, added] = firstNames.try_emplace(tensor.storage().get(), name); !added)
      outs() << ", in the storage of " << runtime::name_to_show(first->second);
    outs() << "\n";
  }
  outs() << counted(tensors.size(), "tensor") << ", " << counted(elements, "element") << ", " << counted(bytes, "byte") << "\n";
}

static void convert(const runtime::StateDict &tensors, StringRef path) {
  if (path.ends_with(".safetensors"))
    runtime::save_safetensors(path.str(), tensors, {{"format", "pt"}});
  else
    runtime::save_torch(path.str(), tensors);
}

static int executeWeights(const opt::InputArgList &arguments) {
  std::vector<std::string> files = arguments.getAllArgValues(OPT_INPUT);
  if (files.size() != 1)
    failUsage("weights", files.empty() ? "no file given" : "more than one file given");
  StringRef key = onlyValue(weightsCommand, arguments, OPT_key), output = onlyValue(weightsCommand, arguments, OPT_convert);
  if (arguments.hasArg(OPT_convert) && !output.ends_with(".safetensors") && !output.ends_with(".pt") && !output.ends_with(".pth"))
    failUsage("weights", "--convert=" + output + ": the file's ending says its format; expected .safetensors, .pt or .pth");
  return runGuarded([&]() -> int {
    runtime::StateDict tensors = runtime::read_weights(files.front(), key.str(), /*can_resume=*/false);
    if (output.empty())
      printTensors(tensors);
    else
      convert(tensors, output);
    return Success;
  });
}

const Command weightsCommand = {
    "weights",
    Weights,
    "Show what a file of weights holds, or convert it",
    "kiln weights FILE [--key=KEY] [--convert=OUT]",
    "Lists the tensors of FILE: a .pt of PyTorch in any version (a state_dict, a checkpoint with one inside, a TorchScript\n"
    "module's), a .safetensors or a .npz. The content decides which, not the name. Nothing that a file says is ever run.",
    "  kiln weights deep_mlp.pt\n"
    "  kiln weights checkpoint.pt --key=model --convert=deep_mlp.safetensors",
    executeWeights,
};

} // namespace kiln::tools
