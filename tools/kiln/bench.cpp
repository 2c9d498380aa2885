//===- bench.cpp - measuring a function of a program ----------------------===//
//
// Calls go through a context with inputs and outputs that are there beforehand, as those of a host in a loop do.
//
//===----------------------------------------------------------------------===//

#include "bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "kiln/runtime/command_options.h"
#include "kiln/semantics/dim_expr.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace kiln::tools {

using runtime::Tensor;
using Clock = std::chrono::steady_clock;

TimeDistribution TimeDistribution::of(std::vector<double> times) {
  sort(times);
  auto quantile = [&](double part) { return times[static_cast<size_t>(part * static_cast<double>(times.size() - 1) + 0.5)]; };
  return {times.front(), quantile(0.1), quantile(0.5), quantile(0.9), quantile(0.99), times.back(), times.size()};
}

const MachinePeak *BenchResult::peakOf(int threads) const {
  auto found = find_if(peaks, [&](const MachinePeak &peak) { return peak.threads == threads; });
  return found == peaks.end() ? nullptr : &*found;
}

namespace {

/// An expression of the descriptor.
double evaluate(std::string_view expression, const Sizes &sizes) {
  const semantics::DimExpr parsed = semantics::DimExpr::parse(expression);
  return static_cast<double>(parsed.evaluate(std::map<std::string, int64_t>(sizes.begin(), sizes.end())));
}

/// Bytes that a call touches: inputs, outputs, states, prepared values, temporaries.
int64_t touchedBytes(const runtime::Program &program, const runtime::Function &function, const Sizes &sizes,
                     ArrayRef<Tensor> inputs, ArrayRef<Tensor> outputs) {
  std::vector<int64_t> symbols, outputSizes(1);
  for (const auto &[name, value] : sizes)
    symbols.push_back(value);
  for (const runtime::Argument &output : function.outputs)
    outputSizes.resize(outputSizes.size() + output.rank);
  int64_t bytes = 0;
  function.descriptor->measure(symbols.data(), outputSizes.data(), &bytes);
  for (ArrayRef<Tensor> tensors : {inputs, outputs})
    for (const Tensor &tensor : tensors)
      bytes += static_cast<int64_t>(tensor.nbytes());
  std::vector<uint32_t> states(function.reads.begin(), function.reads.end());
  append_range(states, function.writes);
  sort(states);
  states.erase(llvm::unique(states), states.end());
  for (uint32_t state : states)
    bytes += static_cast<int64_t>(program.states()[state].bytes);
  for (uint32_t value : function.prepared)
    bytes += static_cast<int64_t>(program.prepared_values()[value].bytes);
  return bytes;
}

/// Measures one function with one number of threads.
class Bench {
public:
  Bench(const runtime::Program &program, const BenchPlan &plan, int threads)
      : program(program), plan(plan), function(*plan.function), threads(threads), model(program, {threads, nullptr}),
        context(model) {
    if (plan.weights)
      model.load_state_dict(runtime::read_weights(*plan.weights, plan.key, /*can_resume=*/false));
  }

  BenchRow measure(const Sizes &sizes) {
    makeInputs(sizes);
    firstCall();
    BenchRow row;
    row.sizes = sizes;
    row.threads = threads;
    // Until caches, the processor's clock and the pool's threads are what they are in a long run.
    timeCalls(plan.seconds / 5);
    row.times = TimeDistribution::of(timeCalls(plan.seconds));
    for (const runtime::Launch &launch : function.launches) {
      row.flops += evaluate(launch.flops, sizes);
      row.bytes += evaluate(launch.bytes, sizes);
    }
    int64_t touched = touchedBytes(program, function, sizes, inputs, outputs);
    row.level = CacheSizes::ofThisMachine().levelOf(touched, threads);
    if (plan.kernels)
      row.launches = measureLaunches(sizes);
    return row;
  }

private:
  void makeInputs(const Sizes &sizes) {
    inputs = plan.inputs;
    for (auto [i, argument] : enumerate(function.inputs)) {
      if (inputs[i].defined())
        continue;
      std::string text = "random:";
      for (auto [d, dim] : enumerate(argument.dims)) {
        int64_t size = dim.symbol < 0 ? dim.value : sizes[dim.symbol].second;
        text += (d ? "x" : "") + std::to_string(size);
      }
      inputs[i] = runtime::read_input(text, argument, i);
    }
  }

  /// Random integers from 0 to 9 may be too large for what they index: then they are 0 and 1, and then 0.
  void firstCall() {
    for (int64_t limit : {10, 2, 1}) {
      try {
        limitIntegers(limit);
        outputs = context.call(function.name, std::span<const Tensor>(inputs));
        break;
      } catch (const runtime::IndexError &) {
        if (limit == 1)
          throw;
      }
    }
    inputViews.assign(inputs.begin(), inputs.end());
    outputViews.assign(outputs.begin(), outputs.end());
  }

  void limitIntegers(int64_t limit) {
    for (auto [given, input] : zip_equal(plan.inputs, inputs)) {
      if (given.defined() || !runtime::is_integral(input.dtype()))
        continue;
      Tensor values = input.to(runtime::DType::Int64);
      for (int64_t i = 0; i < values.numel(); ++i)
        values.data<int64_t>()[i] %= limit;
      input.copy_(values);
    }
  }

  void call(std::span<int64_t> launchNanoseconds = {}) {
    runtime::CallOptions options;
    options.launch_nanoseconds = launchNanoseconds;
    context.call(function.name, std::span<const runtime::TensorView>(inputViews),
                 std::span<const runtime::TensorView>(outputViews), options);
  }

  /// Microseconds of calls for so long, and of five at least.
  std::vector<double> timeCalls(double seconds) {
    std::vector<double> times;
    times.reserve(1 << 16);
    auto stop = Clock::now() + std::chrono::duration<double>(seconds);
    for (auto begin = Clock::now(); times.size() < 5 || begin < stop; begin = Clock::now()) {
      call();
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    return times;
  }

  /// In calls of their own: looking at the clock between launches takes time too, which is taken off again.
  std::vector<LaunchMeasurement> measureLaunches(const Sizes &sizes) {
    double clockTime = INFINITY;
    for (int i = 0; i < 1000; ++i) {
      auto begin = Clock::now();
      clockTime = std::min(clockTime, std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    std::vector<std::vector<double>> times(function.launches.size());
    std::vector<int64_t> nanoseconds(function.launches.size());
    auto stop = Clock::now() + std::chrono::duration<double>(plan.seconds / 2);
    for (size_t calls = 0; !nanoseconds.empty() && (calls < 5 || Clock::now() < stop); ++calls) {
      std::fill(nanoseconds.begin(), nanoseconds.end(), 0);
      call(nanoseconds);
      for (auto [launch, time] : zip_equal(times, nanoseconds))
        launch.push_back(static_cast<double>(time) / 1e3);
    }
    std::vector<LaunchMeasurement> result;
    for (auto [launch, samples] : zip_equal(function.launches, times)) {
      double median = TimeDistribution::of(std::move(samples)).median;
      result.push_back({launch, std::max(median - clockTime, 0.0), evaluate(launch.flops, sizes), evaluate(launch.bytes, sizes)});
    }
    return result;
  }

  const runtime::Program &program;
  const BenchPlan &plan;
  const runtime::Function &function;
  int threads;
  runtime::Model model;
  runtime::Context context;
  std::vector<Tensor> inputs, outputs;
  std::vector<runtime::TensorView> inputViews, outputViews;
};

} // namespace

BenchResult runBench(const runtime::Program &program, const BenchPlan &plan) {
  BenchResult result;
  result.instructionSet = program.select_instruction_set(runtime::requested_instruction_set());
  result.processor = processorName();
  result.caches = CacheSizes::ofThisMachine();
  for (int threads : plan.threads) {
    if (plan.kernels)
      result.peaks.push_back(measurePeak(result.instructionSet, threads, result.caches));
    Bench bench(program, plan, threads);
    for (const Sizes &sizes : plan.sizes)
      result.rows.push_back(bench.measure(sizes));
  }
  return result;
}

} // namespace kiln::tools
