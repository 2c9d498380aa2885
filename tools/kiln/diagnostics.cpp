//===- diagnostics.cpp - what the driver says on standard error -----------===//
//
// Places, excerpts of the source under them, and the two roads that messages come by: exceptions and MLIR's diagnostics.
//
//===----------------------------------------------------------------------===//

#include "diagnostics.h"

#include <memory>

#include "kiln/ir/Locations.h"
#include "kiln/ir/SourceResolver.h"
#include "kiln/recording.h"
#include "kiln/runtime/error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace kiln::tools {

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

static StringRef nameOf(Severity severity) {
  switch (severity) {
  case Severity::Error:
    return "error";
  case Severity::Warning:
    return "warning";
  case Severity::Remark:
    return "remark";
  case Severity::Note:
    return "note";
  case Severity::Internal:
    return "internal error";
  }
  return "error";
}

/// The line, and a caret under the column. Nothing when the file can't be read or has become shorter.
static void printExcerpt(raw_ostream &stream, const Place &place) {
  auto buffer = MemoryBuffer::getFile(place.file, /*IsText=*/true);
  if (!buffer || !place.line)
    return;
  StringRef rest = (*buffer)->getBuffer(), line;
  for (unsigned i = 0; i < place.line; ++i) {
    if (rest.empty())
      return;
    std::tie(line, rest) = rest.split('\n');
  }
  line = line.rtrim();
  if (line.empty())
    return;
  std::string number = std::to_string(place.line);
  stream.indent(number.size() < 5 ? 5 - number.size() : 1) << number << " | " << line << "\n";
  if (!place.column || place.column > line.size())
    return;
  stream.indent(std::max<size_t>(number.size() + 1, 5)) << " | ";
  // Tabs stay tabs, so that the caret lines up however wide they are.
  for (char letter : line.take_front(place.column - 1))
    stream << (letter == '\t' ? '\t' : ' ');
  stream << "^\n";
}

void report(Severity severity, const Place &place, StringRef message) {
  // One write a message: remarks of passes on several threads don't mix.
  std::string text;
  raw_string_ostream stream(text);
  auto [first, rest] = message.split('\n');
  if (!place.file.empty()) {
    stream << place.file;
    if (place.line)
      stream << ":" << place.line;
    if (place.line && place.column)
      stream << ":" << place.column;
    stream << ": ";
  }
  stream << nameOf(severity) << ": " << first << "\n";
  if (severity != Severity::Remark) // there are many, and they say which module they are about
    printExcerpt(stream, place);
  if (!rest.empty())
    stream << rest << (rest.ends_with("\n") ? "" : "\n");
  errs() << text;
  errs().flush();
}

void report(Severity severity, StringRef message) { report(severity, Place(), message); }

//===----------------------------------------------------------------------===//
// Exceptions and the recorder's diagnostics
//===----------------------------------------------------------------------===//

static std::vector<std::string> &internalFolders() {
  // The C++ library's, and the rooms that are linked into the driver.
  static std::vector<std::string> folders = {
      "/usr/include/",          "/usr/lib/", KILN_SOURCE_DIR "/frontend/", KILN_SOURCE_DIR "/ir/", KILN_SOURCE_DIR "/runtime/",
      KILN_SOURCE_DIR "/tools/"};
  return folders;
}

void addInternalFolder(StringRef folder) { internalFolders().push_back(folder.str()); }

bool isInternalFile(StringRef file) {
  return llvm::any_of(internalFolders(), [&](const std::string &folder) { return file.starts_with(folder); });
}

ir::SourceResolver &sourceResolver() {
  static ir::SymbolizingResolver resolver(internalFolders());
  return resolver;
}

Place placeOf(ArrayRef<uintptr_t> frames) {
  auto position = sourceResolver().resolve(semantics::Frames(frames.begin(), frames.end()));
  if (!position)
    return {};
  return {position->file, position->line, position->column};
}

void reportError(const runtime::Error &error) { report(Severity::Error, placeOf(error.frames), error.what()); }

void reportDiagnostic(const recording::Diagnostic &diagnostic) {
  Severity severity = diagnostic.severity == recording::Severity::Warning ? Severity::Warning : Severity::Note;
  report(severity, placeOf(diagnostic.frames), diagnostic.message);
  for (const auto &note : diagnostic.notes)
    report(Severity::Note, placeOf(note.frames), note.message);
}

//===----------------------------------------------------------------------===//
// MLIR's diagnostics
//===----------------------------------------------------------------------===//

Place placeOf(mlir::Location location) {
  if (mlir::FileLineColLoc source = ir::sourceOf(location))
    return {source.getFilename().str(), source.getLine(), source.getColumn()};
  return {};
}

static Severity severityOf(mlir::DiagnosticSeverity severity) {
  switch (severity) {
  case mlir::DiagnosticSeverity::Error:
    return Severity::Error;
  case mlir::DiagnosticSeverity::Warning:
    return Severity::Warning;
  case mlir::DiagnosticSeverity::Remark:
    return Severity::Remark;
  case mlir::DiagnosticSeverity::Note:
    return Severity::Note;
  }
  return Severity::Error;
}

/// MLIR's own note to an operation's diagnostic: the operation's text. Who wrote C++ has the source line instead; where there is
/// none, or the source is MLIR text itself, it says what the message is about.
static bool isOperationText(const mlir::Diagnostic &note) { return StringRef(note.str()).starts_with("see current operation: "); }

DiagnosticPrinter::DiagnosticPrinter(mlir::MLIRContext &context) : context(context) {
  handler = context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    Place place = placeOf(diagnostic.getLocation());
    report(severityOf(diagnostic.getSeverity()), place, diagnostic.str());
    bool isOfModel = !place.file.empty() && !StringRef(place.file).ends_with(".mlir");
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      if (!isOfModel || !isOperationText(note))
        report(Severity::Note, placeOf(note.getLocation()), note.str());
  });
}

DiagnosticPrinter::~DiagnosticPrinter() { context.getDiagEngine().eraseHandler(handler); }

} // namespace kiln::tools
