//===- command_line.cpp - the driver's command line -----------------------===//
//
// Parsing, help and spelling suggestions on LLVM's option tables.
//
//===----------------------------------------------------------------------===//

#include "command_line.h"

#include "diagnostics.h"
#include "kiln/runtime/spelling.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace llvm::opt;

namespace kiln::tools {

//===----------------------------------------------------------------------===//
// The option table
//===----------------------------------------------------------------------===//

#define OPTTABLE_STR_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_STR_TABLE_CODE

#define OPTTABLE_PREFIXES_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_PREFIXES_TABLE_CODE

static constexpr OptTable::Info optionInfos[] = {
#define OPTION(...) LLVM_CONSTRUCT_OPT_INFO(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

namespace {
class KilnOptions : public GenericOptTable {
public:
  KilnOptions() : GenericOptTable(OptionStrTable, OptionPrefixesTable, optionInfos) { setDashDashParsing(true); }
};
} // namespace

static const KilnOptions &options() {
  static const KilnOptions table;
  return table;
}

//===----------------------------------------------------------------------===//
// Help and errors
//===----------------------------------------------------------------------===//

void printCommandHelp(const Command &command) {
  // OptTable writes OVERVIEW, USAGE and OPTIONS; the examples go between, where they are read first.
  outs() << command.synopsis << "\n\n" << command.text << "\n";
  if (!command.examples.empty())
    outs() << "\nEXAMPLES:\n" << command.examples << "\n";
  std::string usage = command.synopsis.str(), help;
  raw_string_ostream stream(help);
  options().printHelp(stream, usage.c_str(), command.name.str().c_str(), /*ShowHidden=*/false, /*ShowAllAliases=*/false,
                      Visibility(command.bit));
  outs() << "\n" << StringRef(help).substr(StringRef(help).find("OPTIONS:"));
}

void failUsage(StringRef command, const Twine &message) {
  report(Severity::Error, (message + "\n  kiln " + command + (command.empty() ? "" : " ") + "--help says what there is").str());
  throw CommandFailure{UsageError};
}

std::string suggestion(StringRef word, ArrayRef<StringRef> names) {
  return runtime::suggestion(std::string_view(word), {names.begin(), names.end()});
}

/// The options of a command.
static std::vector<Option> optionsOf(const Command &command) {
  std::vector<Option> result;
  for (unsigned id = OPT_UNKNOWN + 1; id <= options().getNumOptions(); ++id)
    if (Option option = options().getOption(id); option.getKind() != Option::GroupClass && option.hasVisibilityFlag(command.bit))
      result.push_back(option);
  return result;
}

/// "--save", which is "--save=" in the table.
static StringRef nameOf(Option option) { return option.getPrefixedName().rtrim('='); }

[[noreturn]] static void failWithoutValue(const Command &command, Option option) {
  StringRef name = nameOf(option);
  const char *value = options().getOptionMetaVar(option.getID());
  failUsage(command.name, Twine("option '") + name + "' needs a value: " + name +
                              (option.getPrefixedName().ends_with("=") ? "=" : " ") + (value ? value : "VALUE"));
}

/// Says what is wrong with an option that the table does not take as it stands: its name, or that a value is there or not.
[[noreturn]] static void failUnknown(const Command &command, StringRef spelling) {
  StringRef name = spelling.split('=').first;
  std::vector<StringRef> names;
  for (Option option : optionsOf(command)) {
    if (nameOf(option).ends_with("-"))
      continue; // where others' options begin, and none itself
    names.push_back(nameOf(option));
    if (names.back() != name)
      continue;
    if (option.getKind() == Option::FlagClass)
      failUsage(command.name, Twine("option '") + name + "' takes no value");
    failWithoutValue(command, option);
  }
  failUsage(command.name, Twine("unknown option '") + name + "'" + suggestion(name, names));
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

InputArgList parseCommandLine(const Command &command, ArrayRef<const char *> arguments) {
  unsigned missingIndex = 0, missingCount = 0;
  InputArgList parsed = options().ParseArgs(arguments, missingIndex, missingCount, Visibility(command.bit));
  if (parsed.hasArg(OPT_help)) {
    printCommandHelp(command);
    throw CommandFailure{Success};
  }
  if (missingCount)
    failUnknown(command, parsed.getArgString(missingIndex));
  for (const Arg *unknown : parsed.filtered(OPT_UNKNOWN))
    failUnknown(command, unknown->getAsString(parsed));
  return parsed;
}

StringRef onlyValue(const Command &command, const InputArgList &arguments, OptionID option) {
  auto given = arguments.filtered(option);
  if (given.begin() == given.end())
    return {};
  const Arg *first = *given.begin();
  if (std::next(given.begin()) != given.end())
    failUsage(command.name, Twine("option '") + nameOf(first->getOption()) + "' was given more than once");
  StringRef value = first->getValue();
  if (value.empty())
    failWithoutValue(command, first->getOption());
  return value;
}

} // namespace kiln::tools
