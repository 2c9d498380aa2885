// Program: loading an artifact and looking at it.
#include "kiln/runtime/program.h"

#include <dlfcn.h>

#include "concat.h"
#include "program_parts.h"

namespace kiln::runtime {

namespace {

std::shared_ptr<const ProgramParts> read(std::string origin, const kiln_program *descriptor,
                                         std::shared_ptr<void> library) {
  auto parts = std::make_shared<ProgramParts>();
  parts->library = std::move(library);
  parts->origin = std::move(origin);
  read_descriptor(*parts, descriptor);
  return parts;
}

void append_arguments(std::string &text, const std::vector<Argument> &arguments) {
  text += '(';
  for (const Argument &argument : arguments) {
    if (&argument != &arguments.front())
      text += ", ";
    text.append(argument.name).append(": ").append(argument.type_text());
  }
  text += ')';
}

} // namespace

std::string Argument::type_text() const {
  return std::string(runtime::name(dtype)).append(" ").append(shape_text);
}

std::string Function::declaration() const {
  std::string text(name);
  append_arguments(text, inputs);
  text += " -> ";
  append_arguments(text, outputs);
  return text;
}

Program Program::load(const std::string &path) {
  const std::string symbol = find_program_symbol(path);
  // Without a slash dlopen would search the library path.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    throw FileError(path, "", std::string("can't be loaded: ") + ::dlerror());
  std::shared_ptr<void> library(handle, [](void *loaded) { ::dlclose(loaded); });
  const auto *descriptor = static_cast<const kiln_program *>(::dlsym(handle, symbol.c_str()));
  if (descriptor == nullptr)
    throw FileError(path, symbol, "can't be found after loading");
  return Program(read(path, descriptor, std::move(library)));
}

Program Program::from(const kiln_program *descriptor) {
  std::string origin = "linked program";
  if (descriptor == nullptr)
    throw FileError(origin, "", "the descriptor is null");
  return Program(read(std::move(origin), descriptor, nullptr));
}

std::string_view Program::name() const { return parts_->descriptor.name; }
std::string_view Program::fingerprint() const { return parts_->descriptor.fingerprint; }
std::string_view Program::target() const { return parts_->descriptor.target; }
const std::string &Program::origin() const { return parts_->origin; }
std::span<const Function> Program::functions() const { return parts_->functions; }
std::span<const State> Program::states() const { return parts_->states; }
std::span<const StateName> Program::state_names() const { return parts_->state_names; }
std::span<const PreparedValue> Program::prepared_values() const { return parts_->prepared; }
std::span<const Prepare> Program::prepares() const { return parts_->prepares; }
std::span<const ModuleEntry> Program::modules() const { return parts_->modules; }
std::span<const Site> Program::sites() const { return parts_->sites; }
std::span<const Gradient> Program::gradients() const { return parts_->gradients; }
std::optional<uint32_t> Program::gradient_flags() const { return parts_->gradient_flags; }
std::span<const OptimizerDescription> Program::optimizers() const { return parts_->optimizers; }
std::optional<uint32_t> Program::generator() const { return parts_->generator; }
const CudaCode *Program::cuda() const { return parts_->cuda ? &*parts_->cuda : nullptr; }
std::vector<InstructionSet> Program::instruction_sets() const { return parts_->instruction_sets; }

std::size_t Program::function_index(std::string_view name) const {
  for (std::size_t i = 0; i < parts_->functions.size(); ++i)
    if (parts_->functions[i].name == name)
      return i;
  std::string message = concat({"program '", this->name(), "' has no function '", name, "'"});
  message += parts_->functions.empty() ? "; it has none" : "; it has ";
  for (const Function &function : parts_->functions)
    message.append(&function == &parts_->functions.front() ? "" : ", ").append(function.name);
  throw KeyError(message);
}

std::size_t Program::optimizer_index(std::string_view name) const {
  for (std::size_t i = 0; i < parts_->optimizers.size(); ++i)
    if (parts_->optimizers[i].name == name)
      return i;
  std::string message = concat({"program '", this->name(), "' has no optimizer '", name, "'"});
  message += parts_->optimizers.empty() ? "; it has none" : "; it has ";
  for (const OptimizerDescription &optimizer : parts_->optimizers)
    message.append(&optimizer == &parts_->optimizers.front() ? "" : ", ").append(optimizer.name);
  throw KeyError(message);
}

std::string_view Program::model_type() const {
  return parts_->modules.empty() ? name() : std::string_view(parts_->modules.front().type);
}

InstructionSet Program::select_instruction_set(InstructionSet wanted) const {
  const auto &sets = parts_->instruction_sets;
  for (auto set = sets.rbegin(); set != sets.rend(); ++set)
    if (*set <= wanted)
      return *set;
  std::string message = origin() + ": holds code for ";
  for (InstructionSet set : sets)
    message.append(set == sets.front() ? "" : ", ").append(runtime::name(set));
  throw Error(concat({message, " only, and ", runtime::name(wanted),
                      " is the most that this CPU or KILN_ISA allows: build it for a lower instruction set"}));
}

} // namespace kiln::runtime
