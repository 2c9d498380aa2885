//===- Statistics.cpp - What passes count -------------------------------------===//
//
// Implements Statistic and StatisticsReport.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Statistics.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace kiln::ir {

// Static variables are made before main, on one thread.
static Statistic *latest = nullptr;

Statistic::Statistic(const char *pass, const char *description) : pass(pass), description(description), next(latest) {
  latest = this;
}

// Asked now: LLVM forgets its options when MlirOptMain ends.
StatisticsReport::StatisticsReport() {
  auto &options = llvm::cl::getRegisteredOptions();
  auto option = options.find("mlir-pass-statistics");
  isWanted = option != options.end() && option->second->getNumOccurrences() > 0;
}

StatisticsReport::~StatisticsReport() {
  if (!isWanted)
    return;
  std::vector<const Statistic *> statistics;
  for (const Statistic *statistic = latest; statistic; statistic = statistic->next)
    if (statistic->value > 0)
      statistics.push_back(statistic);
  std::reverse(statistics.begin(), statistics.end());
  std::stable_sort(statistics.begin(), statistics.end(),
                   [](const Statistic *a, const Statistic *b) { return std::strcmp(a->pass, b->pass) < 0; });
  // MLIR has printed the heading of its own report, in which these are missing.
  for (const Statistic *statistic : statistics)
    llvm::errs() << llvm::format("%8llu %-20s - %s\n", static_cast<unsigned long long>(statistic->value.load()), statistic->pass,
                                 statistic->description);
}

} // namespace kiln::ir
