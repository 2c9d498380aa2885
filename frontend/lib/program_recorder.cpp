// Recording the functions of a program.
#include "program_recorder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "arithmetic_trap.h"
#include "errors.h"
#include "kiln/semantics/generator.h"
#include "kiln/semantics/window_error.h"

namespace kiln::detail {

using nn::detail::ModuleAccess;
using semantics::DimExpr;

namespace {

// Stand-in numbers, by which expressions in sizes are told apart. The first two runs suggest them. Every name's two numbers
// differ in their remainders by 2, 3, 5 and 7, and are far enough apart that a quotient has one divisor; the names' order is
// reversed, so that min, max and comparisons of two sizes show. The other runs check them: small numbers find code that clamps or
// decides by a size, large ones what fits by coincidence. No product of four overflows.
constexpr int64_t kFirstRun = 1009, kSecondRun = 30018, kLargeRun = 40009, kSmallRun = 2, kMiddleRun = 23;

int64_t next_prime(int64_t number) {
  for (;; ++number) {
    bool prime = number >= 2;
    for (int64_t d = 2; d * d <= number && prime; ++d)
      prime = number % d != 0;
    if (prime)
      return number;
  }
}

// The next number downwards that leaves other remainders than `other`.
int64_t unlike(int64_t other, int64_t number) {
  const auto alike = [&](int64_t divisor) { return number % divisor == other % divisor; };
  while (alike(2) || alike(3) || alike(5) || alike(7))
    --number;
  return number;
}

std::map<std::string, int64_t> stand_in_numbers(const std::vector<Input> &inputs, int64_t from) {
  std::map<std::string, int64_t> numbers;
  const bool is_second = from == kSecondRun;
  int64_t first = kFirstRun; // what the name had in the first run
  for (const Input &input : inputs)
    for (const Dim &dim : input.dims)
      if (dim.is_named() && !numbers.count(dim.name())) {
        first = next_prime(first);
        from = is_second ? unlike(first, from) : next_prime(from);
        numbers.emplace(dim.name(), from);
        first += 1;
        from += is_second ? -1 : 1;
      }
  return numbers;
}

bool is_identifier(const std::string &name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Puts back the modes, the requires_grad flags and the grad mode that a function changes.
class FlagsGuard {
public:
  FlagsGuard() {
    for (nn::Module *module : ModuleAccess::live_modules()) {
      training_.emplace_back(module, ModuleAccess::training(*module));
      for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*module))
        if (slot->impl)
          requires_grad_.emplace_back(slot->impl, slot->impl->requires_grad);
    }
  }
  ~FlagsGuard() {
    const std::vector<nn::Module *> live = ModuleAccess::live_modules();
    for (const auto &[module, training] : training_)
      if (std::find(live.begin(), live.end(), module) != live.end())
        ModuleAccess::set_training(*module, training);
    for (const auto &[impl, value] : requires_grad_)
      impl->requires_grad = value;
    grad_mode() = grad_mode_;
  }

private:
  std::vector<std::pair<nn::Module *, bool>> training_;
  std::vector<std::pair<TensorImplPtr, bool>> requires_grad_;
  bool grad_mode_ = grad_mode();
};

thread_local ProgramRecorder *current_program = nullptr;

bool is_same(const recording::Diagnostic &a, const recording::Diagnostic &b) {
  return a.message == b.message && a.frames == b.frames;
}

} // namespace

ProgramRecorder::ProgramRecorder(std::string name, EndOfBlock end)
    : name_(std::move(name)), given_(std::move(end)), first_sequence_(ModuleAccess::next_sequence_number()) {}
ProgramRecorder::~ProgramRecorder() = default;

ProgramRecorder *ProgramRecorder::current() { return current_program; }

bool ProgramRecorder::is_registered(const TensorImplPtr &tensor) {
  for (nn::Module *module : ModuleAccess::live_modules())
    for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*module))
      if (slot->impl == tensor)
        return true;
  return false;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void ProgramRecorder::check_inputs(const std::string &name, const std::vector<Input> &inputs, std::size_t arity) const {
  if (!is_identifier(name))
    fail("function name '" + name +
         "' is no identifier\nthe generated header declares a function of this name: use letters, digits and "
         "underscores");
  for (const Function &other : functions_)
    if (other.merged.function.name == name)
      fail<runtime::KeyError>("function '" + name + "' already exists in program '" + name_ +
                              "'\ngive each function a name of its own");
  if (inputs.empty())
    fail("function '" + name + "' has no inputs\nname each input and its dimensions: {{\"x\", {\"batch\", 784}}}");
  if (inputs.size() != arity)
    fail("function '" + name + "' declares " + std::to_string(inputs.size()) + " input" + (inputs.size() == 1 ? "" : "s") +
         ", but the code takes " + std::to_string(arity) + " tensor" + (arity == 1 ? "" : "s") +
         "\ndeclare one {name, {dimensions}} for each");
  std::set<std::string> names;
  for (const Input &input : inputs) {
    if (!is_identifier(input.name))
      fail("input name '" + input.name + "' of function '" + name + "' is no identifier\nuse letters, digits and underscores");
    if (!names.insert(input.name).second)
      fail<runtime::KeyError>("function '" + name + "' has two inputs '" + input.name + "'\ngive each input a name of its own");
    for (const Dim &dim : input.dims) {
      if (!dim.name().empty() && !is_identifier(dim.name()))
        fail("dimension '" + dim.name() + "' of input '" + input.name +
             "' is no name\nuse letters, digits and underscores, or a number");
      if (dim.name().empty() && dim.value() < 0)
        fail("dimension " + std::to_string(dim.value()) + " of input '" + input.name +
             "' is negative\ngive a size that is known only at "
             "run time a name, such as \"batch\"");
    }
  }
}

Modes ProgramRecorder::current_modes() const {
  Modes modes;
  for (nn::Module *module : ModuleAccess::live_modules())
    if (ModuleAccess::sequence_number(*module) >= first_sequence_)
      modes.emplace(ModuleAccess::sequence_number(*module) - first_sequence_, ModuleAccess::training(*module));
  return modes;
}

Flags ProgramRecorder::current_flags() const {
  Flags flags;
  for (nn::Module *module : ModuleAccess::live_modules()) {
    const uint64_t number = ModuleAccess::sequence_number(*module);
    const std::vector<std::shared_ptr<TensorSlot>> slots = ModuleAccess::slots(*module);
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (number >= first_sequence_ && slots[i]->impl)
        flags.emplace(std::pair(number - first_sequence_, i), slots[i]->impl->requires_grad);
  }
  return flags;
}

void ProgramRecorder::set_end_of_block() const {
  for (nn::Module *module : ModuleAccess::live_modules()) {
    const uint64_t number = ModuleAccess::sequence_number(*module) - first_sequence_;
    if (auto mode = given_.modes.find(number); mode != given_.modes.end())
      ModuleAccess::set_training(*module, mode->second);
    const std::vector<std::shared_ptr<TensorSlot>> slots = ModuleAccess::slots(*module);
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (auto flag = given_.flags.find({number, i}); flag != given_.flags.end() && slots[i]->impl)
        slots[i]->impl->requires_grad = flag->second;
  }
}

Trace ProgramRecorder::record_once(const std::string &name, const std::vector<Input> &inputs,
                                   const std::vector<std::string> &outputs, const Body &body,
                                   const std::map<std::string, int64_t> &symbols) {
  ++runs_;
  set_end_of_block();
  refresh_states();
  const std::vector<double> learning_rates = training_.learning_rates();

  Recorder recorder(*this, symbols, static_cast<int64_t>(functions_.size()) << 16);
  std::vector<Tensor> arguments;
  for (const Input &input : inputs) {
    std::vector<int64_t> sizes;
    for (const Dim &dim : input.dims)
      sizes.push_back(dim.is_named() ? symbols.at(dim.name()) : dim.value());
    arguments.push_back(recorder.add_input(input.name, std::move(sizes), input.dtype));
  }
  const NamedOutputs returned = body(arguments);
  if (returned.empty())
    fail("function '" + name + "' returns no tensors\nreturn what the host program is to get");
  if (!outputs.empty() && outputs.size() != returned.size())
    fail("function '" + name + "' returns " + std::to_string(returned.size()) + " tensors, but " +
         std::to_string(outputs.size()) + " output names are given");
  std::set<std::string> names;
  for (std::size_t i = 0; i < returned.size(); ++i) {
    std::string output = returned[i].first;
    if (!outputs.empty())
      output = outputs[i];
    if (output.empty())
      output = returned.size() == 1 ? "output" : "output" + std::to_string(i);
    if (!is_identifier(output))
      fail("output name '" + output + "' of function '" + name + "' is no identifier\nuse letters, digits and underscores");
    if (!names.insert(output).second)
      fail<runtime::KeyError>("function '" + name + "' has two outputs '" + output + "'\ngive each output a name of its own");
    require(returned[i].second, "a returned output");
    recorder.add_output(output, returned[i].second);
  }
  recorder.settle_training();
  if (training_.learning_rates() != learning_rates)
    fail("function '" + name +
         "' sets the learning rate of an optimizer\nthat would happen once, while recording: set it in the "
         "KILN_PROGRAM block, and let the host program change it between calls");
  return recorder.finish();
}

void ProgramRecorder::add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs,
                                   std::size_t arity, const Body &body) {
  if (Recorder::current())
    fail("function '" + name + "' is declared inside a recorded function\ndeclare it in the KILN_PROGRAM block");
  check_inputs(name, inputs, arity);
  Function function;
  function.modes = current_modes();
  Flags requires_grad = current_flags();
  runs_ = 0;
  const semantics::Frames frames = capture_frames();
  auto traced = [&](const std::map<std::string, int64_t> &numbers) {
    FlagsGuard flags;
    Trace trace = record_once(name, inputs, outputs, body, numbers);
    trace.function.name = name;
    trace.function.frames = frames;
    return trace;
  };
  auto sizes_text = [](const std::map<std::string, int64_t> &numbers) {
    std::string sizes;
    for (const auto &[dim, number] : numbers)
      sizes += (sizes.empty() ? "" : ", ") + dim + " = " + std::to_string(number);
    return sizes;
  };
  std::vector<Trace> traces;
  std::vector<EdgeRun> edges;
  const std::map<std::string, int64_t> first = stand_in_numbers(inputs, kFirstRun);
  traces.push_back(traced(first));
  const auto traced_from = [&](int64_t from) {
    while (true) {
      const std::map<std::string, int64_t> numbers = stand_in_numbers(inputs, from);
      try {
        return traced(numbers);
      } catch (const runtime::Error &error) {
        // Calls with sizes that no window fits are refused, so they need not be tried: larger ones stand in.
        from = 2 * from + 1;
        if (dynamic_cast<const semantics::WindowError *>(&error) && from < kFirstRun)
          continue;
        rethrow_with(error, std::string(error.what()) + "\nthis happens with " + sizes_text(numbers) + ": function '" + name +
                                "' must work for every size of its named dimensions");
      }
    }
  };
  if (!first.empty())
    for (int64_t from : {kSecondRun, kLargeRun, kSmallRun, kMiddleRun})
      traces.push_back(traced_from(from));
  for (const auto &[dim, number] : first)
    for (int64_t size : {int64_t{0}, int64_t{1}}) {
      std::map<std::string, int64_t> numbers = first;
      numbers[dim] = size;
      EdgeRun edge{dim, size, std::nullopt, "", frames};
      FlagsGuard flags;
      Recorder::Scope scope;
      const bool divided = without_division_by_zero([&] {
        try {
          edge.trace = traced(numbers);
        } catch (const runtime::Error &error) {
          edge.error = error.what();
          if (!error.frames.empty())
            edge.frames = error.frames;
        }
      });
      if (!divided)
        edge.error = "integer division by zero in the model's code";
      edges.push_back(std::move(edge));
    }
  function.aliasing = traces.front().aliasing;
  function.merged = merge_traces(traces, edges);
  for (std::size_t condition : function.merged.special_sizes) {
    const semantics::RecordedCondition &special = function.merged.function.conditions[condition];
    recording::Diagnostic diagnostic;
    diagnostic.message = special.message + "; such calls are refused";
    diagnostic.frames = special.frames;
    diagnostics_.push_back({std::move(diagnostic), nullptr});
  }
  if (differentiates(function.merged.function))
    function.flags = std::move(requires_grad);
  functions_.push_back(std::move(function));
}

bool ProgramRecorder::run(void (*body)(Program &)) {
  struct Current { // while the block runs
    ProgramRecorder *previous;
    ~Current() { current_program = previous; }
  } current{std::exchange(current_program, this)};
  semantics::default_generator().manual_seed(semantics::kDefaultSeed);
  Program program(*this);
  body(program);
  generator_seed_ = static_cast<int64_t>(semantics::default_generator().initial_seed());
  if (functions_.empty())
    fail("program '" + name_ +
         "' has no functions\ndeclare one: program.function(\"predict\", {{\"x\", {\"batch\", 784}}}, [&](Tensor x) "
         "{ return model(x); })");
  if (!given_.empty())
    return true;
  const auto compare = [](const auto &recorded, const auto &now, auto &changed) {
    for (const auto &[key, value] : recorded)
      if (auto end = now.find(key); end != now.end() && end->second != value)
        changed[key] = end->second;
  };
  const Modes modes = current_modes();
  const Flags flags = current_flags();
  for (const Function &function : functions_) {
    compare(function.modes, modes, end_.modes);
    compare(function.flags, flags, end_.flags);
  }
  return end_.empty();
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

void ProgramRecorder::warn(const std::string &message, nn::Module *running, semantics::Frames frames) {
  if (runs_ > 1)
    return; // the first run has said so, and knows sizes by their names
  recording::Diagnostic diagnostic;
  diagnostic.message = message;
  diagnostic.frames = frames.empty() ? capture_frames() : std::move(frames);
  const bool is_said = std::any_of(diagnostics_.begin(), diagnostics_.end(), [&](const PendingDiagnostic &other) {
    return is_same(other.diagnostic, diagnostic) && other.module == running;
  });
  if (!is_said) // a loop comes by again and again
    diagnostics_.push_back({std::move(diagnostic), running});
}

void ProgramRecorder::warn_if_differentiated(const std::string &message, semantics::Frames frames) {
  if (runs_ > 1)
    return;
  recording::Diagnostic diagnostic;
  diagnostic.message = message;
  diagnostic.frames = std::move(frames);
  if (std::none_of(if_differentiated_.begin(), if_differentiated_.end(),
                   [&](const recording::Diagnostic &other) { return is_same(other, diagnostic); }))
    if_differentiated_.push_back(std::move(diagnostic));
}

void ProgramRecorder::report_baked_constant(const TensorImpl &impl, nn::Module *running) {
  if (std::find(reported_origins_.begin(), reported_origins_.end(), impl.origin) != reported_origins_.end())
    return;
  reported_origins_.push_back(impl.origin);
  recording::Diagnostic diagnostic;
  diagnostic.message = "a tensor " + runtime::shape_text(impl.origin->sizes) + " of " +
                       std::string(runtime::name(impl.origin->dtype)) +
                       " that is not registered is baked into the program as a constant; register it with register_buffer or "
                       "register_parameter";
  diagnostic.frames = capture_frames();
  diagnostic.notes.push_back({"the tensor is made here", impl.origin->frames});
  diagnostics_.push_back({std::move(diagnostic), running});
}

} // namespace kiln::detail
