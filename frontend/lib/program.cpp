// Programs: registration, and recording one by name.
#include "kiln/program.h"

#include <algorithm>

#include "errors.h"
#include "kiln/recording.h"
#include "program_recorder.h"

namespace kiln {

namespace {

struct RegisteredProgram {
  std::string name;
  void (*body)(Program &);
};

// Filled by static initialisers, so it has to exist before the first of them.
std::vector<RegisteredProgram> &registered_programs() {
  static std::vector<RegisteredProgram> programs;
  return programs;
}

} // namespace

detail::ProgramRegistration::ProgramRegistration(const char *name, void (*body)(Program &)) {
  registered_programs().push_back({name, body});
}

const std::string &Program::name() const { return recorder_.name(); }

void Program::add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs, std::size_t arity,
                           Body body) {
  recorder_.add_function(std::move(name), std::move(inputs), std::move(outputs), arity, body);
}

void Program::register_module(const std::string &name, std::shared_ptr<nn::Module> module) {
  recorder_.register_module(name, std::move(module));
}

namespace recording {

std::vector<std::string> program_names() {
  std::vector<std::string> names;
  for (const RegisteredProgram &program : registered_programs())
    names.push_back(program.name);
  return names;
}

Recording record_program(const std::string &name) {
  const RegisteredProgram *found = nullptr;
  for (const RegisteredProgram &program : registered_programs()) {
    if (program.name != name)
      continue;
    if (found)
      throw runtime::KeyError("there are two programs '" + name + "'\ngive each KILN_PROGRAM a name of its own");
    found = &program;
  }
  if (!found) {
    std::string names;
    for (const std::string &other : program_names())
      names += (names.empty() ? "" : ", ") + other;
    throw runtime::KeyError(
        "there is no program '" + name + "'\n" +
        (names.empty() ? "the model file has no KILN_PROGRAM(name) { ... }" : "the model file has: " + names));
  }
  detail::ProgramRecorder recorder(name);
  if (recorder.run(found->body))
    return recorder.finish();
  // A module changed its mode or was frozen behind a function: record again, now that the end of the block is known.
  detail::ProgramRecorder second(name, recorder.end_of_block());
  second.run(found->body);
  return second.finish();
}

} // namespace recording
} // namespace kiln
