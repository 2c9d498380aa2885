//===- command_line.h - the driver's command line ---------------*- C++ -*-===//
//
// The commands, their options (Options.td) and the checks that all of them share: unknown commands and options with the nearest
// spelling, missing values, help with examples. A wrong command line ends the command with exit status 2.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_COMMAND_LINE_H
#define KILN_TOOLS_KILN_COMMAND_LINE_H

#include <string>

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Option/OptTable.h"

namespace kiln::tools {

/// Exit statuses of `kiln`.
enum ExitStatus : int { Success = 0, UserError = 1, UsageError = 2, InternalError = 3 };

/// Thrown once an error has been reported: ends the command with `status`.
struct CommandFailure {
  ExitStatus status;
};

/// Which commands take an option: the values of `Visibility` in Options.td.
enum CommandBit : unsigned {
  DefaultVis = llvm::opt::DefaultVis,
  Main = 1 << 1,
  Build = 1 << 2,
  Run = 1 << 3,
  Print = 1 << 4,
  Summary = 1 << 5,
  Inspect = 1 << 6,
  Train = 1 << 7,
  Bench = 1 << 8,
  Weights = 1 << 9,
};

/// Identifiers of the options, OPT_output_file and so on.
enum OptionID {
  OPT_INVALID = 0,
#define OPTION(...) LLVM_MAKE_OPT_ID(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

/// A command of the driver.
struct Command {
  llvm::StringRef name;
  CommandBit bit;
  llvm::StringRef summary;  // one line in `kiln --help`
  llvm::StringRef synopsis; // "kiln build MODEL -o OUT [options]"
  llvm::StringRef text;     // paragraphs under it
  llvm::StringRef examples; // a command and what it does, line by line
  int (*execute)(const llvm::opt::InputArgList &arguments);
};

/// Reads the arguments after a command's name. Prints help and throws CommandFailure{Success} for --help; reports what is wrong
/// and throws CommandFailure{UsageError} otherwise.
llvm::opt::InputArgList parseCommandLine(const Command &command, llvm::ArrayRef<const char *> arguments);

/// The help of one command.
void printCommandHelp(const Command &command);

/// Reports the error with a hint at the command's --help, and throws CommandFailure{UsageError}.
[[noreturn]] void failUsage(llvm::StringRef command, const llvm::Twine &message);

/// "; did you mean 'x'?" with the one of `names` that `word` was most likely meant to be; "" when none is near.
std::string suggestion(llvm::StringRef word, llvm::ArrayRef<llvm::StringRef> names);

/// The only value of an option that may be given once; empty when it was not given.
llvm::StringRef onlyValue(const Command &command, const llvm::opt::InputArgList &arguments, OptionID option);

// The commands, each in a file of its own.
extern const Command buildCommand, runCommand, trainCommand, benchCommand, printCommand, summaryCommand, inspectCommand,
    weightsCommand;

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_COMMAND_LINE_H
