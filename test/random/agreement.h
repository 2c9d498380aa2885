//===- agreement.h - Compiled programs against the interpreter --*- C++ -*-===//
//
// Compiles a random program and compares what it computes with the reference interpreter in double, on every instruction set, with one
// thread and two, for several sizes. How far results may differ is measured: the interpreter runs again with every value rounded and
// moved by a unit in the last place of its type, and the spread of the results is what rounding alone can do.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TEST_RANDOM_AGREEMENT_H
#define KILN_TEST_RANDOM_AGREEMENT_H

#include "program_builder.h"

#include <string>

namespace kiln::random {

enum class Fault { None, DoesNotCompile, Refuses, Accepts, Differs, Threads };

struct Agreement {
  Fault fault = Fault::None;
  std::string message; // what differs, and where
  size_t compared = 0; // values: none where every call is refused
};

/// A program with the inputs that its function is called with.
struct Case {
  semantics::RecordedProgram program;
  std::vector<int64_t> limits; // of the inputs' integers
  uint64_t seed = 0;           // of the inputs' values and the sizes
};

Case caseOf(const ProgramBuilder &builder, uint64_t seed);

/// The program as a module's text, after differentiation; empty with a message where it is refused.
std::string textOf(const semantics::RecordedProgram &program, std::string &message);

Agreement check(const Case &given);

/// The smallest program found that has the same fault: outputs left out, operations replaced by inputs.
Case reduce(Case given, const Agreement &agreement);

} // namespace kiln::random

#endif // KILN_TEST_RANDOM_AGREEMENT_H
