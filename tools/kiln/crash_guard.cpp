//===- crash_guard.cpp - the user's code at arm's length ------------------===//
//
// A child process, a page of memory that it shares with its parent, and signal handlers that write where the user's code was.
//
//===----------------------------------------------------------------------===//

#include "crash_guard.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <execinfo.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command_line.h"
#include "diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/DebugInfo/Symbolize/Symbolize.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

namespace {
constexpr int maxFrames = 64;
constexpr size_t maxPath = 4096;
constexpr size_t alternateStackBytes = 256 * 1024; // unwinding and dladdr need more than the usual 8 KiB

/// What the child tells its parent; plain memory, written also from signal handlers.
struct SharedPage {
  volatile bool userCodeRuns;
  volatile int signal;
  volatile int frameCount;
  uint64_t frames[maxFrames]; // offsets into `library`, innermost first
  char library[maxPath], source[maxPath];
  char folder[maxPath];
};
} // namespace

static SharedPage *shared = nullptr;
static const int guardedSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

//===----------------------------------------------------------------------===//
// In the child
//===----------------------------------------------------------------------===//

static void copyPath(char (&to)[maxPath], StringRef from) {
  size_t size = std::min(from.size(), maxPath - 1);
  std::memcpy(to, from.data(), size);
  to[size] = 0;
}

/// Notes the signal and the frames that lie in the user's library, and ends the process. The heap may be in any state, so nothing
/// here allocates; `backtrace` was called once before, so that its own set-up is done.
static void recordCrash(int signal) {
  shared->signal = signal;
  void *frames[maxFrames * 4];
  int count = backtrace(frames, maxFrames * 4), kept = 0;
  for (int i = 0; i < count && kept < maxFrames; ++i) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_fname || std::strcmp(info.dli_fname, shared->library) != 0)
      continue;
    // Return addresses point behind the call. The innermost frame may be the faulting instruction itself; one byte less is in it
    // or in the one before, on the same line all but always.
    shared->frames[kept++] = reinterpret_cast<uint64_t>(frames[i]) - reinterpret_cast<uint64_t>(info.dli_fbase) - 1;
  }
  shared->frameCount = kept;
  _exit(UserError);
}

static struct sigaction previousActions[std::size(guardedSignals)];
static stack_t previousStack;

UserCodeScope::UserCodeScope(StringRef library, StringRef source) {
  if (!shared)
    return;
  copyPath(shared->library, library);
  copyPath(shared->source, source);
  void *warmUp[1];
  backtrace(warmUp, 1);
  // An endless recursion leaves no stack for the handler, so it gets one of its own.
  static char *alternateStack = static_cast<char *>(std::malloc(alternateStackBytes));
  stack_t stack = {};
  stack.ss_sp = alternateStack;
  stack.ss_size = alternateStackBytes;
  sigaltstack(&stack, &previousStack);
  struct sigaction action = {};
  action.sa_handler = recordCrash;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (size_t i = 0; i < std::size(guardedSignals); ++i)
    sigaction(guardedSignals[i], &action, &previousActions[i]);
  shared->userCodeRuns = true;
}

UserCodeScope::~UserCodeScope() {
  if (!shared)
    return;
  shared->userCodeRuns = false;
  for (size_t i = 0; i < std::size(guardedSignals); ++i)
    sigaction(guardedSignals[i], &previousActions[i], nullptr);
  sigaltstack(&previousStack, nullptr);
}

//===----------------------------------------------------------------------===//
// Temporary files
//===----------------------------------------------------------------------===//

/// Without a parent that clears up after it, the process does so itself.
static std::string ownFolder;

static void removeFolder(const std::string &folder) {
  if (!folder.empty())
    sys::fs::remove_directories(folder, /*IgnoreErrors=*/true);
}

std::string temporaryFolder() {
  std::string folder = shared ? shared->folder : ownFolder;
  if (!folder.empty())
    return folder;
  SmallString<128> made;
  if (std::error_code error = sys::fs::createUniqueDirectory("kiln", made)) {
    report(Severity::Error, Twine("can't make a temporary folder: ").concat(error.message()).str());
    throw CommandFailure{UserError};
  }
  if (shared)
    copyPath(shared->folder, made);
  else {
    ownFolder = made.str().str();
    std::atexit([] { removeFolder(ownFolder); });
  }
  return made.str().str();
}

//===----------------------------------------------------------------------===//
// In the parent
//===----------------------------------------------------------------------===//

/// The innermost place in the user's files among the frames; a place without file when there is none.
static Place userPlace() {
  symbolize::LLVMSymbolizer symbolizer;
  for (int i = 0; i < shared->frameCount; ++i) {
    auto inlined = symbolizer.symbolizeInlinedCode(std::string(shared->library),
                                                   {shared->frames[i], object::SectionedAddress::UndefSection});
    if (!inlined) {
      consumeError(inlined.takeError());
      continue;
    }
    for (unsigned frame = 0; frame < inlined->getNumberOfFrames(); ++frame) {
      const DILineInfo &info = inlined->getFrame(frame);
      SmallString<128> file(info.FileName);
      sys::path::remove_dots(file, /*remove_dot_dot=*/true);
      if (info.Line && !isInternalFile(file))
        return {file.str().str(), info.Line, info.Column};
    }
  }
  return {};
}

static std::string describeSignal(int signal) {
  if (signal == SIGSEGV)
    return "segmentation fault (a null or dangling pointer, or a recursion without end)";
  if (signal == SIGFPE)
    return "arithmetic error (an integer division by zero)";
  if (signal == SIGABRT)
    return "abort (a failed assertion, or an exception that nobody caught)";
  return strsignal(signal);
}

static int explainEnd(int status) {
  if (shared->userCodeRuns && (shared->signal || WIFSIGNALED(status))) {
    int signal = shared->signal ? int(shared->signal) : WTERMSIG(status);
    std::string message = "the model's own code crashed while it was recorded: " + describeSignal(signal);
    Place place = userPlace();
    if (place.file.empty())
      place.file = shared->source;
    report(Severity::Error, place, message);
    return UserError;
  }
  if (WIFSIGNALED(status)) {
    report(Severity::Error, std::string("internal error: ") + strsignal(WTERMSIG(status)) +
                                "; this is a defect of Kiln, please report it with the model and the command line");
    return InternalError;
  }
  if (shared->userCodeRuns) {
    report(Severity::Error, Place{shared->source, 0, 0},
           "the model's own code ended the program, with exit status " + std::to_string(WEXITSTATUS(status)) +
               ", while it was recorded");
    return UserError;
  }
  return WEXITSTATUS(status);
}

int runGuarded(function_ref<int()> command) {
  const char *noFork = std::getenv("KILN_NO_FORK");
  if (noFork && StringRef(noFork) == "1")
    return command();
  void *memory = mmap(nullptr, sizeof(SharedPage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return command();
  shared = static_cast<SharedPage *>(memory);
  outs().flush();
  pid_t child = fork();
  if (child < 0) {
    shared = nullptr;
    return command();
  }
  if (child == 0) {
    int status = command();
    outs().flush();
    std::fflush(nullptr);
    _exit(status);
  }
  // Ctrl-C reaches the child as well; the parent stays to clear up.
  struct sigaction ignore = {}, previous;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &previous);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  sigaction(SIGINT, &previous, nullptr);
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM)) {
    removeFolder(shared->folder);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  int exitStatus = explainEnd(status);
  removeFolder(shared->folder);
  return exitStatus;
}

} // namespace kiln::tools
