// `main` of the executables that the compiler emits: the command lines of the program that is linked in, `train` and, without that
// word, a call.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "kiln/runtime/run_command.h"
#include "train_main.h"

/// Defined by the artifact's object: the address of its descriptor.
extern "C" const kiln_program *const kiln_linked_program;
/// The same for kiln_train_command, null where no function of the program changes any state: such an executable holds no training.
extern "C" decltype(&kiln_train_command) const kiln_linked_train;

int main(int argc, char **argv) {
  try {
    const auto program = kiln::runtime::Program::from(kiln_linked_program);
    const bool trains = kiln_linked_train != nullptr &&
                        std::ranges::find(program.functions(), "train", &kiln::runtime::Function::name) == program.functions().end();
    if (!trains || argc < 2 || std::string(argv[1]) != "train")
      return kiln::runtime::run_command(program, argc, argv, trains);
    const std::string command = argv[0] + std::string(" train");
    std::vector<const char *> words = {command.c_str()};
    words.insert(words.end(), argv + 2, argv + argc);
    return kiln_linked_train(&program, static_cast<int>(words.size()), words.data());
  } catch (const std::exception &error) { // the descriptor breaks a rule: the executable was not built right
    std::fprintf(stderr, "internal error: %s\n", error.what());
    return 3;
  }
}
