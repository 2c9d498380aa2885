//===- bench.h - measuring a function of a program --------------*- C++ -*-===//
//
// Calls a function again and again and says how long that takes, the call as a whole and launch by launch, and how it compares
// with what the machine could do.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_BENCH_H
#define KILN_TOOLS_KILN_BENCH_H

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kiln/runtime/model.h"
#include "machine_peak.h"
#include "llvm/ADT/ArrayRef.h"

namespace kiln::tools {

/// Values of a function's symbols, in their order.
using Sizes = std::vector<std::pair<std::string, int64_t>>;

/// What is measured, and how.
struct BenchPlan {
  const runtime::Function *function = nullptr;
  /// Undefined where random values are to be made; the sizes of the others are fixed.
  std::vector<runtime::Tensor> inputs;
  /// Each is measured with each number of threads.
  std::vector<Sizes> sizes;
  std::vector<int> threads = {1};
  double seconds = 1;
  bool kernels = false;
  std::optional<std::string> weights;
  std::string key; // where in `weights` the state_dict is
};

/// A distribution of times, in microseconds.
struct TimeDistribution {
  double least = 0, p10 = 0, median = 0, p90 = 0, p99 = 0, greatest = 0;
  size_t calls = 0;

  static TimeDistribution of(std::vector<double> microseconds);
};

/// A launch in measured calls.
struct LaunchMeasurement {
  runtime::Launch launch;
  double microseconds = 0; ///< median
  double flops = 0, bytes = 0;
};

/// One line of the result.
struct BenchRow {
  Sizes sizes;
  int threads = 0;
  TimeDistribution times;
  double flops = 0, bytes = 0;             ///< of all launches; 0 where the artifact tells nothing of them
  MemoryLevel level = MemoryLevel::Memory; ///< that holds all that a call touches
  std::vector<LaunchMeasurement> launches; ///< with BenchPlan::kernels
};

struct BenchResult {
  runtime::InstructionSet instructionSet;
  std::string processor;
  CacheSizes caches;
  std::vector<MachinePeak> peaks; ///< with BenchPlan::kernels: for each number of threads
  std::vector<BenchRow> rows;

  const MachinePeak *peakOf(int threads) const;
};

/// Throws what calls throw.
BenchResult runBench(const runtime::Program &program, const BenchPlan &plan);

/// The result for people, and for programs (see tools/README.md).
void printBench(llvm::StringRef origin, const BenchPlan &plan, const BenchResult &result);
std::string benchJson(llvm::StringRef origin, const runtime::Program &program, const BenchPlan &plan, const BenchResult &result);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_BENCH_H
