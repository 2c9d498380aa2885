// The command line of a compiled program.
#include "kiln/runtime/run_command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>

#include "concat.h"
#include "kiln/runtime/command_options.h"
#include "kiln/runtime/files.h"
#include "kiln/runtime/model.h"
#include "kiln/runtime/spelling.h"

namespace kiln::runtime {

namespace {

constexpr OptionHelp kOptions[] = {
    {"--input", "NAME=FILE[:TENSOR]",
     "an input: a .npy or .safetensors file, zeros:32x784, or random:32x784\n"
     "(floats from [0, 1), integers from 0 to 9; the same in every run)"},
    {"--output", "[NAME=]FILE",
     "write an output to a .npy or .safetensors file; without NAME the only\n"
     "output, or all of them into one .safetensors file"},
    {"--weights", "FILE", "load a state_dict (.safetensors or .pt) first"},
    {"--key", "KEY", "where in the .pt of --weights the state_dict is: model in a checkpoint"},
    {"--threads", "N", "threads to run on; all processors unless given"},
    {"--repeat", "N", "call N times and print the median time of a call"},
    {"--help", "", "print this text"},
};

/// What a command line asks for, before anything is read.
struct Request {
  std::optional<std::string> function, weights, key;
  std::vector<std::string> inputs, outputs;
  int threads = 0, repeat = 0;
  bool help = false;
};

Request parse(int argc, const char *const *argv) {
  const CommandLine line = parse_command_line(kOptions, argc, argv);
  Request request;
  if (line.positional.size() > 1)
    throw UsageError(concat({"one function at a time: '", line.positional[0], "' and '", line.positional[1], "'"}));
  if (!line.positional.empty())
    request.function = line.positional.front();
  request.weights = line.value("--weights");
  request.key = line.value("--key");
  if (request.key && !request.weights)
    throw UsageError("--key needs --weights=FILE, whose state_dict it picks");
  request.inputs = line.values("--input");
  request.outputs = line.values("--output");
  if (const auto threads = line.value("--threads"))
    request.threads = parse_count("--threads", *threads, 1024);
  if (const auto repeat = line.value("--repeat"))
    request.repeat = parse_count("--repeat", *repeat, 10000000);
  request.help = line.help;
  return request;
}

/// Which outputs go to which files.
struct OutputFiles {
  std::vector<std::pair<std::size_t, std::string>> arrays;     // output, .npy file
  std::map<std::string, std::vector<std::size_t>> collections; // .safetensors file, outputs
  std::vector<bool> written;
};

OutputFiles plan_outputs(const Function &function, const std::vector<std::string> &texts) {
  OutputFiles files;
  files.written.assign(function.outputs.size(), false);
  for (const std::string &text : texts) {
    const std::size_t equals = text.find('=');
    std::string path = text;
    std::vector<std::size_t> wanted;
    // A path may hold an equals sign too, after a slash.
    if (equals != std::string::npos && text.find('/') > equals) {
      const std::string name = text.substr(0, equals);
      path = text.substr(equals + 1);
      wanted = {index_of(function.outputs, name)};
      const auto names = names_of(function.outputs);
      if (wanted[0] == function.outputs.size())
        throw UsageError(concat({"--output=", text, ": ", function.name, " has no output '", name, "'", suggestion(name, names),
                                 "\n  its outputs are: ", list(names)}));
    } else {
      for (std::size_t i = 0; i < function.outputs.size(); ++i)
        wanted.push_back(i);
    }
    if (path.ends_with(".safetensors")) {
      auto &collection = files.collections[path];
      collection.insert(collection.end(), wanted.begin(), wanted.end());
    } else if (!path.ends_with(".npy")) {
      throw UsageError(concat({"--output=", text, ": expected a file that ends in .npy or .safetensors"}));
    } else if (wanted.size() != 1) {
      throw UsageError(
          concat({"--output=", text, ": a .npy file holds one tensor; name an output: ", list(names_of(function.outputs))}));
    } else {
      files.arrays.emplace_back(wanted[0], path);
    }
    for (std::size_t index : wanted)
      files.written[index] = true;
  }
  return files;
}

void write_outputs(const Function &function, const OutputFiles &files, const std::vector<Tensor> &outputs) {
  for (const auto &[index, path] : files.arrays)
    save_npy(path, outputs[index]);
  for (const auto &[path, indices] : files.collections) {
    StateDict tensors;
    for (std::size_t index : indices)
      tensors.insert(std::string(function.outputs[index].name), outputs[index]);
    save_safetensors(path, tensors);
  }
}

/// Median of the times of `repeat` calls, after the first call has been made.
double median_microseconds(Model &model, const Function &function, std::span<const Tensor> inputs,
                           std::span<Tensor> outputs, int repeat) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(repeat));
  for (int i = 0; i < repeat; ++i) {
    const auto start = Clock::now();
    model.call(function.name, inputs, outputs);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

std::string help_text(const Program &program, const std::string &command, bool trains) {
  std::string text = concat({"Usage: ", command, " [FUNCTION] [OPTIONS]\n",
                             (trains ? concat({"       ", command, " train [OPTIONS]\n"}) : ""),
                             "\nCalls a function of the compiled program '", program.name(),
                             "'. An output that is not written to a file is described.\n",
                             (trains ? concat({"Or trains it on data: ", command, " train --help says how.\n"}) : ""),
                             "\nFunctions:\n"});
  for (const Function &function : program.functions())
    text += concat({"  ", function.declaration(), "\n"});
  text += "\nOptions:\n" + options_text(kOptions);
  return text + "\nExit codes: 0 success, 1 an error in files, shapes or weights, 2 a wrong command line, 3 an internal error.\n";
}

void run(const Program &program, const std::string &command, bool trains, const Request &request) {
  if (request.help)
    return print(help_text(program, command, trains));
  const Function &function = choose_function(program, request.function);
  const OutputFiles files = plan_outputs(function, request.outputs);
  const std::vector<Tensor> inputs = read_inputs(function, request.inputs);
  Model model(program, {request.threads, nullptr});
  if (request.weights)
    model.load_state_dict(read_weights(*request.weights, request.key.value_or(""), /*can_resume=*/false));
  std::vector<Tensor> outputs(function.outputs.size());
  model.call(function.name, std::span<const Tensor>(inputs), std::span<Tensor>(outputs));
  write_outputs(function, files, outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (!files.written[i])
      print(describe(function.outputs[i].name, outputs[i]));
  if (request.repeat != 0) {
    // After the results are out: a function that writes state goes on from there.
    char text[80];
    std::snprintf(text, sizeof text, "%d calls: %.1f us a call (median)\n", request.repeat,
                  median_microseconds(model, function, inputs, outputs, request.repeat));
    print(text);
  }
}

} // namespace

int run_command(const Program &program, int argc, const char *const *argv, bool trains) {
  const std::string command = argc > 0 ? argv[0] : "program";
  return run_guarded(command, [&] { run(program, command, trains, parse(argc, argv)); });
}

} // namespace kiln::runtime
