// The command line of a compiled program.
#include "kiln/runtime/run_command.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>

#include "command_values.h"
#include "kiln/runtime/files.h"
#include "kiln/runtime/model.h"

namespace kiln::runtime {

namespace {

enum ExitCode { kSuccess = 0, kUserError = 1, kUsage = 2, kInternal = 3 };

struct OptionHelp {
  std::string_view name, value, help;
};

constexpr OptionHelp kOptions[] = {
    {"--input", "NAME=FILE[:TENSOR]",
     "an input: a .npy or .safetensors file, zeros:32x784, or random:32x784\n"
     "(floats from [0, 1), integers from 0 to 9; the same in every run)"},
    {"--output", "[NAME=]FILE",
     "write an output to a .npy or .safetensors file; without NAME the only\n"
     "output, or all of them into one .safetensors file"},
    {"--weights", "FILE", "load a state_dict (.safetensors or .pt) first"},
    {"--threads", "N", "threads to run on; all processors unless given"},
    {"--repeat", "N", "call N times and print the median time of a call"},
    {"--help", "", "print this text"},
};

/// What a command line asks for, before anything is read.
struct Request {
  std::optional<std::string> function, weights;
  std::vector<std::string> inputs, outputs;
  int threads = 0, repeat = 0;
  bool help = false;
};

int parse_count(const std::string &option, const std::string &value, int most) {
  int result = 0;
  const char *end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, result);
  if (status != std::errc() || stop != end || result < 1 || result > most)
    throw UsageError(option + "=" + value + ": expected a number from 1 to " + std::to_string(most));
  return result;
}

[[noreturn]] void fail_option(const std::string &name) {
  std::vector<std::string_view> names;
  for (const OptionHelp &option : kOptions)
    names.push_back(option.name);
  throw UsageError("unknown option '" + name + "'" + suggestion(name, names));
}

Request parse(int argc, const char *const *argv) {
  Request request;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("-")) {
      if (request.function)
        throw UsageError("one function at a time: '" + *request.function + "' and '" + argument + "'");
      request.function = argument;
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--help" || name == "-h") {
      request.help = true;
      continue;
    }
    const auto option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                     [&](const OptionHelp &candidate) { return candidate.name == name; });
    if (option == std::end(kOptions))
      fail_option(name);
    if (value.empty())
      throw UsageError(name + " needs a value: " + name + "=" + std::string(option->value));
    if (name == "--input")
      request.inputs.push_back(value);
    else if (name == "--output")
      request.outputs.push_back(value);
    else if (name == "--weights")
      request.weights = value;
    else if (name == "--threads")
      request.threads = parse_count(name, value, 1024);
    else
      request.repeat = parse_count(name, value, 10000000);
  }
  return request;
}

std::vector<std::string_view> names_of(const std::vector<Argument> &arguments) {
  std::vector<std::string_view> names;
  for (const Argument &argument : arguments)
    names.push_back(argument.name);
  return names;
}

std::string list(const std::vector<std::string_view> &names) {
  std::string text;
  for (std::string_view name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text.empty() ? "none" : text;
}

const Function &choose_function(const Program &program, const std::optional<std::string> &wanted) {
  std::vector<std::string_view> names;
  for (const Function &function : program.functions())
    names.push_back(function.name);
  if (!wanted) {
    if (names.size() != 1)
      throw UsageError("name a function; the program has " + list(names));
    return program.functions().front();
  }
  const auto found = std::find(names.begin(), names.end(), *wanted);
  if (found == names.end())
    throw UsageError("the program has no function '" + *wanted + "'" + suggestion(*wanted, names) + "\n  it has " +
                     list(names));
  return program.functions()[static_cast<std::size_t>(found - names.begin())];
}

std::size_t index_of(const std::vector<Argument> &arguments, std::string_view name) {
  return static_cast<std::size_t>(
      std::find_if(arguments.begin(), arguments.end(), [&](const Argument &argument) { return argument.name == name; }) -
      arguments.begin());
}

std::vector<Tensor> read_inputs(const Function &function, const std::vector<std::string> &texts) {
  std::vector<Tensor> inputs(function.inputs.size());
  for (const std::string &text : texts) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::size_t index = index_of(function.inputs, name);
    const auto names = names_of(function.inputs);
    if (equals == std::string::npos || equals + 1 == text.size())
      throw UsageError("--input=" + text + ": expected NAME=FILE; the inputs of " + std::string(function.name) +
                       " are: " + list(names));
    if (index == inputs.size())
      throw UsageError("--input=" + text + ": " + std::string(function.name) + " has no input '" + name + "'" +
                       suggestion(name, names) + "\n  its inputs are: " + list(names));
    if (inputs[index].defined())
      throw UsageError("--input=" + text + ": input '" + name + "' is given twice");
    inputs[index] = read_input(text.substr(equals + 1), function.inputs[index], index);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined())
      throw UsageError("input '" + std::string(function.inputs[i].name) + "' is missing: give --input=" +
                       std::string(function.inputs[i].name) + "=FILE\n  " + function.declaration());
  return inputs;
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
        throw UsageError("--output=" + text + ": " + std::string(function.name) + " has no output '" + name + "'" +
                         suggestion(name, names) + "\n  its outputs are: " + list(names));
    } else {
      for (std::size_t i = 0; i < function.outputs.size(); ++i)
        wanted.push_back(i);
    }
    if (path.ends_with(".safetensors")) {
      auto &collection = files.collections[path];
      collection.insert(collection.end(), wanted.begin(), wanted.end());
    } else if (!path.ends_with(".npy")) {
      throw UsageError("--output=" + text + ": expected a file that ends in .npy or .safetensors");
    } else if (wanted.size() != 1) {
      throw UsageError("--output=" + text + ": a .npy file holds one tensor; name an output: " +
                       list(names_of(function.outputs)));
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

std::string help_text(const Program &program, const std::string &command) {
  std::string text = "Usage: " + command +
                     " [FUNCTION] [OPTIONS]\n\n"
                     "Calls a function of the compiled program '" +
                     std::string(program.name()) +
                     "'. An output that is not written to a file is described.\n\nFunctions:\n";
  for (const Function &function : program.functions())
    text += "  " + function.declaration() + "\n";
  text += "\nOptions:\n";
  constexpr std::size_t kColumn = 32;
  for (const OptionHelp &option : kOptions) {
    std::string line = "  " + std::string(option.name) + (option.value.empty() ? "" : "=") + std::string(option.value);
    line.resize(std::max(line.size() + 1, kColumn), ' ');
    for (char letter : option.help)
      line += letter == '\n' ? "\n" + std::string(kColumn, ' ') : std::string(1, letter);
    text += line + "\n";
  }
  return text + "\nExit codes: 0 success, 1 an error in files, shapes or weights, 2 a wrong command line, 3 an internal error.\n";
}

void print(const std::string &text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error("can't write to standard output");
}

void run(const Program &program, const std::string &command, const Request &request) {
  if (request.help)
    return print(help_text(program, command));
  const Function &function = choose_function(program, request.function);
  const OutputFiles files = plan_outputs(function, request.outputs);
  const std::vector<Tensor> inputs = read_inputs(function, request.inputs);
  Model model(program, {request.threads, nullptr});
  if (request.weights)
    model.load_state_dict(load(*request.weights));
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

int report(ExitCode code, const char *kind, const std::string &message) {
  std::fprintf(stderr, "%s: %s\n", kind, message.c_str());
  return code;
}

} // namespace

int run_command(const Program &program, int argc, const char *const *argv) {
  const std::string command = argc > 0 ? argv[0] : "program";
  try {
    run(program, command, parse(argc, argv));
    return kSuccess;
  } catch (const UsageError &error) {
    return report(kUsage, "error", std::string(error.what()) + "\n  " + command + " --help says what there is");
  } catch (const Error &error) {
    return report(kUserError, "error", error.what());
  } catch (const std::bad_alloc &) {
    return report(kUserError, "error", "out of memory");
  } catch (const std::exception &error) {
    return report(kInternal, "internal error", error.what());
  } catch (...) {
    return report(kInternal, "internal error", "an exception of unknown type");
  }
}

} // namespace kiln::runtime
