// What the generic main reaches training by.
#include "train_main.h"

#include "kiln/runtime/train_command.h"

int kiln_train_command(const kiln::runtime::Program *program, int argc, const char *const *argv) {
  return kiln::runtime::train_command(*program, argc, argv);
}
