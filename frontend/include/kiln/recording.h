// The driver's side of the frontend: the programs of the loaded model files, and recording one.
#pragma once

#include <string>
#include <vector>

#include "kiln/runtime/error.h"
#include "kiln/semantics/program.h"

namespace kiln::recording {

enum class Severity { Warning, Note };

/// Another place that belongs to a diagnostic: "made here", "first used here".
struct Note {
  std::string message;
  semantics::Frames frames;
};

/// Something about the model that its author should know, though it can be compiled.
struct Diagnostic {
  Severity severity = Severity::Warning;
  std::string message;
  std::string module_path;
  semantics::Frames frames;
  std::vector<Note> notes;
};

struct Recording {
  semantics::RecordedProgram program;
  std::vector<Diagnostic> diagnostics;
};

/// Names of all KILN_PROGRAMs in this process, in order of registration.
KILN_API std::vector<std::string> program_names();

/// Runs a program's block and records its functions. The default generator is seeded first, so the same source gives the same
/// bytes. Throws runtime::Error with `frames` for everything that the model's author got wrong; KeyError when there is no such
/// program.
KILN_API Recording record_program(const std::string &name);

} // namespace kiln::recording
