//===- diagnostics.h - what the driver says on standard error ---*- C++ -*-===//
//
// One shape for all messages, whoever they come from (the recorder, the runtime, MLIR's diagnostics, the driver itself):
//
//   model.cpp:12:10: error: mat1 and mat2 shapes cannot be multiplied (32x784 and 128x10)
//      12 |   return fc2(x);
//         |          ^
//   the message's further lines
//   note: ...
//
// Without a place it is "error: ...", as from the command lines of compiled programs.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_DIAGNOSTICS_H
#define KILN_TOOLS_KILN_DIAGNOSTICS_H

#include <cstdint>
#include <string>

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir {
class Location;
class MLIRContext;
} // namespace mlir
namespace kiln::ir {
class SourceResolver;
} // namespace kiln::ir
namespace kiln::runtime {
class Error;
} // namespace kiln::runtime
namespace kiln::recording {
struct Diagnostic;
} // namespace kiln::recording

namespace kiln::tools {

/// Internal: a defect of Kiln's own.
enum class Severity { Error, Warning, Remark, Note, Internal };

/// A place in a source file. Line and column start at 1; 0 where unknown.
struct Place {
  std::string file;
  unsigned line = 0, column = 0;
};

/// Writes one message. Its first line goes beside the place, the rest below the excerpt of the source.
void report(Severity severity, const Place &place, llvm::StringRef message);
void report(Severity severity, llvm::StringRef message);

/// Reports an error of the runtime or of the DSL, at the user's line when it carries return addresses.
void reportError(const runtime::Error &error);

/// Reports what the recorder found, with its notes.
void reportDiagnostic(const recording::Diagnostic &diagnostic);

/// Declares that files under `folder` are not the user's: Kiln's headers. Only before the first use of `sourceResolver`.
void addInternalFolder(llvm::StringRef folder);
/// Whether a file is one of Kiln's headers or of the C++ library's.
bool isInternalFile(llvm::StringRef file);

/// From return addresses to lines of the user's files.
ir::SourceResolver &sourceResolver();
/// The innermost place in the user's files among return addresses of this process.
Place placeOf(llvm::ArrayRef<uintptr_t> frames);
/// The user's line in an operation's location.
Place placeOf(mlir::Location location);

/// Makes MLIR's diagnostics of `context` come out as the driver's. Holds as long as the object lives.
class DiagnosticPrinter {
public:
  explicit DiagnosticPrinter(mlir::MLIRContext &context);
  ~DiagnosticPrinter();
  DiagnosticPrinter(const DiagnosticPrinter &) = delete;
  DiagnosticPrinter &operator=(const DiagnosticPrinter &) = delete;

private:
  mlir::MLIRContext &context;
  uint64_t handler;
};

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_DIAGNOSTICS_H
