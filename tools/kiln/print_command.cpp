//===- print_command.cpp - kiln print and kiln summary --------------------===//
//
// Both show a model as it is after lazy modules have their shapes: `print` as PyTorch prints it, `summary` as a table.
//
//===----------------------------------------------------------------------===//

#include <map>

#include "command_line.h"
#include "crash_guard.h"
#include "kiln/ir/Ops.h"
#include "kiln/runtime/module_tree.h"
#include "kiln/runtime/program.h"
#include "model_loader.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

/// The modules of a program in pre-order, each with the number of its own parameters.
static std::vector<runtime::ModuleEntry> moduleEntries(mlir::ModuleOp module) {
  std::vector<runtime::ModuleEntry> entries;
  std::map<std::string, size_t> indices;
  for (auto op : module.getOps<ir::ModuleEntryOp>()) {
    runtime::ModuleEntry entry;
    if (auto parent = op.getParentPath())
      if (auto found = indices.find(parent->str()); found != indices.end())
        entry.parent = found->second;
    entry.name = op.getLeafName().str();
    entry.path = op.getPath().str();
    entry.type = op.getType().str();
    entry.extra_repr = op.getExtraRepr().str();
    entry.output_shape = op.getOutputShape().str();
    entry.multiply_adds = op.getMultiplyAdds().str();
    indices[entry.path] = entries.size();
    entries.push_back(std::move(entry));
  }
  // A state is named by its first path, so a tied parameter counts once, where it appears first.
  for (auto state : module.getOps<ir::StateOp>()) {
    auto owner = indices.find(state.getPath().rsplit('.').first.str());
    if (!state.getPath().contains('.'))
      owner = indices.find("");
    if (state.getKind() != ir::StateKind::Parameter || owner == indices.end())
      continue;
    int64_t elements = state.getTensorType().getNumElements();
    entries[owner->second].parameters += elements;
    if (state.getTrainable())
      entries[owner->second].trainable_parameters += elements;
  }
  return entries;
}

/// Calls `show` with the modules of whatever the only argument names.
static int showModules(const Command &command, const opt::InputArgList &arguments,
                       function_ref<void(ArrayRef<runtime::ModuleEntry>)> show) {
  std::vector<std::string> inputs = arguments.getAllArgValues(OPT_INPUT);
  if (inputs.size() != 1)
    failUsage(command.name, inputs.empty() ? "no model given" : "more than one model given");
  StringRef path = inputs.front();
  if (kindOf(path) == InputKind::Artifact) {
    runtime::Program program = runtime::Program::load(path.str());
    show(ArrayRef(program.modules().data(), program.modules().size()));
    return Success;
  }
  return runGuarded([&] {
    mlir::TimingScope noTiming;
    ProgramContext context;
    auto module = loadProgram(path, ModelOptions::from(arguments), context, noTiming);
    show(moduleEntries(*module));
    return Success;
  });
}

static int executePrint(const opt::InputArgList &arguments) {
  return showModules(printCommand, arguments, [](ArrayRef<runtime::ModuleEntry> modules) {
    if (!modules.empty()) // a program may have functions alone
      outs() << runtime::module_tree_text(modules) << "\n";
  });
}

static int executeSummary(const opt::InputArgList &arguments) {
  return showModules(summaryCommand, arguments,
                     [](ArrayRef<runtime::ModuleEntry> modules) { outs() << runtime::summary_text(modules); });
}

const Command printCommand = {
    "print",
    Print,
    "Print a model as PyTorch prints it",
    "kiln print MODEL.cpp|MODEL.mlir|ARTIFACT [options]",
    "Prints the module tree, exactly as PyTorch's print(model), after lazy modules have their shapes.",
    "  kiln print deep_mlp.cpp\n"
    "  kiln print deep_mlp.so",
    executePrint,
};

const Command summaryCommand = {
    "summary",
    Summary,
    "Show layers, shapes, parameters and multiply-adds",
    "kiln summary MODEL.cpp|MODEL.mlir|ARTIFACT [options]",
    "Shows a table with a row a layer: path and type, output shape, parameters, multiply-adds; and the totals. Sizes that are "
    "known\n"
    "at run time only stay names, such as batch.",
    "  kiln summary deep_mlp.cpp\n"
    "  kiln summary deep_mlp.so",
    executeSummary,
};

} // namespace kiln::tools
