//===- main.cpp - kiln, the driver ----------------------------------------===//
//
// Picks the command and turns what escapes it into an exit status: 0, 1 for an error of the user's, 2 for a wrong command line, 3
// for an error of Kiln's own.
//
//===----------------------------------------------------------------------===//

#include <exception>

#include "command_line.h"
#include "crash_guard.h"
#include "diagnostics.h"
#include "kiln/runtime/error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace kiln::tools;

static const Command *const commands[] = {&buildCommand, &runCommand,     &trainCommand,   &benchCommand,
                                          &printCommand, &summaryCommand, &inspectCommand, &weightsCommand};

static void printHelp() {
  outs() << "Kiln compiles PyTorch-style models, written in C++, ahead of time to native code.\n\n"
            "USAGE: kiln COMMAND [options]\n\nCOMMANDS:\n";
  for (const Command *command : commands)
    outs() << "  " << left_justify(command->name, 10) << command->summary << "\n";
  outs() << "\n'kiln COMMAND --help' says more about each, with examples.\n";
}

static int runDriver(ArrayRef<const char *> arguments) {
  if (arguments.empty()) {
    printHelp();
    return UsageError;
  }
  StringRef name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    printHelp();
    return Success;
  }
  if (name == "--version") {
    outs() << "kiln " KILN_VERSION "\n";
    return Success;
  }
  auto command = find_if(commands, [&](const Command *candidate) { return candidate->name == name; });
  if (command != std::end(commands))
    return (*command)->execute(parseCommandLine(**command, arguments.drop_front()));

  SmallVector<StringRef> names = map_to_vector(commands, [](const Command *candidate) { return candidate->name; });
  StringRef what = name.starts_with("-") ? "option" : "command";
  failUsage("", Twine("unknown ") + what + " '" + name + "'" + suggestion(name, names));
}

int main(int argc, char **argv) {
  InitLLVM initialise(argc, argv);
  setBugReportMsg(bugReportMessage);
  try {
    return runDriver(ArrayRef<const char *>(argv, argc).drop_front());
  } catch (const CommandFailure &failure) {
    return failure.status;
  } catch (const kiln::runtime::Error &error) {
    reportError(error);
    return UserError;
  } catch (const std::exception &error) {
    report(Severity::Internal, error.what());
    return InternalError;
  }
}
