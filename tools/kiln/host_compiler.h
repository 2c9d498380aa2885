//===- host_compiler.h - compiling the user's C++ ---------------*- C++ -*-===//
//
// Finds the host compiler ($CXX, else c++) and Kiln's headers, and compiles a model's source into a shared library.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_HOST_COMPILER_H
#define KILN_TOOLS_KILN_HOST_COMPILER_H

#include <string>
#include <vector>

#include "llvm/ADT/StringRef.h"

namespace kiln::tools {

struct ModelOptions;

/// Folders of Kiln's headers: `include` beside the driver's `bin` when Kiln is installed, else those of the source tree that it
/// was built from. Throws CommandFailure when neither is there.
std::vector<std::string> headerFolders();

/// The host compiler as a program and leading arguments: CXX may be "ccache g++". Throws CommandFailure when there is none.
std::vector<std::string> hostCompiler();

/// The static libraries that executables link: the generic main, then the runtime. In lib/ beside the driver's bin/, installed or
/// in a build tree. Throws CommandFailure when one is missing.
std::vector<std::string> runtimeLibraries();

/// Compiles `source` into the shared library `library`. The compiler's own messages are the user's to read; when it fails, throws
/// CommandFailure{UserError}.
void compileModel(llvm::StringRef source, llvm::StringRef library, const ModelOptions &options);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_HOST_COMPILER_H
