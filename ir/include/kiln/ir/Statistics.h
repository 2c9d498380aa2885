//===- Statistics.h - What passes count ---------------------------*- C++ -*-===//
//
// Counters of passes, and the report that MLIR's own option shows. Kiln has its own because distributions build MLIR without those of
// mlir::Pass: they compile, count nothing, and are missing from MLIR's report.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_STATISTICS_H
#define KILN_IR_STATISTICS_H

#include <atomic>
#include <cstdint>

namespace kiln::ir {

/// Something that a pass counts, over all its runs in the process: a static variable of the pass's file. Threads may count at once.
class Statistic {
public:
  /// `pass` is its name on the command line. Both texts live as long as the process.
  Statistic(const char *pass, const char *description);
  Statistic(const Statistic &) = delete;
  Statistic &operator=(const Statistic &) = delete;

  void operator++() { *this += 1; }
  void operator+=(uint64_t count) { value.fetch_add(count, std::memory_order_relaxed); }

private:
  friend class StatisticsReport;
  const char *pass, *description;
  std::atomic<uint64_t> value = 0;
  Statistic *next; // all of the process, the latest first
};

/// At the end of its life prints to stderr what has been counted, if the command line, parsed before its beginning, has
/// --mlir-pass-statistics.
class StatisticsReport {
public:
  StatisticsReport();
  ~StatisticsReport();
  StatisticsReport(const StatisticsReport &) = delete;
  StatisticsReport &operator=(const StatisticsReport &) = delete;

private:
  bool isWanted;
};

} // namespace kiln::ir

#endif // KILN_IR_STATISTICS_H
