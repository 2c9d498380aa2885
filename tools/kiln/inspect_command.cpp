//===- inspect_command.cpp - kiln inspect ---------------------------------===//
//
// What an artifact holds: functions with their inputs and outputs, state, optimizers and gradients, prepared values, instruction
// sets, fingerprint, sizes.
//
//===----------------------------------------------------------------------===//

#include "command_line.h"
#include "crash_guard.h"
#include "numbers.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/tensor.h"
#include "model_loader.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

static StringRef text(std::string_view view) { return StringRef(view.data(), view.size()); }

static StringRef kindName(runtime::StateKind kind) {
  switch (kind) {
  case runtime::StateKind::Parameter:
    return "parameter";
  case runtime::StateKind::Buffer:
    return "buffer";
  case runtime::StateKind::Optimizer:
    return "optimizer";
  case runtime::StateKind::Gradient:
    return "gradient";
  case runtime::StateKind::Hyperparameter:
    return "hyperparameter";
  case runtime::StateKind::Generator:
    return "generator";
  }
  return "";
}

static void printHead(const runtime::Program &program, StringRef path) {
  std::string sets;
  for (runtime::InstructionSet set : program.instruction_sets())
    sets += (sets.empty() ? "" : ", ") + std::string(runtime::name(set));
  uint64_t size = 0;
  (void)sys::fs::file_size(path, size);
  outs() << "program      " << text(program.name()) << " (" << text(program.model_type()) << ")\n"
         << "file         " << path << ", " << grouped(size) << " bytes\n"
         << "target       " << text(program.target()) << ": " << sets << "\n";
  if (const runtime::CudaCode *cuda = program.cuda()) {
    outs() << "             cuda:";
    for (const runtime::CudaImage &image : cuda->images)
      outs() << (&image == &cuda->images.front() ? " " : ", ") << (image.is_ptx ? "PTX for later than sm_" : "sm_") << image.architecture
             << " (" << grouped(image.bytes.size()) << " bytes)";
    outs() << "\n";
  }
  outs() << "fingerprint  " << text(program.fingerprint()) << "\n";
}

static void printFunctions(const runtime::Program &program) {
  outs() << "\n" << counted(program.functions().size(), "function") << "\n";
  for (const runtime::Function &function : program.functions())
    outs() << "  " << function.declaration() << (function.has_cuda() ? "  [cuda]" : "") << "\n"
           << "      reads " << counted(function.reads.size(), "state") << ", writes " << counted(function.writes.size(), "state")
           << ", uses " << counted(function.prepared.size(), "prepared value") << "\n";
}

/// " float32 [8, 4]  parameter" and what else is to be said of any state.
static void printState(const runtime::State &state) {
  outs() << "  " << text(runtime::name(state.dtype)) << " " << runtime::shape_text(state.sizes) << "  " << kindName(state.kind);
  if (state.trainable)
    outs() << ", trainable";
}

static void printStates(const runtime::Program &program) {
  size_t bytes = 0, width = 0;
  for (const runtime::State &state : program.states())
    bytes += state.bytes;
  for (const runtime::StateName &name : program.state_names())
    width = std::max(width, name.name.size());
  outs() << "\n" << counted(program.states().size(), "state") << ", " << grouped(bytes) << " bytes\n";
  std::vector<StringRef> firstNames(program.states().size());
  for (const runtime::StateName &name : program.state_names()) {
    const runtime::State &state = program.states()[name.state];
    StringRef &firstName = firstNames[name.state];
    bool isTied = !firstName.empty();
    if (!isTied)
      firstName = text(name.name);
    outs() << "  " << left_justify(text(name.name), width);
    printState(state);
    if (!name.persistent)
      outs() << ", not in state_dict";
    if (isTied)
      outs() << ", tied to " << firstName;
    if (!state.initial)
      outs() << ", value outside the artifact";
    outs() << "\n";
  }
  // What training keeps has no name in the module tree.
  auto isHidden = [&](size_t index) { return firstNames[index].empty(); };
  width = 0;
  for (size_t i = 0; i < program.states().size(); ++i)
    if (isHidden(i))
      width = std::max(width, program.states()[i].path.size());
  if (width)
    outs() << "  beside the model:\n";
  for (size_t i = 0; i < program.states().size(); ++i)
    if (isHidden(i)) {
      outs() << "  " << left_justify(text(program.states()[i].path), width);
      printState(program.states()[i]);
      outs() << "\n";
    }
}

static std::string optionText(const runtime::OptionValue &value) {
  auto number = [](double real) {
    std::string digits;
    raw_string_ostream(digits) << format("%g", real);
    return digits;
  };
  if (auto flag = std::get_if<bool>(&value))
    return *flag ? "True" : "False";
  if (auto integer = std::get_if<int64_t>(&value))
    return std::to_string(*integer);
  if (auto real = std::get_if<double>(&value))
    return number(*real);
  if (auto tuple = std::get_if<std::vector<double>>(&value)) {
    std::string list;
    for (double real : *tuple)
      list += (list.empty() ? "" : ", ") + number(real);
    return "(" + list + ")";
  }
  return "None";
}

static void printTraining(const runtime::Program &program) {
  if (program.optimizers().empty() && program.gradients().empty())
    return;
  outs() << "\n"
         << counted(program.optimizers().size(), "optimizer") << ", " << counted(program.gradients().size(), "gradient")
         << " kept between calls\n";
  for (const runtime::OptimizerDescription &optimizer : program.optimizers()) {
    outs() << "  " << text(optimizer.name) << ": " << text(optimizer.type) << "\n";
    for (const runtime::ParameterGroup &group : optimizer.groups) {
      outs() << "      " << counted(group.parameters.size(), "parameter") << ", lr "
             << text(program.states()[group.learning_rate].path);
      for (const auto &[name, value] : group.options)
        outs() << ", " << text(name) << " " << optionText(value);
      outs() << "\n";
      if (group.slots.empty())
        continue;
      outs() << "      keeps ";
      ListSeparator separator;
      for (const runtime::OptimizerSlot &slot : group.slots)
        outs() << separator << text(slot.name);
      outs() << " for each\n";
    }
  }
}

static void printPrepared(const runtime::Program &program) {
  size_t bytes = 0, width = 0;
  for (const runtime::PreparedValue &value : program.prepared_values()) {
    bytes += value.bytes;
    width = std::max(width, value.name.size());
  }
  outs() << "\n" << counted(program.prepared_values().size(), "prepared value");
  if (bytes)
    outs() << ", " << grouped(bytes) << " bytes, computed from states when these change";
  outs() << "\n";
  for (const runtime::PreparedValue &value : program.prepared_values()) {
    outs() << "  " << left_justify(text(value.name), width) << "  " << grouped(value.bytes) << " bytes  from ";
    ListSeparator separator;
    for (uint32_t source : program.prepares()[value.prepare].sources)
      outs() << separator << text(program.states()[source].path);
    outs() << "\n";
  }
}

static int executeInspect(const opt::InputArgList &arguments) {
  std::vector<std::string> inputs = arguments.getAllArgValues(OPT_INPUT);
  if (inputs.size() != 1)
    failUsage("inspect", inputs.empty() ? "no artifact given" : "more than one artifact given");
  if (StringRef path = inputs.front(); kindOf(path) != InputKind::Artifact) {
    std::string stem = sys::path::stem(path).str();
    failUsage("inspect", "'" + path + "' is a model, and this shows what a compiled one holds\n  compile it first: kiln build " + path +
                             " -o " + stem + ".so && kiln inspect " + stem + ".so");
  }
  return runGuarded([&]() -> int {
    ArtifactScope scope(inputs.front(), inputs.front());
    runtime::Program program = runtime::Program::load(inputs.front());
    printHead(program, inputs.front());
    printFunctions(program);
    printStates(program);
    printTraining(program);
    printPrepared(program);
    return Success;
  });
}

const Command inspectCommand = {
    "inspect",
    Inspect,
    "Show what an artifact holds",
    "kiln inspect ARTIFACT",
    "Shows the functions of a compiled program with their inputs and outputs, its state, the values that are prepared from it, "
    "the\n"
    "instruction sets that it has code for, its fingerprint and its sizes. ARTIFACT is a shared library.",
    "  kiln inspect deep_mlp.so",
    executeInspect,
};

} // namespace kiln::tools
