//===- program_builder.cpp - Random programs, one operation at a time -----===//
//
// Implements ProgramBuilder.
//
//===----------------------------------------------------------------------===//

#include "program_builder.h"

#include "kiln/runtime/error.h"

#include <algorithm>
#include <map>

namespace kiln::random {

using runtime::Tensor;

namespace {

// Large enough for several tiles of every kernel, small enough for the reference kernels.
constexpr int64_t kMaxElements = 20'000;
constexpr int64_t kMaxProducts = 4'000'000;
constexpr int64_t kLargestSymbol = 37;

Tensor randomTensor(Random &random, const TensorType &type) {
  std::vector<int64_t> sizes;
  for (const DimExpr &size : type.sizes)
    sizes.push_back(*size.constant());
  Tensor tensor(std::move(sizes), DType::Float64);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data<double>()[i] = runtime::is_floating_point(type.dtype) ? random.real() : static_cast<double>(random.below(2));
  return tensor.to(type.dtype);
}

} // namespace

ProgramBuilder::ProgramBuilder(uint64_t seed) : random(seed) {
  constexpr auto F32 = DType::Float32, F64 = DType::Float64;
  dtype = random.pick({F32, F32, F32, F32, F64, F64, DType::BFloat16, DType::Float16});
  program.name = "random";
  program.modules = {{-1, "", "", "Random", "", "", ""}};
  program.functions.emplace_back();
  function().name = "f";
}

ValueId ProgramBuilder::addValue(TensorType type) {
  function().values.push_back(std::move(type));
  sources.emplace_back();
  return static_cast<ValueId>(function().values.size() - 1);
}

ValueId ProgramBuilder::addInput(TensorType type, int64_t limit) {
  ValueId value = addValue(std::move(type));
  function().inputs.push_back({"x" + std::to_string(inputs.size()), value});
  inputs.push_back({value, limit});
  return value;
}

ValueId ProgramBuilder::addState(const TensorType &type, semantics::StateKind kind) {
  std::string path = "s" + std::to_string(program.states.size());
  if (!runtime::is_floating_point(type.dtype))
    kind = semantics::StateKind::Buffer;
  program.states.push_back({path, kind, kind == semantics::StateKind::Parameter, randomTensor(random, type)});
  program.state_names.push_back({path, path, true});
  return read(path);
}

ValueId ProgramBuilder::read(const std::string &state) {
  auto found = std::ranges::find(program.states, state, &semantics::RecordedState::path);
  ValueId value = addValue(semantics::type_of(found->initial));
  sources[value] = state;
  function().operations.push_back({"nn.read", {}, {{"state", state}}, {value}, "", {}});
  return value;
}

bool ProgramBuilder::binds(std::string_view symbol) const {
  for (const Input &input : inputs)
    for (const DimExpr &size : type(input.value).sizes)
      if (size == DimExpr::symbol(symbol))
        return true;
  return false;
}

std::string ProgramBuilder::stateOf(ValueId value) const { return sources[value]; }

void ProgramBuilder::write(const std::string &state, ValueId value) {
  function().operations.push_back({"nn.write", {value}, {{"state", state}}, {}, "", {}});
}

int64_t ProgramBuilder::largestCount(const std::vector<DimExpr> &sizes) {
  int64_t count = 1;
  for (const DimExpr &size : sizes)
    count *= std::max<int64_t>(1, size.evaluate({{"n", kLargestSymbol}, {"m", kLargestSymbol}}));
  return count;
}

std::optional<std::vector<ValueId>> ProgramBuilder::add(const std::string &name, std::vector<ValueId> operands,
                                                        Attributes attributes) {
  std::vector<std::optional<TensorType>> types;
  for (ValueId operand : operands)
    types.push_back(operand == kAbsent ? std::nullopt : std::optional(type(operand)));
  std::vector<TensorType> results;
  try {
    results = semantics::infer(name, types, attributes);
    for (const TensorType &result : results)
      if (largestCount(result.sizes) > kMaxElements)
        return std::nullopt;
    const semantics::Operation *operation = semantics::find_operation(name);
    if (operation->multiply_adds && largestCount({operation->multiply_adds(types, attributes)}) > kMaxProducts)
      return std::nullopt;
  } catch (const runtime::Error &) {
    return std::nullopt;
  }
  std::vector<ValueId> values;
  for (TensorType &result : results)
    values.push_back(addValue(std::move(result)));
  function().operations.push_back({name, std::move(operands), std::move(attributes), values, "", {}});
  return values;
}

ValueId ProgramBuilder::addOne(const std::string &name, std::vector<ValueId> operands, Attributes attributes) {
  auto results = add(name, std::move(operands), std::move(attributes));
  return results ? results->front() : kAbsent;
}

std::vector<ValueId> ProgramBuilder::addBackward(ValueId loss, const std::vector<ValueId> &targets) {
  std::vector<ValueId> operands = {loss, kAbsent}, results;
  operands.insert(operands.end(), targets.begin(), targets.end());
  for (ValueId target : targets)
    results.push_back(addValue(TensorType(type(target))));
  function().operations.push_back({"nn.backward", std::move(operands), {}, results, "", {}});
  return results;
}

ValueId ProgramBuilder::anyValue(const std::function<bool(const TensorType &)> &fits) {
  std::vector<ValueId> fitting;
  for (size_t value = 0; value < valueCount(); ++value)
    if (fits(function().values[value]))
      fitting.push_back(static_cast<ValueId>(value));
  if (fitting.empty())
    return kAbsent;
  // The better of two: programs become deep rather than wide.
  int64_t count = static_cast<int64_t>(fitting.size());
  return fitting[std::max(random.below(count), random.below(count))];
}

ValueId ProgramBuilder::anyFloating(int64_t lowestRank, int64_t highestRank) {
  return anyValue([=](const TensorType &type) {
    return runtime::is_floating_point(type.dtype) && type.rank() >= lowestRank && type.rank() <= highestRank;
  });
}

void ProgramBuilder::finish(const std::vector<ValueId> &outputs) {
  for (ValueId output : outputs)
    function().outputs.push_back({outputs.size() == 1 ? "output" : "output" + std::to_string(function().outputs.size()), output});
}

} // namespace kiln::random
