// `main` of the executables that the compiler emits: the command line of the program that is linked in.
#include <cstdio>

#include "kiln/runtime/run_command.h"

/// Defined by the artifact's object: the address of its descriptor.
extern "C" const kiln_program *const kiln_linked_program;

int main(int argc, char **argv) {
  try {
    return kiln::runtime::run_command(kiln::runtime::Program::from(kiln_linked_program), argc, argv);
  } catch (const std::exception &error) { // the descriptor breaks a rule: the executable was not built right
    std::fprintf(stderr, "internal error: %s\n", error.what());
    return 3;
  }
}
