//===- bench_command.cpp - kiln bench -------------------------------------===//
//
// Reads the command line into a BenchPlan, and runs it on an artifact, or on a model that is compiled first.
//
//===----------------------------------------------------------------------===//

#include "bench.h"
#include "build.h"
#include "command_line.h"
#include "crash_guard.h"
#include "kiln/runtime/command_options.h"
#include "kiln/runtime/spelling.h"
#include "model_loader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

/// What the command line asks for, before any file is read.
struct BenchRequest {
  std::string path;
  std::optional<std::string> function, weights;
  std::string key;
  std::vector<std::string> inputs;
  /// Of --size, and of --batch as "batch".
  std::vector<std::pair<std::string, std::vector<int64_t>>> sizes;
  std::vector<int> threads = {1};
  double seconds = 1;
  bool kernels = false;
  std::string json;
};

/// "1,32,256" of an option.
static std::vector<int64_t> parseList(StringRef option, StringRef list, int64_t most) {
  std::vector<int64_t> values;
  for (StringRef word : split(list, ',')) {
    int64_t value;
    if (word.getAsInteger(10, value) || value < 0 || value > most)
      failUsage("bench", option + "=" + list + ": expected whole numbers up to " + Twine(most) + ", with commas between them");
    values.push_back(value);
  }
  return values;
}

static void addSizes(BenchRequest &request, StringRef option, StringRef name, StringRef list) {
  if (is_contained(make_first_range(request.sizes), name))
    failUsage("bench", option + ": size '" + name + "' is given twice");
  request.sizes.emplace_back(name, parseList(option, list, int64_t{1} << 40));
}

static BenchRequest parse(const opt::InputArgList &arguments) {
  BenchRequest request;
  std::vector<std::string> positional = arguments.getAllArgValues(OPT_INPUT);
  if (positional.empty())
    failUsage("bench", "no artifact or model given");
  if (positional.size() > 2)
    failUsage("bench", "one function at a time: '" + positional[1] + "' and '" + positional[2] + "'");
  request.path = positional.front();
  if (positional.size() == 2)
    request.function = positional.back();
  if (StringRef weights = onlyValue(benchCommand, arguments, OPT_weights); !weights.empty())
    request.weights = weights.str();
  request.key = onlyValue(benchCommand, arguments, OPT_key).str();
  if (!request.key.empty() && !request.weights)
    failUsage("bench", "--key needs --weights=FILE, whose state_dict it picks");
  request.inputs = arguments.getAllArgValues(OPT_input);
  if (StringRef batches = onlyValue(benchCommand, arguments, OPT_batch); !batches.empty())
    addSizes(request, "--batch", "batch", batches);
  for (const std::string &size : arguments.getAllArgValues(OPT_size)) {
    auto [name, list] = StringRef(size).split('=');
    if (name.empty() || list.empty())
      failUsage("bench", "--size=" + size + ": expected NAME=N,...");
    addSizes(request, ("--size=" + name).str(), name, list);
  }
  if (StringRef threads = onlyValue(benchCommand, arguments, OPT_threads); !threads.empty()) {
    request.threads.clear();
    for (int64_t count : parseList("--threads", threads, 1024)) {
      if (count == 0 || is_contained(request.threads, count))
        failUsage("bench", "--threads=" + threads + ": expected different numbers from 1 on");
      request.threads.push_back(static_cast<int>(count));
    }
  }
  if (StringRef seconds = onlyValue(benchCommand, arguments, OPT_seconds); !seconds.empty())
    if (seconds.getAsDouble(request.seconds) || !(request.seconds > 0 && request.seconds <= 3600))
      failUsage("bench", "--seconds=" + seconds + ": expected a number above 0, up to 3600");
  request.kernels = arguments.hasArg(OPT_kernels);
  request.json = onlyValue(benchCommand, arguments, OPT_json).str();
  return request;
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

/// Sizes that inputs from files have; a mismatch is for the call to report.
static std::map<std::string, int64_t> sizesOf(const runtime::Function &function, ArrayRef<runtime::Tensor> inputs) {
  std::map<std::string, int64_t> sizes;
  for (auto [argument, input] : zip_equal(function.inputs, inputs))
    if (input.defined() && input.dim() == argument.rank)
      for (auto [d, dim] : enumerate(argument.dims))
        if (dim.symbol >= 0)
          sizes.try_emplace(std::string(function.symbols[dim.symbol]), input.size(d));
  return sizes;
}

static std::vector<Sizes> allSizes(const BenchRequest &request, const runtime::Function &function,
                                   ArrayRef<runtime::Tensor> inputs) {
  for (const auto &[name, values] : request.sizes)
    if (!is_contained(function.symbols, name))
      throw runtime::UsageError("size '" + name + "': " + std::string(function.name) + " has no such size" +
                                runtime::suggestion(name, function.symbols) +
                                "\n  its sizes are: " + runtime::list(function.symbols));
  std::map<std::string, int64_t> given = sizesOf(function, inputs);
  std::vector<Sizes> result(1);
  for (std::string_view view : function.symbols) {
    std::string symbol(view);
    std::vector<int64_t> values = {1};
    auto wanted = find_if(request.sizes, [&](const auto &size) { return size.first == symbol; });
    if (wanted != request.sizes.end())
      values = wanted->second;
    if (auto fixed = given.find(symbol); fixed != given.end()) {
      if (wanted != request.sizes.end() && values != std::vector{fixed->second})
        throw runtime::UsageError("size '" + symbol + "' is " + std::to_string(fixed->second) +
                                  " in a given input, and --size asks for " +
                                  join(map_range(values, [](int64_t value) { return std::to_string(value); }), ", "));
      values = {fixed->second};
    }
    std::vector<Sizes> extended;
    for (const Sizes &sizes : result)
      for (int64_t value : values) {
        extended.push_back(sizes);
        extended.back().emplace_back(symbol, value);
      }
    result = std::move(extended);
  }
  return result;
}

static BenchPlan makePlan(const runtime::Program &program, const BenchRequest &request) {
  BenchPlan plan;
  plan.function = &runtime::choose_function(program, request.function);
  plan.inputs.resize(plan.function->inputs.size());
  for (const std::string &text : request.inputs) {
    auto [index, tensor] = runtime::read_argument("--input", text, plan.function->name, plan.function->inputs, plan.inputs);
    plan.inputs[index] = std::move(tensor);
  }
  plan.sizes = allSizes(request, *plan.function, plan.inputs);
  plan.threads = request.threads;
  plan.seconds = request.seconds;
  plan.kernels = request.kernels;
  plan.weights = request.weights;
  plan.key = request.key;
  return plan;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static void writeFile(StringRef path, StringRef content) {
  std::error_code error;
  raw_fd_ostream file(path, error);
  if (!error) {
    file << content;
    file.flush();
    error = file.error();
    file.clear_error();
  }
  if (error)
    throw runtime::FileError(path.str(), "", "can't be written: " + error.message());
}

/// `origin` is what the user named: the artifact itself, or the model that it was compiled from.
static int benchArtifact(const std::string &artifact, StringRef origin, const BenchRequest &request) {
  // Loading runs its constructors, so that belongs to it.
  ArtifactScope scope(artifact, origin);
  runtime::Program program = runtime::Program::load(artifact);
  try {
    BenchPlan plan = makePlan(program, request);
    BenchResult result = runBench(program, plan);
    printBench(origin, plan, result);
    if (!request.json.empty())
      writeFile(request.json, benchJson(origin, program, plan, result));
  } catch (const runtime::UsageError &error) {
    failUsage("bench", error.what());
  }
  return Success;
}

static int executeBench(const opt::InputArgList &arguments) {
  BenchRequest request = parse(arguments);
  if (kindOf(request.path) == InputKind::Artifact)
    return runGuarded([&] { return benchArtifact(request.path, request.path, request); });
  return runGuarded([&] {
    mlir::TimingScope noTiming;
    ProgramContext context;
    auto module = loadProgram(request.path, ModelOptions::from(arguments), context, noTiming);
    SmallString<128> artifact(temporaryFolder());
    sys::path::append(artifact, "program.so");
    buildArtifact(*module, artifact, noTiming);
    return benchArtifact(artifact.str().str(), request.path, request);
  });
}

const Command benchCommand = {
    "bench",
    Bench,
    "Measure a function of a compiled program or a model",
    "kiln bench ARTIFACT|MODEL.cpp|MODEL.mlir [FUNCTION] [options]",
    "Calls a function again and again, and tells how long a call takes and what that is in operations and bytes a second. "
    "Inputs\n"
    "that are not given are random. With --kernels it does so for each kernel too, and holds it against what this machine could\n"
    "do, which it measures first. A function that changes state, such as a training step, changes that of its own copy.",
    "  kiln bench deep_mlp.so predict --batch=1,32,256 --threads=1,2\n"
    "  kiln bench deep_mlp.so train_step --batch=32 --kernels --json=bench.json\n"
    "  KILN_ISA=v3 kiln bench deep_mlp.so --input=x=images.npy --weights=DeepMLP.pt",
    executeBench,
};

} // namespace kiln::tools
