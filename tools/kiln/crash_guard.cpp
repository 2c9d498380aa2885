//===- crash_guard.cpp - the user's code at arm's length ------------------===//
//
// A child process, a page of memory that it shares with its parent, and signal handlers that write where the user's code was.
//
//===----------------------------------------------------------------------===//

#include "crash_guard.h"

#include <atomic>
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
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/DebugInfo/Symbolize/Symbolize.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

namespace {
constexpr int maxFrames = 64;
constexpr size_t maxPath = 4096;
constexpr size_t alternateStackBytes = 256 * 1024; // unwinding and dladdr need more than the usual 8 KiB

/// Whose code the child runs, beside its own.
enum class Guest { None, UserCode, Artifact };

/// What the child tells its parent; plain memory, written also from signal handlers.
struct SharedPage {
  volatile Guest guest;
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
/// here allocates; `backtrace` was called once before, so that its own set-up is done. Of several threads that fault at once, the
/// first reports.
static void recordCrash(int signal) {
  static std::atomic<pid_t> reporter{0};
  pid_t none = 0;
  if (!reporter.compare_exchange_strong(none, gettid()) && none != gettid())
    for (;;)
      pause();
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
  _exit(shared->guest == Guest::Artifact ? InternalError : UserError);
}

static struct sigaction previousActions[std::size(guardedSignals)];
static stack_t previousStack;

/// `library` is where the guest's code is, `source` what the user calls it.
static void enter(Guest guest, StringRef library, StringRef source) {
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
  action.sa_flags = SA_ONSTACK; // a second fault in the handler is blocked, and so ends the process
  for (size_t i = 0; i < std::size(guardedSignals); ++i)
    sigaction(guardedSignals[i], &action, &previousActions[i]);
  shared->guest = guest;
}

static void leave() {
  if (!shared)
    return;
  shared->guest = Guest::None;
  for (size_t i = 0; i < std::size(guardedSignals); ++i)
    sigaction(guardedSignals[i], &previousActions[i], nullptr);
  sigaltstack(&previousStack, nullptr);
}

UserCodeScope::UserCodeScope(StringRef library, StringRef source) { enter(Guest::UserCode, library, source); }
UserCodeScope::~UserCodeScope() { leave(); }

ArtifactScope::ArtifactScope(StringRef artifact, StringRef origin) {
  if (!shared) { // LLVM's handlers report then
    static std::string message;
    message = (origin + ": the artifact's code faulted; where, is below.\n").str();
    setBugReportMsg(message.c_str());
    return;
  }
  // As the dynamic linker calls it: without a slash it would have searched the library path.
  enter(Guest::Artifact, artifact.contains('/') ? artifact.str() : ("./" + artifact).str(), origin);
}
ArtifactScope::~ArtifactScope() {
  if (!shared)
    setBugReportMsg(bugReportMessage);
  leave();
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

/// Which code it was that faulted: the artifact's when it has a frame on the stack.
static int explainFaultOfArtifact(int signal) {
  bool inArtifact = shared->frameCount != 0;
  report(Severity::Error,
         std::string(shared->source) + (inArtifact ? ": the artifact's code faulted: " : ": a fault while the artifact ran: ") +
             strsignal(signal) +
             "; the artifact is damaged or was not made by Kiln, or this is a defect of Kiln: build it again, and if it still faults, "
             "report it with the model and the command line");
  return InternalError;
}

/// A signal that code brings upon itself; others come from outside, or from a reader that has gone (SIGPIPE).
static bool isFault(int signal) { return is_contained(guardedSignals, signal); }

static int explainEnd(int status) {
  Guest guest = shared->guest;
  int signal = shared->signal ? int(shared->signal) : WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (guest == Guest::Artifact && signal)
    return explainFaultOfArtifact(signal);
  if (guest == Guest::UserCode && signal) {
    std::string message = "the model's own code crashed while it was recorded: " + describeSignal(signal);
    Place place = userPlace();
    if (place.file.empty())
      place.file = shared->source;
    report(Severity::Error, place, message);
    return UserError;
  }
  if (WIFSIGNALED(status)) {
    report(Severity::Internal, std::string(strsignal(WTERMSIG(status))) +
                                   "; this is a defect of Kiln, please report it with the model and the command line");
    return InternalError;
  }
  if (guest == Guest::UserCode) {
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
  int ending = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (ending == SIGINT || ending == SIGTERM || (ending && shared->guest == Guest::Artifact && !isFault(ending))) {
    removeFolder(shared->folder);
    signal(ending, SIG_DFL);
    raise(ending);
  }
  int exitStatus = explainEnd(status);
  removeFolder(shared->folder);
  return exitStatus;
}

} // namespace kiln::tools
