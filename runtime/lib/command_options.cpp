// Options, inputs, help and exit codes of command lines.
#include "kiln/runtime/command_options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>

#include "concat.h"
#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "kiln/runtime/spelling.h"
#include "torch_pickle.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

std::optional<std::string> CommandLine::value(std::string_view name) const {
  for (auto option = options.rbegin(); option != options.rend(); ++option)
    if (option->first == name)
      return option->second;
  return std::nullopt;
}

std::vector<std::string> CommandLine::values(std::string_view name) const {
  std::vector<std::string> result;
  for (const auto &[option, value] : options)
    if (option == name)
      result.push_back(value);
  return result;
}

namespace {

[[noreturn]] void fail_option(std::span<const OptionHelp> table, const std::string &name) {
  std::vector<std::string_view> names;
  for (const OptionHelp &option : table)
    names.push_back(option.name);
  throw UsageError(concat({"unknown option '", name, "'", suggestion(name, names)}));
}

template <class T> bool parses(const std::string &value, T &result) {
  const char *end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, result);
  return status == std::errc() && stop == end;
}

} // namespace

CommandLine parse_command_line(std::span<const OptionHelp> table, int argc, const char *const *argv) {
  CommandLine result;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("-")) {
      result.positional.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--help" || name == "-h") {
      result.help = true;
      continue;
    }
    const auto option = std::ranges::find(table, name, &OptionHelp::name);
    if (option == table.end())
      fail_option(table, name);
    if (value.empty() && !option->value.empty())
      throw UsageError(concat({"option '", name, "' needs a value: ", name, "=", option->value}));
    if (equals != std::string::npos && option->value.empty())
      throw UsageError(concat({"option '", name, "' takes no value"}));
    result.options.emplace_back(name, value);
  }
  return result;
}

int parse_count(const std::string &option, const std::string &value, int most) {
  int result = 0;
  if (!parses(value, result) || result < 1 || result > most)
    throw UsageError(concat({option, "=", value, ": expected a number from 1 to ", most}));
  return result;
}

uint64_t parse_seed(const std::string &option, const std::string &value) {
  uint64_t result = 0;
  if (!parses(value, result) || result > static_cast<uint64_t>(INT64_MAX))
    throw UsageError(concat({option, "=", value, ": expected a whole number from 0 to 2^63 - 1"}));
  return result;
}

double parse_number(const std::string &option, const std::string &value) {
  double result = 0;
  if (!parses(value, result))
    throw UsageError(concat({option, "=", value, ": expected a number"}));
  return result;
}

std::string options_text(std::span<const OptionHelp> table) {
  constexpr std::size_t kColumn = 32;
  std::string text;
  for (const OptionHelp &option : table) {
    std::string line = concat({"  ", option.name, (option.value.empty() ? "" : "="), option.value});
    line.resize(std::max(line.size() + 1, kColumn), ' ');
    for (char letter : option.help)
      line += letter == '\n' ? "\n" + std::string(kColumn, ' ') : std::string(1, letter);
    text += line + "\n";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Functions and inputs
//===----------------------------------------------------------------------===//

std::string list(const std::vector<std::string_view> &names) {
  std::string text;
  for (std::string_view name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text.empty() ? "none" : text;
}

std::vector<std::string_view> names_of(const std::vector<Argument> &arguments) {
  std::vector<std::string_view> names;
  for (const Argument &argument : arguments)
    names.push_back(argument.name);
  return names;
}

std::size_t index_of(const std::vector<Argument> &arguments, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(arguments, name, &Argument::name) - arguments.begin());
}

const Function &choose_function(const Program &program, const std::optional<std::string> &wanted) {
  std::vector<std::string_view> names;
  std::vector<const Function *> readers;
  for (const Function &function : program.functions()) {
    names.push_back(function.name);
    if (function.writes.empty())
      readers.push_back(&function);
  }
  if (!wanted) {
    if (names.size() == 1)
      return program.functions().front();
    if (readers.size() == 1) // what a trained model is for, beside the functions that train it
      return *readers.front();
    throw UsageError("name a function; the program has " + list(names));
  }
  const auto found = std::find(names.begin(), names.end(), *wanted);
  if (found == names.end())
    throw UsageError(
        concat({"the program has no function '", *wanted, "'", suggestion(*wanted, names), "\n  it has ", list(names)}));
  return program.functions()[static_cast<std::size_t>(found - names.begin())];
}

std::pair<std::size_t, Tensor> read_argument(const std::string &option, const std::string &text, std::string_view owner,
                                             const std::vector<Argument> &arguments, std::span<const Tensor> taken) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const std::size_t index = index_of(arguments, name);
  const auto names = names_of(arguments);
  if (equals == std::string::npos || equals + 1 == text.size())
    throw UsageError(concat({option, "=", text, ": expected NAME=FILE; the inputs of ", owner, " are: ", list(names)}));
  if (index == arguments.size())
    throw UsageError(concat({option, "=", text, ": ", owner, " has no input '", name, "'", suggestion(name, names),
                             "\n  its inputs are: ", list(names)}));
  if (taken[index].defined())
    throw UsageError(concat({option, "=", text, ": input '", name, "' is given twice"}));
  return {index, read_input(text.substr(equals + 1), arguments[index], index)};
}

std::vector<Tensor> read_inputs(const Function &function, const std::vector<std::string> &texts) {
  std::vector<Tensor> inputs(function.inputs.size());
  for (const std::string &text : texts) {
    auto [index, tensor] = read_argument("--input", text, function.name, function.inputs, inputs);
    inputs[index] = std::move(tensor);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined())
      throw UsageError(concat({"input '", function.inputs[i].name, "' is missing: give --input=", function.inputs[i].name,
                               "=FILE\n  ", function.declaration()}));
  return inputs;
}

std::string name_to_show(std::string_view name) { return shown(name); }

StateDict read_weights(const std::string &path, const std::string &key, bool can_resume) {
  try {
    return load(path, key);
  } catch (const CheckpointGiven &error) {
    throw Error(concat({error.what(), "\n  --key=", (error.key.empty() ? "KEY picks one" : shown(error.key) + " picks it"),
                        (can_resume ? concat({"; --resume=", path, " goes on with training"}) : "")}));
  }
}

//===----------------------------------------------------------------------===//
// Output and exit codes
//===----------------------------------------------------------------------===//

void print(const std::string &text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error("can't write to standard output");
}

void warn(const std::string &text) { std::fprintf(stderr, "warning: %s\n", text.c_str()); }

static int report(ExitCode code, const char *kind, const std::string &message) {
  std::fprintf(stderr, "%s: %s\n", kind, message.c_str());
  return code;
}

int run_guarded(const std::string &command, const std::function<void()> &body) {
  try {
    body();
    return kSuccess;
  } catch (const UsageError &error) {
    return report(kUsage, "error", concat({error.what(), "\n  ", command, " --help says what there is"}));
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
