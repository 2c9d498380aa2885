//===- agreement.cpp - Compiled programs against the interpreter ----------===//
//
// Implements check: compiling, the spread of rounding, the comparison.
//
//===----------------------------------------------------------------------===//

#include "agreement.h"

#include "compiled_program.h"
#include "kiln/ir/Import.h"
#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Registration.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "kiln/runtime/error.h"
#include "kiln/schedule/Schedule.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace kiln::random {

using runtime::Tensor;

namespace {

// Units in the last place that order of summation, fusion and the approximations of functions may add to the spread.
constexpr double kSlack = 32;
constexpr int kSamples = 4, kCarefulSamples = 48;

struct NoLines : ir::SourceResolver {
  std::optional<ir::SourcePosition> resolve(const semantics::Frames &) override { return std::nullopt; }
};

/// The distance between 1 and the next number of a type.
double epsilon(DType dtype) {
  switch (dtype) {
  case DType::Float16: return 0x1p-10;
  case DType::BFloat16: return 0x1p-7;
  case DType::Float64: return 0x1p-52;
  default: return 0x1p-23;
  }
}

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

/// What a call gives: results, then the states that exist, or an error.
struct Outcome {
  std::vector<Tensor> values;
  std::string refused;
};

class Comparison {
public:
  Comparison(const Case &given, test::CompiledProgram &program) : given(given), program(program) {
    for (const semantics::RecordedArgument &argument : function().inputs)
      inputTypes.push_back(function().values[argument.value]);
    for (const semantics::RecordedArgument &argument : function().outputs)
      resultTypes.push_back(function().values[argument.value].dtype);
    for (const semantics::RecordedState &state : given.program.states)
      resultTypes.push_back(state.initial.dtype());
  }

  /// Calls with the sizes n and m.
  Agreement compare(int64_t n, int64_t m) {
    sizes = "n = " + std::to_string(n) + ", m = " + std::to_string(m);
    makeInputs({{"n", n}, {"m", m}});
    Outcome expected = interpret(0);
    for (const std::string &set : test::runnableInstructionSets()) {
      Outcome one = call(set, 1);
      if (one.refused != expected.refused) {
        std::string differ = set + ", " + sizes + ": the interpreter says '" + expected.refused + "', compiled code '" + one.refused + "'";
        return {expected.refused.empty() ? Fault::Refuses : Fault::Accepts, differ};
      }
      if (!one.refused.empty())
        continue;
      if (Agreement agreement = compare(set, expected, one, kSamples); agreement.fault != Fault::None)
        if (agreement = compare(set, expected, one, kCarefulSamples); agreement.fault != Fault::None)
          return agreement;
      Outcome two = call(set, 2);
      if (two.refused != one.refused)
        return {Fault::Threads, set + ", " + sizes + ": with two threads, '" + two.refused + "'"};
      for (size_t i = 0; i < one.values.size(); ++i)
        if (!test::sameBits(one.values[i], two.values[i]))
          return {Fault::Threads, set + ", " + sizes + ": " + nameOf(i) + " depends on the number of threads"};
      for (const Tensor &value : one.values)
        compared += static_cast<size_t>(value.numel());
    }
    return {};
  }

  /// Elements that have been compared by now.
  size_t compared = 0;

private:
  const semantics::RecordedFunction &function() const { return given.program.functions[0]; }

  std::string nameOf(size_t index) const {
    size_t outputs = function().outputs.size();
    return index < outputs ? "output " + std::to_string(index) : "state " + given.program.states[index - outputs].path;
  }

  void makeInputs(const std::map<std::string, int64_t> &symbols) {
    inputs.clear();
    for (size_t i = 0; i < inputTypes.size(); ++i) {
      std::vector<int64_t> extents;
      for (const DimExpr &size : inputTypes[i].sizes)
        extents.push_back(size.evaluate(symbols));
      inputs.push_back(test::randomTensor(extents, inputTypes[i].dtype, static_cast<uint32_t>(given.seed * 16 + i), given.limits[i]));
    }
  }

  Outcome interpret(uint64_t sample) {
    Random random(sample);
    ir::InterpreterOptions options;
    options.computeInDouble = true;
    if (sample != 0)
      options.rounding = [&](const Tensor &exact, DType dtype) {
        Tensor moved = (random.oneIn(2) ? exact.to(dtype).to(DType::Float64) : exact).clone();
        for (double &value : std::span(moved.data<double>(), static_cast<size_t>(moved.numel())))
          value *= 1 + epsilon(dtype) * random.real();
        return moved;
      };
    ir::StateStore store;
    for (const semantics::RecordedState &state : given.program.states)
      store.set(state.path, state.initial);
    Outcome outcome;
    try {
      outcome.values = ir::interpret(program.source().lookupSymbol<mlir::func::FuncOp>("f"), inputs, store, options);
    } catch (const runtime::Error &error) {
      outcome.refused = firstLine(error.what());
      return outcome;
    }
    for (const semantics::RecordedState &state : given.program.states)
      outcome.values.push_back(store.get(state.path));
    return outcome;
  }

  Outcome call(const std::string &set, int threads) {
    Outcome outcome;
    try {
      runtime::Model model = program.model(set, threads);
      outcome.values = model.call("f", inputs);
      for (const semantics::RecordedState &state : given.program.states)
        for (size_t i = 0; i < model.program().states().size(); ++i)
          if (model.program().states()[i].path == state.path)
            outcome.values.push_back(model.state(i).clone());
    } catch (const runtime::Error &error) {
      outcome.values.clear();
      outcome.refused = firstLine(error.what());
    }
    return outcome;
  }

  Agreement compare(const std::string &set, const Outcome &expected, const Outcome &actual, int samples) {
    std::vector<Outcome> moved;
    for (int i = 1; i <= samples; ++i)
      moved.push_back(interpret(static_cast<uint64_t>(i)));
    for (size_t i = 0; i < actual.values.size(); ++i) {
      std::vector<Tensor> others;
      for (const Outcome &sample : moved)
        if (sample.refused.empty())
          others.push_back(sample.values[i].to(DType::Float64).contiguous());
      std::string difference = differenceOf(actual.values[i], expected.values[i], others, resultTypes[i]);
      if (!difference.empty())
        return {Fault::Differs, set + ", " + sizes + ": " + nameOf(i) + difference};
    }
    return {};
  }

  /// Empty where the values agree.
  static std::string differenceOf(const Tensor &actual, const Tensor &expected, const std::vector<Tensor> &others, DType dtype) {
    if (!std::ranges::equal(actual.sizes(), expected.sizes()))
      return " has the shape " + actual.shape_text() + ", expected " + expected.shape_text();
    Tensor a = actual.to(DType::Float64).contiguous(), e = expected.to(DType::Float64).contiguous();
    std::span<const double> found(a.data<double>(), a.numel()), exact(e.data<double>(), e.numel());
    double spread = 0, scale = 0;
    for (size_t i = 0; i < exact.size(); ++i)
      for (const Tensor &other : others)
        if (double distance = std::abs(other.data<double>()[i] - exact[i]); std::isfinite(distance)) {
          spread = std::max(spread, distance);
          scale = std::max(scale, std::abs(exact[i]));
        }
    double allowed = kSlack * (spread + (runtime::is_floating_point(dtype) ? epsilon(dtype) * scale + std::numeric_limits<float>::min() : 0));
    for (size_t i = 0; i < exact.size(); ++i) {
      // What rounding makes infinite, or another integer, says nothing.
      bool settled = true;
      for (const Tensor &other : others) {
        double value = other.data<double>()[i];
        settled &= runtime::is_floating_point(dtype) ? std::isnan(value) == std::isnan(exact[i]) && std::isinf(value) == std::isinf(exact[i])
                                                     : value == exact[i];
      }
      bool same = found[i] == exact[i] || (std::isnan(found[i]) && std::isnan(exact[i])) || std::abs(found[i] - exact[i]) <= allowed;
      if (settled && !same)
        return "[" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", expected " + std::to_string(exact[i]) + " within " +
               std::to_string(allowed);
    }
    return "";
  }

  const Case &given;
  test::CompiledProgram &program;
  std::vector<TensorType> inputTypes;
  std::vector<DType> resultTypes;
  std::vector<Tensor> inputs;
  std::string sizes;
};

} // namespace

Case caseOf(const ProgramBuilder &builder, uint64_t seed) {
  Case result{builder.program, {}, seed};
  for (const Input &input : builder.inputs)
    result.limits.push_back(input.limit);
  return result;
}

std::string textOf(const semantics::RecordedProgram &program, std::string &message) {
  mlir::DialectRegistry registry;
  ir::registerDialects(registry);
  passes::registerInterfaceModels(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str() + "\n";
    return mlir::success();
  });
  NoLines lines;
  mlir::OwningOpRef<mlir::ModuleOp> module = ir::importProgram(program, context, lines);
  if (!module)
    return "";
  mlir::PassManager manager(&context);
  manager.addPass(passes::createResolveShapesPass());
  manager.addNestedPass<mlir::func::FuncOp>(passes::createDifferentiatePass());
  if (failed(manager.run(*module)))
    return "";
  // Large values have no text; they are set before a call.
  for (auto state : module->getOps<ir::StateOp>())
    state.removeInitialAttr();
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, mlir::OpPrintingFlags().useLocalScope());
  return text;
}

Agreement check(const Case &given) {
  std::string message, text = textOf(given.program, message);
  if (text.empty())
    return {Fault::DoesNotCompile, message};
  Random random(given.seed);
  test::CompiledProgram program(text, random.oneIn(4) ? test::Optimize::No : test::Optimize::Yes);
  if (!program.ok())
    return {Fault::DoesNotCompile, program.message()};
  for (const semantics::RecordedState &state : given.program.states)
    program.setState(state.path, state.initial);
  Comparison comparison(given, program);
  for (int i = 0; i < 3; ++i) {
    int64_t n = random.pick<int64_t>({0, 1, 1, 2, 3, 5, 8, 17, 33, 37}), m = random.pick<int64_t>({1, 2, 3, 7, 16, 37});
    if (Agreement agreement = comparison.compare(n, m); agreement.fault != Fault::None)
      return agreement;
  }
  return {.compared = comparison.compared};
}

} // namespace kiln::random
