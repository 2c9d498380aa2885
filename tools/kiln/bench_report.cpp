//===- bench_report.cpp - what was measured, as text and as JSON ----------===//
//
// Rates are of the median call. A part of the peak is the least time that the machine could take, by its measured rate of
// multiply-adds and the bandwidth of the level that holds what a call touches, over the time that was taken.
//
//===----------------------------------------------------------------------===//

#include "bench.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

static StringRef text(std::string_view view) { return StringRef(view.data(), view.size()); }

namespace {
/// What flops and bytes in a number of microseconds amount to.
struct Rates {
  double gflops, gbs;
  std::optional<double> partOfPeak;
  StringRef bound;

  Rates(double flops, double bytes, double microseconds, const MachinePeak *peak, MemoryLevel level)
      : gflops(flops / microseconds / 1e3), gbs(bytes / microseconds / 1e3) {
    if (!peak || flops + bytes == 0)
      return;
    partOfPeak = peak->secondsFor(flops, bytes, level) / (microseconds * 1e-6);
    bound = peak->boundOf(flops, bytes, level);
  }
};
} // namespace

static Rates ratesOf(const BenchRow &row, const BenchResult &result) {
  return Rates(row.flops, row.bytes, row.times.median, result.peakOf(row.threads), row.level);
}
static Rates ratesOf(const LaunchMeasurement &launch, const BenchRow &row, const BenchResult &result) {
  // The clock's resolution: a launch that takes no measurable time has no rates.
  return Rates(launch.flops, launch.bytes, std::max(launch.microseconds, 1e-3), result.peakOf(row.threads), row.level);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// "12345", "123.4", "1.23": four digits or more.
static std::string number(double value) {
  std::string digits;
  raw_string_ostream(digits) << format(value >= 1000 ? "%.0f" : value >= 100 ? "%.1f" : value >= 10 ? "%.2f" : "%.3f", value);
  return digits;
}

static std::string described(const BenchRow &row) {
  std::string result;
  for (const auto &[name, value] : row.sizes)
    result += name + " " + std::to_string(value) + ", ";
  return result + std::to_string(row.threads) + (row.threads == 1 ? " thread" : " threads");
}

static void printTable(ArrayRef<std::vector<std::string>> table, size_t leftColumns) {
  std::vector<size_t> widths(table.front().size());
  for (const std::vector<std::string> &line : table)
    for (auto [width, cell] : zip_equal(widths, line))
      width = std::max(width, cell.size());
  for (const std::vector<std::string> &line : table) {
    std::string row;
    for (auto [i, cell] : enumerate(line)) {
      bool isLeft = i >= line.size() - leftColumns;
      std::string padding(widths[i] - cell.size(), ' ');
      row += "  " + (isLeft ? cell + padding : padding + cell);
    }
    outs() << StringRef(row).rtrim() << "\n";
  }
}

static void printPeak(const MachinePeak &peak) {
  outs() << "peak with " << peak.threads << (peak.threads == 1 ? " thread: " : " threads: ") << number(peak.flops / 1e9)
         << " GFLOP/s, reads of ";
  ListSeparator separator;
  for (MemoryLevel level : allMemoryLevels)
    outs() << separator << nameOf(level) << " " << number(peak.read[static_cast<size_t>(level)] / 1e9);
  outs() << " GB/s\n";
}

static void printLaunches(const BenchRow &row, const BenchResult &result) {
  double total = 0;
  for (const LaunchMeasurement &launch : row.launches)
    total += launch.microseconds;
  Rates rates = ratesOf(row, result);
  outs() << "\n" << described(row) << ": " << number(total) << " us in " << row.launches.size() << " launches";
  if (rates.partOfPeak)
    outs() << "; the call " << number(row.times.median) << " us, " << format("%.0f", *rates.partOfPeak * 100) << " % of the peak";
  outs() << "\n";
  if (row.launches.empty())
    return;
  std::vector<std::vector<std::string>> table = {{"us", "share", "GFLOP/s", "GB/s", "of peak", "bound", "kernel", "module"}};
  for (const LaunchMeasurement &launch : row.launches) {
    Rates rates = ratesOf(launch, row, result);
    auto perCent = [](double part) {
      std::string digits;
      raw_string_ostream(digits) << format("%.0f %%", part * 100);
      return digits;
    };
    table.push_back({number(launch.microseconds), perCent(total > 0 ? launch.microseconds / total : 0), number(rates.gflops),
                     number(rates.gbs), rates.partOfPeak ? perCent(*rates.partOfPeak) : "-",
                     rates.bound.empty() ? "-" : rates.bound.str(), text(launch.launch.kernel).str(),
                     text(launch.launch.module).str()});
  }
  printTable(table, 3);
}

void printBench(StringRef origin, const BenchPlan &plan, const BenchResult &result) {
  outs() << origin << ": " << plan.function->declaration() << "\n"
         << result.processor << ", " << text(runtime::name(result.instructionSet)) << "\n";
  for (const MachinePeak &peak : result.peaks)
    printPeak(peak);
  outs() << "\n";
  std::vector<std::vector<std::string>> table(1);
  for (std::string_view symbol : plan.function->symbols)
    table.front().push_back(text(symbol).str());
  append_range(table.front(), ArrayRef<std::string>{"threads", "calls", "min us", "p10", "p50", "p90", "p99", "max", "calls/s",
                                                    "GFLOP/s", "GB/s"});
  for (const BenchRow &row : result.rows) {
    std::vector<std::string> &line = table.emplace_back();
    for (const auto &[name, value] : row.sizes)
      line.push_back(std::to_string(value));
    const TimeDistribution &times = row.times;
    append_range(line, ArrayRef<std::string>{std::to_string(row.threads), std::to_string(times.calls), number(times.least),
                                             number(times.p10), number(times.median), number(times.p90), number(times.p99),
                                             number(times.greatest), number(1e6 / times.median)});
    bool isKnown = !plan.function->launches.empty();
    Rates rates = ratesOf(row, result);
    line.push_back(isKnown ? number(rates.gflops) : "-");
    line.push_back(isKnown ? number(rates.gbs) : "-");
  }
  printTable(table, 0);
  if (plan.kernels)
    for (const BenchRow &row : result.rows)
      printLaunches(row, result);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

/// Adds what `Rates` has to an object.
static void addRates(json::Object &object, double flops, double bytes, const Rates &rates) {
  object["flops"] = flops;
  object["bytes"] = bytes;
  object["gflops"] = rates.gflops;
  object["gbs"] = rates.gbs;
  if (rates.partOfPeak) {
    object["part_of_peak"] = *rates.partOfPeak;
    object["bound"] = rates.bound.str();
  }
}

static json::Value peakJson(const MachinePeak &peak) {
  json::Object object{{"threads", peak.threads}, {"gflops", peak.flops / 1e9}};
  for (MemoryLevel level : allMemoryLevels)
    object[(nameOf(level) + "_read_gbs").str()] = peak.read[static_cast<size_t>(level)] / 1e9;
  return object;
}

static json::Value rowJson(const BenchRow &row, const BenchPlan &plan, const BenchResult &result) {
  json::Object sizes;
  for (const auto &[name, value] : row.sizes)
    sizes[name] = value;
  const TimeDistribution &times = row.times;
  json::Object object{{"sizes", std::move(sizes)},
                      {"threads", row.threads},
                      {"calls", static_cast<int64_t>(times.calls)},
                      {"microseconds", json::Object{{"min", times.least},
                                                    {"p10", times.p10},
                                                    {"p50", times.median},
                                                    {"p90", times.p90},
                                                    {"p99", times.p99},
                                                    {"max", times.greatest}}},
                      {"calls_per_second", 1e6 / times.median},
                      {"level", nameOf(row.level)}};
  if (!plan.function->launches.empty())
    addRates(object, row.flops, row.bytes, ratesOf(row, result));
  if (plan.kernels) {
    json::Array kernels;
    for (const LaunchMeasurement &launch : row.launches) {
      json::Object entry{
          {"kernel", text(launch.launch.kernel)}, {"module", text(launch.launch.module)}, {"microseconds", launch.microseconds}};
      addRates(entry, launch.flops, launch.bytes, ratesOf(launch, row, result));
      kernels.push_back(std::move(entry));
    }
    object["kernels"] = std::move(kernels);
  }
  return object;
}

std::string benchJson(StringRef origin, const runtime::Program &program, const BenchPlan &plan, const BenchResult &result) {
  json::Array rows, peaks;
  for (const BenchRow &row : result.rows)
    rows.push_back(rowJson(row, plan, result));
  for (const MachinePeak &peak : result.peaks)
    peaks.push_back(peakJson(peak));
  json::Object object{{"artifact", origin},
                      {"program", text(program.name())},
                      {"fingerprint", text(program.fingerprint())},
                      {"function", text(plan.function->name)},
                      {"processor", result.processor},
                      {"instruction_set", text(runtime::name(result.instructionSet))},
                      {"caches", json::Object{{"l1", result.caches.l1}, {"l2", result.caches.l2}, {"l3", result.caches.l3}}},
                      {"rows", std::move(rows)}};
  if (plan.kernels)
    object["peaks"] = std::move(peaks);
  std::string written;
  raw_string_ostream(written) << formatv("{0:2}", json::Value(std::move(object))) << "\n";
  return written;
}

} // namespace kiln::tools
