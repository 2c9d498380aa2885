//===- main.cpp - random_programs --------------------------------------------===//
//
// Draws programs, checks each and reduces those with a fault.
//
//   random_programs [--seed=N] [--count=N] [--operations=N] [--findings=DIR] [--print]
//
// Seeds are N, N + 1, ...: one seed, one program, on every machine. Exit status 1 when a program had a fault; its text, reduced, is in
// DIR.
//
//===----------------------------------------------------------------------===//

#include "agreement.h"
#include "recipes.h"

#include "kiln/runtime/error.h"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

using namespace kiln::random;

static const char *nameOf(Fault fault) {
  switch (fault) {
  case Fault::None: return "agrees";
  case Fault::DoesNotCompile: return "does not compile";
  case Fault::Refuses: return "compiled code refuses what the interpreter accepts";
  case Fault::Accepts: return "compiled code does not refuse as the interpreter does";
  case Fault::Differs: return "differs";
  case Fault::Threads: return "depends on the number of threads";
  }
  return "";
}

struct Options {
  uint64_t seed = 1;
  int64_t count = 100, operations = 12;
  std::string findings = "findings";
  bool print = false;
};

static bool parse(std::string_view argument, Options &options) {
  auto number = [&](std::string_view name, auto &value) {
    if (!argument.starts_with(name))
      return false;
    std::string_view digits = argument.substr(name.size());
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value > 0;
  };
  if (argument == "--print")
    return options.print = true;
  if (argument.starts_with("--findings=")) {
    options.findings = argument.substr(11);
    return !options.findings.empty();
  }
  return number("--seed=", options.seed) || number("--count=", options.count) || number("--operations=", options.operations);
}

static void report(const Case &given, uint64_t seed, const Agreement &agreement, const Options &options) {
  std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed), nameOf(agreement.fault), agreement.message.c_str());
  std::fflush(stdout);
  Case smallest = reduce(given, agreement);
  std::string ignored, text = textOf(smallest.program, ignored);
  std::filesystem::create_directories(options.findings);
  std::string path = options.findings + "/" + std::to_string(seed) + ".mlir";
  std::ofstream(path) << "// seed " << seed << " with --operations=" << options.operations << ": " << nameOf(agreement.fault) << "\n// "
                      << check(smallest).message << "\n" << text;
  std::printf("  reduced to %zu operations: %s\n", smallest.program.functions[0].operations.size(), path.c_str());
  std::fflush(stdout);
}

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i)
    if (!parse(argv[i], options)) {
      std::fprintf(stderr, "usage: random_programs [--seed=N] [--count=N] [--operations=N] [--findings=DIR] [--print]\n");
      return 2;
    }
  int64_t faults = 0;
  for (int64_t i = 0; i < options.count; ++i) {
    uint64_t seed = options.seed + static_cast<uint64_t>(i);
    Case given = caseOf(randomProgram(seed, options.operations), seed);
    if (options.print) {
      std::string message;
      std::printf("// seed %llu\n%s%s\n", static_cast<unsigned long long>(seed), textOf(given.program, message).c_str(), message.c_str());
      continue;
    }
    if (Agreement agreement = check(given); agreement.fault != Fault::None) {
      ++faults;
      report(given, seed, agreement, options);
    }
  }
  if (!options.print)
    std::printf("%lld programs, %lld with a fault\n", static_cast<long long>(options.count), static_cast<long long>(faults));
  return faults == 0 ? 0 : 1;
}
