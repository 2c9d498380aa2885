//===- host_compiler.cpp - compiling the user's C++ -----------------------===//
//
// The command line that a model's source is compiled with, and the reasons for each part of it.
//
//===----------------------------------------------------------------------===//

#include "host_compiler.h"

#include <cstdlib>

#include "command_line.h"
#include "diagnostics.h"
#include "header_check.h"
#include "model_loader.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace kiln::tools {

[[noreturn]] static void fail(const Twine &message, ExitStatus status) {
  report(Severity::Error, message.str());
  throw CommandFailure{status};
}

/// A folder beside the one that the driver lies in (bin/).
static std::string siblingFolder(StringRef name) {
  static int anchor;
  SmallString<128> folder(sys::fs::getMainExecutable("kiln", &anchor));
  sys::path::remove_filename(folder);
  sys::path::remove_filename(folder);
  sys::path::append(folder, name);
  return folder.str().str();
}

std::vector<std::string> headerFolders() {
  std::string installed = siblingFolder("include");
  if (sys::fs::exists(installed + "/kiln/kiln.h"))
    return {installed};
  std::string source = KILN_SOURCE_DIR;
  if (sys::fs::exists(source + "/frontend/include/kiln/kiln.h"))
    return {source + "/frontend/include", source + "/ir/semantics/include", source + "/runtime/include"};
  fail("can't find Kiln's headers: there is no " + installed + "/kiln/kiln.h, and the source tree that this driver was built from is " +
           "not there any more; build or install Kiln again, as a whole",
       UserError);
}

std::vector<std::string> hostCompiler() {
  const char *variable = std::getenv("CXX");
  StringRef command = variable && *variable ? variable : "c++";
  SmallVector<StringRef> words;
  SplitString(command, words);
  if (!words.empty())
    if (auto program = sys::findProgramByName(words.front())) {
      std::vector<std::string> result = {*program};
      for (StringRef word : ArrayRef<StringRef>(words).drop_front())
        result.push_back(word.str());
      return result;
    }
  if (variable && *variable)
    fail("the C++ compiler that the environment variable CXX names, '" + command + "', is not there", UserError);
  fail("no C++ compiler: there is no c++ in PATH; install one (Debian: apt-get install g++) or name one with the environment "
       "variable CXX",
       UserError);
}

std::vector<std::string> runtimeLibraries() {
  std::vector<std::string> libraries;
  for (StringRef name : {"libkiln_runtime_main.a", "libkiln_runtime.a"}) {
    libraries.push_back(siblingFolder("lib") + "/" + name.str());
    if (!sys::fs::exists(libraries.back()))
      fail("can't find Kiln's runtime, which executables are linked with: " + libraries.back() + " is not there", InternalError);
  }
  return libraries;
}

/// The folders that the compiler searches before Kiln's own.
static std::vector<std::string> userFolders(const ModelOptions &options) {
  std::vector<std::string> folders = options.includeFolders;
  for (size_t i = 0; i < options.flags.size(); ++i) {
    StringRef flag = options.flags[i];
    if (!flag.consume_front("-I"))
      continue;
    if (flag.empty() && i + 1 < options.flags.size())
      flag = options.flags[++i];
    folders.push_back(flag.str());
  }
  return folders;
}

/// Where Kiln's headers are in the debug information of models, wherever they are on this machine.
static constexpr StringLiteral headerAlias = "/kiln/include";

void compileModel(StringRef source, StringRef library, const ModelOptions &options) {
  std::vector<std::string> arguments = hostCompiler();
  std::string compiler = arguments.front();
  auto add = [&](const Twine &argument) { arguments.push_back(argument.str()); };

  add("-std=c++20");
  add("-shared");
  add("-fPIC");
  // A model's constructors run once and its arithmetic runs in the driver's libraries: what counts is that compiling is quick,
  // and that every call of the user's keeps its own frame and its own line, which optimisation would merge.
  add("-O0");
  add("-g1");
  add("-fno-omit-frame-pointer");
  add("-fno-optimize-sibling-calls");
  // Lines are named as the user named the file, so what is built does not depend on where the model lies; of several maps that
  // fit, compilers take the last.
  SmallString<128> here;
  if (!sys::fs::current_path(here))
    add("-ffile-prefix-map=" + here + "=.");
  std::vector<std::string> headers = headerFolders();
  checkHeaders(userFolders(options), headers);
  for (const std::string &folder : headers) {
    add("-isystem");
    add(folder);
    add("-ffile-prefix-map=" + folder + "=" + headerAlias);
  }
  addInternalFolder((headerAlias + "/").str());
  for (const std::string &folder : options.includeFolders)
    add("-I" + folder);
  for (const std::string &define : options.defines)
    add("-D" + define);
  // Whatever the file's ending, it is C++; what follows it (libraries among the user's flags) is not.
  add("-x");
  add("c++");
  add(source);
  if (!options.flags.empty()) {
    add("-x");
    add("none");
  }
  for (const std::string &flag : options.flags)
    add(flag);
  add("-o");
  add(library);

  std::vector<StringRef> words(arguments.begin(), arguments.end());
  std::string message;
  int status = sys::ExecuteAndWait(compiler, words, /*Env=*/std::nullopt, /*Redirects=*/{}, /*SecondsToWait=*/0,
                                   /*MemoryLimit=*/0, &message);
  if (status == 0)
    return;
  if (status < 0)
    fail("the C++ compiler " + compiler + " could not be run" + (message.empty() ? "" : ": " + message), UserError);
  fail(Twine(source) + " did not compile (" + compiler + " has said why above)", UserError);
}

} // namespace kiln::tools
