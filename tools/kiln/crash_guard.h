//===- crash_guard.h - the user's code at arm's length ----------*- C++ -*-===//
//
// Recording a model runs code of the user's inside the driver. `runGuarded` runs a whole command in a child process, so that
// whatever that code does, a segmentation fault, an endless recursion, abort() or exit(), ends in a report by a healthy process:
// the user's line when the user's code was running, the artifact when a compiled program was, an internal error otherwise. The child
// writes what it knows of its end to
// memory that both share. Folders with temporary files are removed by the parent, so nothing stays behind either.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_CRASH_GUARD_H
#define KILN_TOOLS_KILN_CRASH_GUARD_H

#include <string>

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

namespace kiln::tools {

/// What LLVM's own handlers print first where nobody guards: the driver's code crashed.
inline constexpr const char *bugReportMessage = "The compiler crashed; where, is below.\n";

/// Runs `command` in a child process and returns the exit status of the driver. With KILN_NO_FORK=1 in the environment it runs in
/// this process, for debuggers.
int runGuarded(llvm::function_ref<int()> command);

/// A folder for temporary files, which is gone when the command ends, in whatever way it ends. Throws CommandFailure when there
/// can be none.
std::string temporaryFolder();

/// While one lives, the user's code runs: code from the shared library `library`, compiled from `source`.
class UserCodeScope {
public:
  UserCodeScope(llvm::StringRef library, llvm::StringRef source);
  ~UserCodeScope();
  UserCodeScope(const UserCodeScope &) = delete;
  UserCodeScope &operator=(const UserCodeScope &) = delete;
};

/// While one lives, code of the compiled program `artifact` may run. `origin` is what the user named: the artifact, or the model that
/// it was compiled from.
class ArtifactScope {
public:
  ArtifactScope(llvm::StringRef artifact, llvm::StringRef origin);
  ~ArtifactScope();
  ArtifactScope(const ArtifactScope &) = delete;
  ArtifactScope &operator=(const ArtifactScope &) = delete;
};

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_CRASH_GUARD_H
