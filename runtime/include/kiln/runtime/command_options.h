// What the command lines of compiled programs (run_command.h, train_command.h, `kiln bench`) have in common: options, inputs, help, exit codes.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kiln/runtime/command_values.h"
#include "kiln/runtime/export.h"
#include "kiln/runtime/state_dict.h"

namespace kiln::runtime {

enum ExitCode { kSuccess = 0, kUserError = 1, kUsage = 2, kInternal = 3 };

struct OptionHelp {
  std::string_view name, value, help; // `value` is empty for a flag
};

/// A command line taken apart, before anything is read.
struct CommandLine {
  std::vector<std::string> positional;
  std::vector<std::pair<std::string, std::string>> options; // name and value, in order
  bool help = false;

  bool has(std::string_view name) const { return value(name).has_value(); }
  /// The value that was given last.
  std::optional<std::string> value(std::string_view name) const;
  std::vector<std::string> values(std::string_view name) const;
};

/// Throws UsageError for an option that is not in `table`, and for one without the value that it needs.
KILN_API CommandLine parse_command_line(std::span<const OptionHelp> table, int argc, const char *const *argv);

/// The numbers that options take. Throw UsageError.
KILN_API int parse_count(const std::string &option, const std::string &value, int most);
KILN_API uint64_t parse_seed(const std::string &option, const std::string &value);
KILN_API double parse_number(const std::string &option, const std::string &value);

/// The options as help text lists them, a line or more each.
KILN_API std::string options_text(std::span<const OptionHelp> table);

/// "x, y"; "none".
KILN_API std::string list(const std::vector<std::string_view> &names);
KILN_API std::vector<std::string_view> names_of(const std::vector<Argument> &arguments);
/// Place of the argument called `name`; arguments.size() when there is none.
KILN_API std::size_t index_of(const std::vector<Argument> &arguments, std::string_view name);

/// The function that was asked for; else the only one, or the only one that writes no state. Throws UsageError, listing the functions
/// there are.
KILN_API const Function &choose_function(const Program &program, const std::optional<std::string> &wanted);

/// A text NAME=FILE of an option, read for one of `arguments`; returns the argument's place too. `owner` is what has these arguments.
/// Throws UsageError, also when `taken` says that the argument was given before.
KILN_API std::pair<std::size_t, Tensor> read_argument(const std::string &option, const std::string &text, std::string_view owner,
                                                      const std::vector<Argument> &arguments, std::span<const Tensor> taken);
/// All inputs of a function from texts NAME=FILE of --input, in the function's order.
KILN_API std::vector<Tensor> read_inputs(const Function &function, const std::vector<std::string> &texts);

/// A name that comes from a file, as a terminal may see it: without control characters, and not endless.
KILN_API std::string name_to_show(std::string_view name);

/// The state_dict of --weights=PATH and --key=KEY. Errors say which flag picks the weights out of a checkpoint; `can_resume`: or goes
/// on with it.
KILN_API StateDict read_weights(const std::string &path, const std::string &key, bool can_resume);

/// Writes to standard output at once. Throws Error.
KILN_API void print(const std::string &text);
/// "warning: ..." on standard error.
KILN_API void warn(const std::string &text);

/// Runs a command and reports what it throws on standard error. Returns the exit code.
KILN_API int run_guarded(const std::string &command, const std::function<void()> &body);

} // namespace kiln::runtime
